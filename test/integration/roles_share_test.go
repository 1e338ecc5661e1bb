package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A share role", func() {
	var (
		w     *world
		sheet string
	)
	BeforeEach(func() {
		w = newWorld()
		sheet = w.Namespace + ".sheet"
		other := build.ResourceType(w.Namespace + "-sheet").OfType(sheet).Permits(w.Namespace + ":Sum").Obj()
		create(other)
	})
	share := func(name string) *build.RoleBuilder { return build.Role(w.Namespace, name).OfType(v1alpha1.RoleShare) }
	on := func(name, role, id string) *build.RoleAssignmentBuilder {
		return w.assignment(name, role).InProject("prod", "vision").OnResource(w.Type, id)
	}
	give := func(assigned ...*v1alpha1.RoleAssignment) {
		GinkgoHelper()
		for _, a := range assigned {
			create(a)
			expectReason(a, v1alpha1.ReasonInForce)
		}
	}

	It("[Z6] [Z7] is given to a user and to a group on one object of one model, and taken from each", func() {
		create(share("reader").Grants(w.View).Obj())
		user, group := on("user", "reader", "42").ToUser("bob").Obj(), on("group", "reader", "42").ToGroup("devs").Obj()
		elsewhere := on("elsewhere", "reader", "43").ToGroup("devs").Obj()
		give(user, group, elsewhere)
		here, there := w.object("42", "prod", "vision"), w.object("43", "prod", "vision")
		Expect(w.may("bob", w.View, here)()).To(BeTrue())
		Expect(w.groupMay(w.View, here)()).To(BeTrue())
		Expect(w.groupMay(w.View, there)()).To(BeTrue())
		for what, may := range map[string]func() (bool, error){
			"another object":                    w.mayBelow("bob", w.View, there),
			"the same id of another model":      w.mayBelow("bob", w.View, w.objectOf(sheet, "42", "prod", "vision")),
			"the same object in another place":  w.mayBelow("bob", w.View, w.object("42", "prod", "speech")),
			"the same object at the workspace":  w.mayBelow("bob", w.View, w.object("42", "prod", "")),
			"the project":                       w.may("bob", w.View, w.at("prod", "vision")),
			"the group on the project":          w.groupMay(w.View, w.at("prod", "vision")),
			"what the role does not give":       w.may("bob", w.Edit, here),
			"another user":                      w.may("alice", w.View, here),
			"the group, what it does not give":  w.groupMay(w.Edit, here),
			"the group on another model's same": w.groupMay(w.View, w.objectOf(sheet, "42", "prod", "vision")),
		} {
			Expect(may()).To(BeFalse(), what)
		}

		By("a member of the group")
		create(w.membership("alice-devs", "alice").Obj())
		expectReason(w.membership("alice-devs", "alice").Obj(), v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, here)()).To(BeTrue())

		By("taking it from the user, and then from the group")
		remove(user)
		Expect(w.may("bob", w.View, here)()).To(BeFalse())
		Expect(w.may("alice", w.View, here)()).To(BeTrue())
		remove(group)
		Expect(w.may("alice", w.View, here)()).To(BeFalse())
		Expect(w.may("alice", w.View, there)()).To(BeTrue())
	})
})
