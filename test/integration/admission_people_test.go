package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Whoever decides about people", func() {
	var (
		w *world
		// alice administers the organization; mallory holds nothing.
		alice, mallory client.Client
	)
	BeforeEach(func() {
		w = newWorld()
		create(w.user("mallory"), w.assignment("alice", "admin").ToUser("alice").Obj())
		expectReason(w.assignment("alice", "").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.user("mallory"), v1alpha1.ReasonValid)
		alice, mallory = w.editor("alice"), w.editor("mallory")
	})

	It("[B7] changes memberships only as an admin of the group, or of the organization", func() {
		chief := w.membership("carol", "carol").As(v1alpha1.GroupAdmin).Obj()
		create(w.user("carol"), w.user("dave"), chief, w.membership("dave", "dave").Obj(), build.Group(w.Namespace, "ops").Obj())
		expectReason(chief, v1alpha1.ReasonInForce)
		expectReason(w.membership("dave", "").Obj(), v1alpha1.ReasonInForce)
		carol, dave := w.editor("carol"), w.editor("dave")
		for name, c := range map[string]struct {
			by   client.Client
			want OmegaMatcher
		}{
			"mallory":                       {mallory, beRefused("spec.group", "the administration of the Group devs", "bind on groupmemberships")},
			"a member":                      {dave, beRefused("the administration of the Group devs")},
			"the group's admin":             {carol, Succeed()},
			"who administers all":           {alice, Succeed()},
			"a cluster's administrator":     {k8sClient, Succeed()},
			"who may bind groupmemberships": {w.editor("erin", "bind groupmemberships"), Succeed()},
		} {
			By(name)
			bob := w.membership("bob", "bob").Obj()
			Expect(c.by.Create(ctx, bob.DeepCopy())).To(c.want, "create")
			Expect(client.IgnoreAlreadyExists(k8sClient.Create(ctx, bob))).To(Succeed())
			expectReason(bob, v1alpha1.ReasonInForce)
			bob = observed(bob)
			bob.Spec.Role = v1alpha1.GroupAdmin
			Expect(c.by.Update(ctx, bob)).To(c.want, "update")
			Expect(c.by.Delete(ctx, bob)).To(c.want, "delete")
			remove(bob)
		}
		Expect(carol.Create(ctx, build.GroupMembership(w.Namespace, "other", "bob", "ops").Obj())).To(beRefused("the administration of the Group ops"))
		edit(w.user("carol"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(chief, v1alpha1.ReasonUserSuspended)
		Expect(carol.Create(ctx, w.membership("late", "bob").Obj())).To(beRefused("represents the User carol, which is suspended"))
	})

	It("[B7] gives no configurable permission of a group that they lack as its admin", func() {
		create(w.user("carol"), w.membership("carol", "carol").As(v1alpha1.GroupAdmin).Configured(v1alpha1.ConfigurableCustom, map[string]bool{"can_run_reports": false}).Obj())
		expectReason(w.membership("carol", "").Obj(), v1alpha1.ReasonInForce)
		carol := w.editor("carol")
		admin := func() *build.GroupMembershipBuilder { return w.membership("bob", "bob").As(v1alpha1.GroupAdmin) }
		Expect(carol.Create(ctx, admin().Obj())).To(beRefused("can_run_reports on the Group devs"))
		Expect(carol.Create(ctx, admin().Configured(v1alpha1.ConfigurableCustom, map[string]bool{"can_run_reports": false}).Obj())).To(Succeed())
		expectReason(admin().Obj(), v1alpha1.ReasonInForce)
		bob := observed(admin().Obj())
		bob.Spec.ConfigurablePermissions = nil
		Expect(carol.Update(ctx, bob.DeepCopy())).To(beRefused("can_run_reports on the Group devs"))
		bob.Spec.ConfigurablePermissions = &v1alpha1.ConfigurablePermissions{Mode: v1alpha1.ConfigurableNone}
		Expect(carol.Update(ctx, bob)).To(Succeed())

		By("nor by changing the group")
		group := observed(build.Group(w.Namespace, "devs").Obj())
		group.Spec.ConfigurablePermissions = append(group.Spec.ConfigurablePermissions, "can_delete_everything")
		Expect(carol.Update(ctx, group.DeepCopy())).To(beRefused("can_delete_everything on the Group devs", "bind on groups"))
		Expect(alice.Update(ctx, group)).To(Succeed())
	})

	It("[G12] declares a user only if they hold what already names it", func() {
		create(
			w.assignment("zoe", "editor").ToUser("zoe").InWorkspace("prod").Obj(), w.grant("yan").ToUser("yan").Grants(w.Delete).Obj(),
			w.temporary("xia").ToUser("xia").Grants(w.View).For("1h").Obj(), w.membership("wim", "wim").As(v1alpha1.GroupAdmin).Obj(),
			w.assignment("uma", "editor").ToInvitation("uma").Obj(), build.Invitation(w.Namespace, "uma").AcceptedBy("uma").Obj(),
		)
		expectReason(w.membership("wim", "").Obj(), v1alpha1.ReasonUserNotFound)
		expectReason(build.Invitation(w.Namespace, "uma").Obj(), v1alpha1.ReasonUserNotFound)
		for _, name := range []string{"zoe", "uma"} {
			expectReason(w.assignment(name, "").Obj(), v1alpha1.ReasonUserNotFound)
		}
		for name, word := range map[string]string{
			"zoe": w.View + " at " + w.Namespace + "/prod", "yan": w.Delete, "xia": w.View, "wim": "the administration of the Group devs", "uma": w.Edit,
		} {
			By(name)
			Expect(mallory.Create(ctx, w.user(name))).To(beRefused("metadata.name", word, "bind on users"))
			suspended := w.user(name)
			suspended.Spec.Suspended = true
			Expect(mallory.Create(ctx, suspended)).To(Succeed())
			expectReason(suspended, v1alpha1.ReasonSuspended)
			back := observed(suspended)
			back.Spec.Suspended = false
			Expect(mallory.Update(ctx, back.DeepCopy())).To(beRefused(word))
			Expect(alice.Update(ctx, back)).To(Succeed())
		}
		Expect(mallory.Create(ctx, w.user("nobody"))).To(Succeed())
	})

	It("[G12] declares a group only if they hold what already names it", func() {
		create(
			w.assignment("ops", "editor").ToGroup("ops").Obj(), w.grant("qa").ToGroup("qa").Grants(w.Delete).Obj(),
			build.GroupMembership(w.Namespace, "bob", "bob", "ux").As(v1alpha1.GroupAdmin).Obj(),
		)
		expectReason(w.assignment("ops", "").Obj(), v1alpha1.ReasonGroupNotFound)
		expectReason(w.grant("qa").Obj(), v1alpha1.ReasonGroupNotFound)
		expectReason(build.GroupMembership(w.Namespace, "bob", "bob", "ux").Obj(), v1alpha1.ReasonGroupNotFound)
		for name, word := range map[string]string{"ops": w.Edit, "qa": w.Delete, "ux": "the administration of the Group ux"} {
			Expect(mallory.Create(ctx, build.Group(w.Namespace, name).Obj())).To(beRefused("metadata.name", word, "bind on groups"))
			Expect(alice.Create(ctx, build.Group(w.Namespace, name).Obj())).To(Succeed())
		}
		Expect(mallory.Create(ctx, build.Group(w.Namespace, "empty").Obj())).To(Succeed())
	})

	It("[G12] [Z10] accepts an invitation for others only if they hold what it gives; the invited may", func() {
		create(
			build.User(w.Namespace, "guest").KnownAs(w.subject("guest")).ReachedAt("guest@example.com").Obj(),
			w.assignment("invited", "editor").ToInvitation("guest").Obj(), build.Invitation(w.Namespace, "guest").Obj(),
		)
		expectReason(w.assignment("invited", "").Obj(), v1alpha1.ReasonInvitationPending)
		expectReason(w.user("guest"), v1alpha1.ReasonValid)
		accept := func(by client.Client, user string) error {
			invitation := observed(build.Invitation(w.Namespace, "guest").Obj())
			invitation.Spec.AcceptedBy = user
			return by.Update(ctx, invitation)
		}
		guest := w.editor("guest")
		Expect(accept(mallory, "mallory")).To(beRefused(w.View, "bind on invitations"))
		Expect(accept(mallory, "guest")).To(beRefused(w.View))
		Expect(accept(guest, "bob")).To(beRefused(w.View))
		Expect(accept(guest, "guest")).To(Succeed())
		expectReason(w.assignment("invited", "").Obj(), v1alpha1.ReasonInForce)
		Expect(w.may("guest", w.Edit, w.at("lab"))()).To(BeTrue())

		By("who holds it may accept for others")
		create(build.Invitation(w.Namespace, "other").Obj(), w.assignment("other", "editor").ToInvitation("other").Obj())
		expectReason(w.assignment("other", "").Obj(), v1alpha1.ReasonInvitationPending)
		other := observed(build.Invitation(w.Namespace, "other").Obj())
		other.Spec.AcceptedBy = "bob"
		Expect(alice.Update(ctx, other)).To(Succeed())
	})

	It("[G12] [Z10] makes an invitation, lets it be accepted longer, and by whom, only if they hold what it gives", func() {
		create(w.assignment("early", "editor").ToInvitation("early").Obj(), build.Invitation(w.Namespace, "guest").ValidFor("1h").Obj(), w.assignment("guest", "editor").ToInvitation("guest").Obj())
		expectReason(w.assignment("early", "").Obj(), v1alpha1.ReasonInvitationNotFound)
		expectReason(w.assignment("guest", "").Obj(), v1alpha1.ReasonInvitationPending)
		Expect(mallory.Create(ctx, build.Invitation(w.Namespace, "early").Obj())).To(beRefused(w.Edit))
		longer := observed(build.Invitation(w.Namespace, "guest").Obj())
		shorter := longer.DeepCopy()
		length, less := v1alpha1.Duration("2h"), v1alpha1.Duration("30m")
		longer.Spec.ValidFor, shorter.Spec.ValidFor = &length, &less
		Expect(mallory.Update(ctx, longer.DeepCopy())).To(beRefused(w.Edit))
		Expect(mallory.Update(ctx, shorter)).To(Succeed())
		longer = observed(shorter)
		longer.Spec.ValidFor = &length
		Expect(alice.Update(ctx, longer)).To(Succeed())

		By("as whoever gets its address")
		Expect(mallory.Create(ctx, build.User(w.Namespace, "imposter").KnownAs(w.subject("imposter")).ReachedAt("guest@example.com").Obj())).To(beRefused(w.Edit, "bind on users"))
		mine := observed(w.user("mallory"))
		mine.Spec.Email = "guest@example.com"
		Expect(mallory.Update(ctx, mine)).To(beRefused(w.Edit))
		Expect(mallory.Create(ctx, build.User(w.Namespace, "harmless").KnownAs(w.subject("harmless")).ReachedAt("harmless@example.com").Obj())).To(Succeed())

		By("and nobody accepts in another's name what still has to be assigned")
		create(build.Invitation(w.Namespace, "empty").Obj())
		expectReason(build.Invitation(w.Namespace, "empty").Obj(), v1alpha1.ReasonInvitationPending)
		empty := observed(build.Invitation(w.Namespace, "empty").Obj())
		empty.Spec.AcceptedBy = "mallory"
		Expect(mallory.Update(ctx, empty)).To(beRefused("spec.acceptedBy", "accepted by the one whom it is for", "empty@example.com"))
	})

	It("[G12] deletes the older of two that claim the same only if they hold what the younger then gets", func() {
		older := build.User(w.Namespace, "older").KnownAs(w.subject("twin")).Obj()
		create(older)
		waitUntilOlder(older)
		younger := build.User(w.Namespace, "younger").KnownAs(w.subject("twin")).Obj()
		create(younger, w.assignment("younger", "editor").ToUser("younger").Obj())
		expectReason(younger, v1alpha1.ReasonSubjectTaken)
		expectReason(w.assignment("younger", "").Obj(), v1alpha1.ReasonUserInvalid)
		Expect(mallory.Delete(ctx, older)).To(beRefused(w.View))

		By("nor has the garbage collector do it")
		owned := client.RawPatch("application/merge-patch+json", []byte(
			`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"00000000-0000-0000-0000-000000000000"}]}}`))
		Expect(mallory.Patch(ctx, older, owned)).To(beRefused(w.View))
		member := w.membership("bob", "bob").Obj()
		create(member)
		expectReason(member, v1alpha1.ReasonInForce)
		Expect(mallory.Patch(ctx, member, owned)).To(beRefused("the administration of the Group devs"))

		Expect(alice.Delete(ctx, older)).To(Succeed())
		expectReason(w.assignment("younger", "").Obj(), v1alpha1.ReasonInForce)

		By("whose deletion gives nobody anything")
		twin := build.User(w.Namespace, "youngest").KnownAs(w.subject("twin")).Obj()
		waitUntilOlder(younger)
		create(twin)
		expectReason(twin, v1alpha1.ReasonSubjectTaken)
		Expect(mallory.Delete(ctx, twin)).To(Succeed())
	})
})
