package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A user who is suspended", func() {
	It("[K13] has no access, and exactly the same as before when reinstated", func() {
		w := newWorld()
		create(
			build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj(),
			build.Role(w.Namespace, "painter").GrantsIf(w.Edit, build.Equals("color", "red")).Obj(),
		)
		assignments := []*v1alpha1.RoleAssignment{
			w.assignment("editor", "editor").ToUser("alice").InWorkspace("prod").Obj(),
			w.assignment("painter", "painter").ToUser("alice").InWorkspace("lab").Obj(),
			w.assignment("reader", "reader").ToUser("alice").InProject("lab", "vision").OnResource(w.Type, "42").Obj(),
		}
		others := w.assignment("bob", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(others)
		for _, assigned := range assignments {
			create(assigned)
		}
		expectReason(others, v1alpha1.ReasonInForce)
		for _, assigned := range assignments {
			expectReason(assigned, v1alpha1.ReasonInForce)
		}
		expectAccess := func(want bool) {
			GinkgoHelper()
			Expect(w.may("alice", w.Edit, w.at("prod", "speech"))()).To(Equal(want))
			Expect(w.may("alice", w.Edit, w.at("lab"), attributes{"color": "red"})()).To(Equal(want))
			Expect(w.may("alice", w.View, w.object("42", "lab", "vision"))()).To(Equal(want))
			Expect(w.may("alice", w.Edit, w.at("lab"))()).To(BeFalse())
			Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeTrue(), "somebody else")
		}
		expectAccess(true)
		before, err := w.inStore()
		Expect(err).NotTo(HaveOccurred())

		alice := w.user("alice")
		edit(alice, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(alice, v1alpha1.ReasonSuspended, "spec.suspended")
		expectAccess(false)
		Expect(w.allInStore()).NotTo(ContainElement(ContainSubstring(w.subject("alice"))))
		for _, assigned := range assignments {
			expectReason(assigned, v1alpha1.ReasonUserSuspended, "alice")
			Expect(assigned).To(haveGeneration(1))
		}

		By("while more is given")
		late := w.assignment("late", "editor").ToUser("alice").InWorkspace("lab").Obj()
		create(late)
		expectReason(late, v1alpha1.ReasonUserSuspended)
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeFalse())
		remove(late)

		edit(alice, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(alice, v1alpha1.ReasonValid)
		expectAccess(true)
		Expect(w.inStore()).To(ConsistOf(before))
		for _, assigned := range assignments {
			expectReason(assigned, v1alpha1.ReasonInForce)
		}
	})
})
