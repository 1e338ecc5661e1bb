package reconcile

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

	It("[Z6] is shared by the workspace and by the organization, each an object of its own", func() {
		create(share("reader").Grants(w.View).Obj())
		inWorkspace := w.assignment("w", "reader").ToUser("alice").InWorkspace("prod").OnResource(w.Type, "42").Obj()
		inOrganization := w.assignment("o", "reader").ToUser("bob").OnResource(w.Type, "42").Obj()
		give(inWorkspace, inOrganization)
		for user, place := range map[string]string{"alice": "prod", "bob": ""} {
			for _, workspace := range []string{"", "prod"} {
				Expect(w.mayBelow(user, w.View, w.object("42", workspace, ""))()).To(Equal(place == workspace), "%s at %q", user, workspace)
			}
			Expect(w.mayBelow(user, w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		}
	})

	It("[Z6] [G11] inherits, and is inherited from; where it may be assigned is its own matter", func() {
		create(
			build.Role(w.Namespace, "viewer").OfType(v1alpha1.RoleBase).Grants(w.View).Obj(),
			share("commenter").Inherits("viewer").GrantsIf(w.Edit, build.Equals("draft", "true")).Obj(),
			build.Role(w.Namespace, "lead").Inherits("commenter").Grants(w.Delete).Obj(),
		)
		give(on("shared", "commenter", "42").ToUser("bob").Obj(), w.assignment("lead", "lead").ToUser("alice").InWorkspace("lab").Obj())
		here, draft := w.object("42", "prod", "vision"), attributes{"draft": true}
		Expect(w.may("bob", w.View, here)()).To(BeTrue())
		Expect(w.may("bob", w.Edit, here, draft)()).To(BeTrue())
		Expect(w.may("bob", w.Edit, here, attributes{"draft": false})()).To(BeFalse())
		Expect(w.may("bob", w.Delete, here)()).To(BeFalse())
		for _, permission := range []string{w.View, w.Edit, w.Delete} {
			Expect(w.may("alice", permission, w.at("lab", "vision"), draft)()).To(BeTrue(), permission)
		}
		for _, wrong := range []*v1alpha1.RoleAssignment{
			w.assignment("share-at-project", "commenter").ToUser("bob").InProject("prod", "vision").Obj(),
			on("standard-on-object", "lead", "42").ToUser("bob").Obj(),
		} {
			create(wrong)
			expectReason(wrong, v1alpha1.ReasonScopeLevelNotAllowed, "spec.scope")
		}

		By("switching on an object, as anywhere")
		viewer := build.Role(w.Namespace, "viewer").Obj()
		edit(viewer, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = nil })
		expectReason(viewer, v1alpha1.ReasonValid)
		Expect(w.may("bob", w.View, here)()).To(BeFalse())
		Expect(w.may("bob", w.Edit, here, draft)()).To(BeTrue())
	})
})
