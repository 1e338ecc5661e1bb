package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Whoever gives something", func() {
	var (
		w *world
		// alice has the role admin at the organization, mallory the role editor in the workspace prod.
		alice, mallory client.Client
	)
	BeforeEach(func() {
		w = newWorld()
		create(
			w.user("mallory"), w.standing("mallory"),
			w.assignment("alice", "admin").ToUser("alice").Obj(),
			w.assignment("mallory", "editor").ToUser("mallory").InWorkspace("prod").Obj(),
		)
		for _, name := range []string{"alice", "mallory"} {
			expectReason(w.assignment(name, "").Obj(), v1alpha1.ReasonInForce)
		}
		alice, mallory = w.editor("alice"), w.editor("mallory")
	})

	It("[G12] assigns a role only where they hold all that it gives", func() {
		Expect(alice.Create(ctx, w.assignment("a1", "editor").ToUser("bob").Obj())).To(Succeed())
		Expect(alice.Create(ctx, w.assignment("a2", "editor").ToGroup("devs").InProject("lab", "vision").Obj())).To(Succeed())
		Expect(mallory.Create(ctx, w.assignment("m1", "editor").ToUser("bob").InWorkspace("prod").Obj())).To(Succeed())
		Expect(mallory.Create(ctx, w.assignment("m2", "editor").ToUser("bob").InProject("prod", "vision").Obj())).To(Succeed())

		Expect(mallory.Create(ctx, w.assignment("m3", "editor").ToUser("bob").Obj())).To(beRefused(
			"spec.roleRef", "User mallory does not hold", w.View+" at "+w.Namespace, w.Edit+" at "+w.Namespace, "bind on roleassignments"))
		Expect(mallory.Create(ctx, w.assignment("m4", "editor").ToUser("bob").InWorkspace("lab").Obj())).To(beRefused(w.View + " at " + w.Namespace + "/lab"))
		Expect(mallory.Create(ctx, w.assignment("m5", "admin").ToUser("bob").InWorkspace("prod").Obj())).To(beRefused(w.Delete + " at " + w.Namespace + "/prod"))
	})

	It("[G12] makes and widens a role only if they hold all that it gives at the organization", func() {
		Expect(alice.Create(ctx, build.Role(w.Namespace, "own").Grants(w.View, w.Delete).Obj())).To(Succeed())
		Expect(alice.Create(ctx, build.Role(w.Namespace, "conditional").GrantsIf(w.Edit, build.Equals("color", "red")).Obj())).To(Succeed())
		Expect(mallory.Create(ctx, build.Role(w.Namespace, "theirs").Grants(w.View).Obj())).To(beRefused("spec", w.View+" at "+w.Namespace, "escalate on roles"))
		Expect(mallory.Create(ctx, build.Role(w.Namespace, "nothing").Obj())).To(Succeed())

		role := build.Role(w.Namespace, "conditional").Obj()
		expectReason(role, v1alpha1.ReasonValid)
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(role), role)).To(Succeed())
		wider := role.DeepCopy()
		wider.Spec.PermissionGrants[0].Conditions = nil
		Expect(mallory.Update(ctx, wider)).To(beRefused(w.Edit))
		Expect(alice.Update(ctx, wider)).To(Succeed())
	})

	It("[G12] [A6] [G13] grants permissions directly only if they hold them there", func() {
		for _, g := range []client.Object{
			w.grant("g1").ToUser("bob").Grants(w.View, w.Edit).InWorkspace("prod").Obj(),
			w.grant("g2").ToGroup("devs").Grants(w.View).InProject("prod", "vision").OnEvery(w.Type).Obj(),
			w.grant("g3").ToUser("bob").GrantsIf(w.Edit, build.NotEquals("color", "red")).InWorkspace("prod").OnResource(w.Type, "42").Obj(),
			w.temporary("t1").ToUser("bob").Grants(w.View).For("1h").InWorkspace("prod").Obj(),
		} {
			Expect(mallory.Create(ctx, g)).To(Succeed())
			Expect(g.GetAnnotations()).To(HaveKeyWithValue(v1alpha1.AnnotationCreator, w.subject("mallory")))
		}
		Expect(mallory.Create(ctx, w.grant("g4").ToUser("bob").Grants(w.View).Obj())).To(beRefused("spec.permissions", w.View+" at "+w.Namespace, "escalate on permissiongrants"))
		Expect(mallory.Create(ctx, w.grant("g5").ToUser("bob").Grants(w.View, w.Delete).InWorkspace("prod").Obj())).To(beRefused(w.Delete))
		Expect(mallory.Create(ctx, w.grant("g6").ToUser("bob").Grants(w.View).OnEvery(w.Type).Obj())).To(beRefused(w.View))
		Expect(mallory.Create(ctx, w.temporary("t2").ToUser("bob").Grants(w.Delete).For("1h").InWorkspace("prod").Obj())).To(beRefused("spec.permissionGrant", w.Delete, "escalate on temporarypermissiongrants"))
	})

	It("[G12] may give under conditions what they hold under conditions that are implied", func() {
		create(
			w.user("carol"), w.user("dave"),
			w.grant("carol").ToUser("carol").GrantsIf(w.Edit, build.In("color", "red", "blue")).Obj(),
			w.grant("dave").ToUser("dave").GrantsIf(w.Edit, build.NotEquals("floor", "3")).Obj(),
		)
		expectReason(w.grant("carol").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.grant("dave").Obj(), v1alpha1.ReasonInForce)
		carol, dave := w.editor("carol"), w.editor("dave")
		give := func(name string, conditions ...build.Condition) client.Object {
			return w.grant(name).ToUser("bob").GrantsIf(w.Edit, conditions...).Obj()
		}
		Expect(carol.Create(ctx, give("c1", build.Equals("color", "red")))).To(Succeed())
		Expect(carol.Create(ctx, give("c2", build.In("color", "blue", "red")))).To(Succeed())
		Expect(carol.Create(ctx, give("c3", build.Equals("color", "red"), build.Equals("floor", "3")))).To(Succeed())
		Expect(carol.Create(ctx, give("c4"))).To(beRefused(w.Edit))
		Expect(carol.Create(ctx, give("c5", build.In("color", "red", "green")))).To(beRefused(w.Edit, "conditions on color"))
		Expect(carol.Create(ctx, give("c6", build.NotEquals("color", "green")))).To(beRefused(w.Edit))
		Expect(carol.Create(ctx, give("c7", build.Equals("floor", "3")))).To(beRefused(w.Edit))

		Expect(dave.Create(ctx, give("d1", build.Equals("floor", "4")))).To(Succeed())
		Expect(dave.Create(ctx, give("d2", build.In("floor", "1", "2")))).To(Succeed())
		Expect(dave.Create(ctx, give("d3", build.NotEquals("floor", "3.0")))).To(Succeed())
		Expect(dave.Create(ctx, give("d4", build.In("floor", "2", "3")))).To(beRefused(w.Edit))
		Expect(dave.Create(ctx, give("d5", build.NotEquals("floor", "4")))).To(beRefused(w.Edit))
	})

	It("[G12] holds what they have by a group, an invitation, or a role that inherits", func() {
		invitation := build.Invitation(w.Namespace, "erin").AcceptedBy("erin").Obj()
		create(
			w.user("carol"), w.user("erin"), w.user("frank"),
			w.membership("carol", "carol").Obj(), w.assignment("devs", "editor").ToGroup("devs").Obj(),
			invitation, w.assignment("invited", "editor").ToInvitation("erin").Obj(),
			build.Role(w.Namespace, "child").Inherits("editor").Obj(), w.assignment("child", "child").ToUser("frank").Obj(),
		)
		for _, name := range []string{"devs", "invited", "child"} {
			expectReason(w.assignment(name, "").Obj(), v1alpha1.ReasonInForce)
		}
		expectReason(w.membership("carol", "carol").Obj(), v1alpha1.ReasonInForce)
		clients := map[string]client.Client{}
		for _, name := range []string{"carol", "erin", "frank"} {
			clients[name] = w.editor(name)
			Expect(clients[name].Create(ctx, w.assignment("by-"+name, "editor").ToUser("bob").Obj())).To(Succeed())
			Expect(clients[name].Create(ctx, w.assignment("more-by-"+name, "admin").ToUser("bob").Obj())).To(beRefused(w.Delete))
		}
		Expect(clients["frank"].Create(ctx, w.assignment("child-by-frank", "child").ToUser("bob").Obj())).To(Succeed())

		edit(w.user("frank"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(w.user("frank"), v1alpha1.ReasonSuspended)
		Expect(clients["frank"].Create(ctx, w.assignment("suspended", "editor").ToUser("bob").Obj())).To(beRefused("represents the User frank, which is suspended"))
		remove(w.membership("carol", "carol").Obj())
		Expect(clients["carol"].Create(ctx, w.assignment("left", "editor").ToUser("bob").Obj())).To(beRefused("User carol does not hold"))
	})

	It("[G8] does not hold what they have by a temporary grant", func() {
		fleeting := w.temporary("fleeting").ToUser("mallory").Grants(w.Delete).For("8h").Obj()
		create(fleeting)
		expectReason(fleeting, v1alpha1.ReasonInForce)
		Expect(w.may("mallory", w.Delete, w.at("prod"))()).To(BeTrue())
		Expect(mallory.Create(ctx, w.grant("g").ToUser("bob").Grants(w.Delete).InWorkspace("prod").Obj())).To(beRefused(w.Delete))
		Expect(mallory.Create(ctx, w.temporary("t").ToUser("bob").Grants(w.Delete).For("1h").InWorkspace("prod").Obj())).To(beRefused(w.Delete))
		Expect(mallory.Create(ctx, w.assignment("a", "admin").ToUser("mallory").InWorkspace("prod").Obj())).To(beRefused(w.Delete))

		By("but may give what they hold for good for a while")
		Expect(mallory.Create(ctx, w.temporary("held").ToUser("bob").Grants(w.View).For("1h").InWorkspace("prod").Obj())).To(Succeed())
	})

	It("[T2] does not hold a role that ends, and does not say who is in a group by a membership that ends", func() {
		ends := time.Now().Add(8 * time.Hour).Truncate(time.Second)
		role, admin := w.assignment("until", "admin").ToUser("mallory").Until(ends).Obj(), w.membership("until", "mallory").As(v1alpha1.GroupAdmin).Until(ends).Obj()
		create(role, admin)
		expectReason(role, v1alpha1.ReasonInForce)
		expectReason(admin, v1alpha1.ReasonInForce)
		Expect(w.may("mallory", w.Delete, w.at("prod"))()).To(BeTrue())
		Expect(mallory.Create(ctx, w.assignment("a", "admin").ToUser("bob").InWorkspace("prod").Obj())).To(beRefused(w.Delete))
		Expect(mallory.Create(ctx, w.assignment("a", "admin").ToUser("bob").InWorkspace("prod").Until(ends.Add(-time.Hour)).Obj())).To(beRefused(w.Delete))
		Expect(mallory.Create(ctx, w.membership("m", "bob").Obj())).To(beRefused("the administration of the Group devs"))

		By("and does when they have no end")
		edit(role, func(o *v1alpha1.RoleAssignment) { o.Spec.ExpiresAt = nil })
		edit(admin, func(o *v1alpha1.GroupMembership) { o.Spec.ExpiresAt = nil })
		expectReason(role, v1alpha1.ReasonInForce)
		expectReason(admin, v1alpha1.ReasonInForce)
		Expect(mallory.Create(ctx, w.assignment("a", "admin").ToUser("bob").InWorkspace("prod").Obj())).To(Succeed())
		Expect(mallory.Create(ctx, w.membership("m", "bob").Obj())).To(Succeed())
	})

	It("[G12] may narrow, label and delete what they do not hold", func() {
		assigned := w.assignment("a", "admin").ToUser("bob").Obj()
		granted := w.grant("g").ToUser("bob").Grants(w.View, w.Delete).Obj()
		fleeting := w.temporary("t").ToUser("bob").Grants(w.Delete).Until(time.Now().Add(8 * time.Hour).Truncate(time.Second)).Obj()
		role := build.Role(w.Namespace, "r").Grants(w.View, w.Delete).Obj()
		create(assigned, granted, fleeting, role)
		for _, o := range []v1alpha1.Object{assigned, granted, fleeting, role} {
			Eventually(reason(o)).ShouldNot(Equal("not observed"))
		}
		for _, o := range []client.Object{assigned, granted, fleeting, role} {
			Expect(mallory.Patch(ctx, o, client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}}}`)))).To(Succeed())
		}
		Expect(changeAs(mallory, assigned, func(o *v1alpha1.RoleAssignment) { o.Spec.Scope = v1alpha1.Scope{Workspace: "lab"} })).To(Succeed())
		Expect(changeAs(mallory, granted, func(o *v1alpha1.PermissionGrant) { o.Spec.Permissions = o.Spec.Permissions[1:] })).To(Succeed())
		Expect(changeAs(mallory, fleeting, func(o *v1alpha1.TemporaryPermissionGrant) {
			o.Spec.ExpiresAt.Time = o.Spec.ExpiresAt.Add(-time.Hour)
		})).To(Succeed())
		Expect(changeAs(mallory, role, func(o *v1alpha1.Role) { o.Spec.PermissionGrants = o.Spec.PermissionGrants[1:] })).To(Succeed())
		Expect(changeAs(mallory, role, func(o *v1alpha1.Role) { o.Spec.Description, o.Spec.DisplayName = "another text", "Another" })).To(Succeed())
		for _, o := range []client.Object{assigned, granted, fleeting, role} {
			Expect(mallory.Delete(ctx, o)).To(Succeed())
		}
	})

	It("[G12] [K5] must show what a reference leads to, unless they have the verb bind or escalate", func() {
		carol := w.editor("carol", "bind roleassignments", "escalate roles", "escalate permissiongrants", "escalate temporarypermissiongrants")
		for name, c := range map[string]struct {
			object client.Object
			words  []string
		}{
			"a role":               {w.assignment("m1", "later").ToUser("bob").Obj(), []string{"spec.roleRef", "no Role later"}},
			"a user":               {w.assignment("m2", "editor").ToUser("later").Obj(), []string{"spec.subject.user", "no User later"}},
			"a group":              {w.assignment("m3", "editor").ToGroup("later").Obj(), []string{"spec.subject.group", "no Group later"}},
			"an invitation":        {w.assignment("m4", "editor").ToInvitation("later").Obj(), []string{"spec.subject.invitation", "no Invitation later"}},
			"a scope":              {w.assignment("m5", "editor").ToUser("bob").InWorkspace("later").Obj(), []string{"spec.scope", "does not declare"}},
			"a permission":         {build.Role(w.Namespace, "m6").Grants(w.Namespace + ":Later").Obj(), []string{"spec.permissionGrants", "no ResourceType declares"}},
			"an inherited role":    {build.Role(w.Namespace, "m7").Inherits("later").Obj(), []string{"spec.inherits", "no Role later"}},
			"a granted permission": {w.grant("m8").ToUser("bob").Grants(w.Namespace + ":Later").Obj(), []string{"spec.permissions", "no ResourceType declares"}},
			"a grant's user":       {w.grant("m9").ToUser("later").Grants(w.View).Obj(), []string{"spec.subject.user", "no User later"}},
			"a temporary user":     {w.temporary("m10").ToUser("later").Grants(w.View).For("1h").Obj(), []string{"spec.user", "no User later"}},
		} {
			By(name)
			Expect(alice.Create(ctx, c.object.DeepCopyObject().(client.Object))).To(beRefused(append(c.words, "you can give only what you hold")...))
			Expect(carol.Create(ctx, c.object)).To(Succeed())
		}
	})

	It("[K5] needs nothing of it with the verbs bind and escalate, of the kind in question", func() {
		carol := w.editor("carol", "bind roleassignments", "escalate permissiongrants")
		Expect(carol.Create(ctx, w.assignment("a", "admin").ToUser("bob").Obj())).To(Succeed())
		Expect(carol.Create(ctx, w.grant("g").ToUser("bob").Grants(w.Delete).Obj())).To(Succeed())
		Expect(carol.Create(ctx, w.temporary("t").ToUser("bob").Grants(w.Delete).For("1h").Obj())).To(beRefused(w.Delete, "no User in force here has that subject"))
		Expect(carol.Create(ctx, build.Role(w.Namespace, "r").Grants(w.Delete).Obj())).To(beRefused(w.Delete))
	})

	It("[G12] assigns the role that administers only if they administer, whatever it gives", func() {
		create(build.Role(w.Namespace, "idle").Grants(w.View).Obj(), w.grant("mallory").ToUser("mallory").Grants(w.View).Obj())
		edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) { o.Spec.AdminRole = "idle" })
		expectReason(w.grant("mallory").Obj(), v1alpha1.ReasonInForce)
		expectReason(build.Organization(w.Namespace).Obj(), v1alpha1.ReasonNotAdministered)
		Expect(mallory.Create(ctx, w.assignment("m1", "idle").ToUser("mallory").Obj())).To(beRefused("the adminRole of the Organization"))
		Expect(mallory.Create(ctx, w.assignment("m2", "idle").ToUser("mallory").InWorkspace("lab").Obj())).To(Succeed())
		create(w.assignment("bob", "idle").ToUser("bob").Obj())
		expectReason(w.assignment("bob", "").Obj(), v1alpha1.ReasonInForce)
		bob := w.editor("bob")
		Expect(bob.Create(ctx, w.assignment("m3", "idle").ToUser("mallory").Obj())).To(Succeed())
	})
})
