package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An edit of an assignment", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		create(build.Role(w.Namespace, "cleaner").Grants(w.Delete).Obj())
	})

	// step is one edit, and what holds after it: what the assignment says now, and nothing else of these.
	type step struct {
		Edit  func(*v1alpha1.RoleAssignment)
		Holds func() (bool, error)
	}

	// follow makes an edit after the other. Before each, vanish takes away what the assignment then names.
	follow := func(assigned *v1alpha1.RoleAssignment, steps []step, vanish ...func()) {
		GinkgoHelper()
		for n, s := range steps {
			if n == 0 {
				create(assigned)
			} else {
				if n <= len(vanish) {
					vanish[n-1]()
					Expect(steps[n-1].Holds()).To(BeFalse(), "before step %d", n)
				}
				edit(assigned, s.Edit)
			}
			expectReason(assigned, v1alpha1.ReasonInForce)
			for m, other := range steps {
				Expect(other.Holds()).To(Equal(n == m), "what step %d gives, after step %d", m, n)
			}
		}
		remove(assigned)
		for m, other := range steps {
			Expect(other.Holds()).To(BeFalse(), "what step %d gives", m)
		}
		Expect(w.inStore()).NotTo(ContainElement(MatchRegexp("assignee|slot_|resource:")))
	}
	subjects := func() []step {
		return []step{
			{nil, w.may("alice", w.Edit, w.at("prod"))},
			{func(a *v1alpha1.RoleAssignment) { a.Spec.Subject.User = "bob" }, w.may("bob", w.Edit, w.at("prod"))},
			{func(a *v1alpha1.RoleAssignment) { a.Spec.Subject = v1alpha1.AssignmentSubject{Group: "devs"} }, w.groupMay(w.Edit, w.at("prod"))},
			{func(a *v1alpha1.RoleAssignment) { a.Spec.Subject = v1alpha1.AssignmentSubject{User: "carol"} }, w.may("carol", w.Edit, w.at("prod"))},
		}
	}

	It("[K3] moves the role from one subject to the next", func() {
		create(w.user("carol"), w.standing("carol"))
		follow(w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj(), subjects())
	})

})
