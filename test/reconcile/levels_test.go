package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The level of a role assignment", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[Z5] becomes right when the role allows it, and ends when the role no longer does", func() {
		role := build.Role(w.Namespace, "narrow").AssignableAt(v1alpha1.LevelProject).Grants(w.View).Obj()
		assigned := w.assignment("alice", "narrow").ToUser("alice").InWorkspace("prod").Obj()
		create(role, assigned)
		expectReason(assigned, v1alpha1.ReasonScopeLevelNotAllowed)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())

		edit(role, func(r *v1alpha1.Role) { r.Spec.AssignableAt = append(r.Spec.AssignableAt, v1alpha1.LevelWorkspace) })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())

		edit(role, func(r *v1alpha1.Role) { r.Spec.AssignableAt = r.Spec.AssignableAt[:1] })
		expectReason(role, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		expectReason(assigned, v1alpha1.ReasonScopeLevelNotAllowed)

		By("all that the type allows, when nothing is said")
		edit(role, func(r *v1alpha1.Role) { r.Spec.AssignableAt = nil })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		Expect(assigned).To(haveGeneration(1), "nobody has touched the assignment")
	})

	It("[Z6] may be corrected on either side", func() {
		shared := w.assignment("shared", "reader").ToUser("alice").InProject("prod", "vision").Obj()
		moved := w.assignment("moved", "reader").ToUser("bob").InProject("prod", "vision").Obj()
		share := build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View)
		create(share.Obj(), shared, moved)
		expectReason(shared, v1alpha1.ReasonScopeLevelNotAllowed)
		expectReason(moved, v1alpha1.ReasonScopeLevelNotAllowed)

		By("moving the assignment to a resource")
		edit(moved, func(a *v1alpha1.RoleAssignment) {
			a.Spec.Scope.Resource = &v1alpha1.ResourceReference{Type: w.Type, ID: "42"}
		})
		expectReason(moved, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeTrue())

		By("making the role anew with another type")
		remove(share.Obj())
		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		create(build.Role(w.Namespace, "reader").Grants(w.View).Obj())
		expectReason(shared, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeTrue())
		expectReason(moved, v1alpha1.ReasonScopeLevelNotAllowed)
		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		Expect(shared).To(haveGeneration(1), "nobody has touched the assignment")
	})
})
