package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The level of a role assignment", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// The three levels of a role that is not shared, and a place at each.
	levels := []v1alpha1.ScopeLevel{v1alpha1.LevelOrganization, v1alpha1.LevelWorkspace, v1alpha1.LevelProject}
	at := func(level v1alpha1.ScopeLevel, b *build.RoleAssignmentBuilder) (*v1alpha1.RoleAssignment, string) {
		switch level {
		case v1alpha1.LevelWorkspace:
			return b.InWorkspace("prod").Obj(), w.at("prod")
		case v1alpha1.LevelProject:
			return b.InProject("prod", "vision").Obj(), w.at("prod", "vision")
		default:
			return b.Obj(), w.at()
		}
	}

	It("[Z5] is one that the role allows", func() {
		for _, allowed := range levels {
			role := build.Role(w.Namespace, "at-"+lower(allowed)).AssignableAt(allowed).Grants(w.View).Obj()
			create(role)
			for _, level := range levels {
				name := lower(level) + "-" + role.Name
				create(w.user(name))
				assigned, object := at(level, w.assignment(name, role.Name).ToUser(name))
				create(assigned)
				if level == allowed {
					expectReason(assigned, v1alpha1.ReasonInForce)
					Expect(w.may(name, w.View, object)()).To(BeTrue())
					continue
				}
				expectReason(assigned, v1alpha1.ReasonScopeLevelNotAllowed, "spec.scope", role.Name, "level "+string(level), "assignableAt")
				Expect(w.may(name, w.View, object)()).To(BeFalse())
				Expect(w.may(name, w.View, w.at("prod", "vision"))()).To(BeFalse())
			}
		}
	})

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

	It("[Z6] of a share role is a resource, and of every other never", func() {
		create(
			build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj(),
			build.Role(w.Namespace, "block").OfType(v1alpha1.RoleBase).Grants(w.View).Obj(),
		)
		for _, level := range levels {
			assigned, object := at(level, w.assignment("reader-"+lower(level), "reader").ToUser("alice"))
			create(assigned)
			expectReason(assigned, v1alpha1.ReasonScopeLevelNotAllowed, "spec.scope", "reader", "level "+string(level), "type")
			Expect(w.may("alice", w.View, object)()).To(BeFalse())
		}
		for _, role := range []string{"editor", "block"} {
			assigned := w.assignment(role, role).ToUser("alice").InProject("prod", "vision").OnResource(w.Type, "42").Obj()
			create(assigned)
			expectReason(assigned, v1alpha1.ReasonScopeLevelNotAllowed, "spec.scope", role, "level Resource", "type")
			Expect(w.may("alice", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		}
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
