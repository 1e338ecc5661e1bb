package integration

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/plugin"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// reviewed are the entries of the organization's access review.
func (p *person) reviewed() []query.Holding {
	GinkgoHelper()
	var reviews []struct{ Holds []query.Holding }
	p.authz("report", "--output=json").document(&reviews)
	Expect(reviews).To(HaveLen(1))
	return reviews[0].Holds
}

// allowedBy reads a review as an auditor does: an entry allows what it names, there and below, if the request meets all
// of its conditions.
func allowedBy(reviewed []query.Holding, user, permission, path string, request attributes) bool {
	return slices.ContainsFunc(reviewed, func(holding query.Holding) bool {
		return holding.User == user && holding.Permission == permission && strings.HasPrefix(path+"/", holding.At+"/") &&
			!slices.ContainsFunc(holding.Conditions, func(condition query.Condition) bool {
				given, there := request[condition.Attribute]
				listed := slices.Contains(condition.Values, fmt.Sprint(given))
				return !there || listed == (condition.Type == v1alpha1.ConditionNotEquals)
			})
	})
}

var _ = Describe("kubectl authz user, tree and report", func() {
	It("[C2] show what is held, in every form, and say what could not be read", func() {
		w := newWorld()
		viewer := w.newPerson("viewer").asks(w.Namespace)
		assignment := w.assignment("a", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		membership := build.GroupMembership(w.Namespace, "bob-devs", "bob", "devs").Obj()
		create(assignment, membership)
		observed(assignment)
		observed(membership)

		held := viewer.authz("user", "bob")
		Expect(held.column("PERMISSION")).To(ContainElement(w.View))
		Expect(held.Out).To(ContainSubstring("RoleAssignment a, Role editor, GroupMembership bob-devs"))
		Expect(viewer.authz("user", "nobody").Err).To(ContainSubstring("there is no User nobody"))
		Expect(viewer.authz("tree").Out).To(ContainSubstring("Group devs: Role editor, by RoleAssignment a"))
		for _, form := range []string{"html", "csv", "markdown"} {
			Expect(viewer.authz("report", "--output="+form)).To(And(
				HaveField("Status", plugin.StatusOK), HaveField("Out", containAll("bob", w.View, "RoleAssignment a", "GroupMembership bob-devs")),
			), form)
		}

		By("who may read the namespace only is told what is missing, in the review itself")
		poor := w.newPerson("poor").views(w.Namespace)
		Expect(poor.authz("report", "--output=html")).To(And(
			HaveField("Status", plugin.StatusFailed), HaveField("Out", containAll("This review is not complete", "Organization, ResourceType")),
		))

		By("and it ends with the membership")
		remove(membership)
		Expect(viewer.authz("user", "bob").Out).NotTo(ContainSubstring("RoleAssignment a"))
	})
})
