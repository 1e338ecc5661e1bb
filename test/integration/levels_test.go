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
})
