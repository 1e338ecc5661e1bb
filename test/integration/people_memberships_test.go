package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// membership makes a user a member of the group devs.
func (w *world) membership(name, user string) *build.GroupMembershipBuilder {
	return build.GroupMembership(w.Namespace, name, user, "devs")
}

// devs is the group's id in the store.
func (w *world) devs() string { return w.Devs() }

// configurable are the permissions that admins of the group devs may be given or refused.
var configurable = worlds.Configurable

// expectConfigured expects a user to have these configurable permissions of devs, and no other one.
func (w *world) expectConfigured(user string, want ...string) {
	GinkgoHelper()
	var have []string
	for _, permission := range append([]string{"can_more"}, configurable...) {
		may, err := w.may(user, permission, w.devs())()
		Expect(err).NotTo(HaveOccurred())
		if may {
			have = append(have, permission)
		}
	}
	Expect(have).To(ConsistOf(want))
}

var _ = Describe("A group membership", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[B8] gives what the group has been assigned and granted, and takes that and nothing else", func() {
		direct := w.assignment("direct", "editor").ToUser("alice").InWorkspace("lab").Obj()
		assigned := w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		granted := w.grant("devs").ToGroup("devs").Grants(w.Delete).At(v1alpha1.Scope{Workspace: "prod"}).Obj()
		member, other := w.membership("alice", "alice").Obj(), w.membership("bob", "bob").Obj()
		create(direct, assigned, granted, member, other)
		for _, object := range []v1alpha1.Object{direct, assigned, granted, member, other} {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		for _, permission := range []string{w.View, w.Edit, w.Delete} {
			Expect(w.may("alice", permission, w.at("prod", "vision"))()).To(BeTrue(), permission)
		}

		remove(member)
		for _, permission := range []string{w.View, w.Edit, w.Delete} {
			Expect(w.may("alice", permission, w.at("prod", "vision"))()).To(BeFalse(), permission)
			Expect(w.may("bob", permission, w.at("prod", "vision"))()).To(BeTrue(), "another member")
		}
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeTrue(), "given directly")
	})

	It("[B2] is that of a Member where nothing is said, and an Admin is a member too", func() {
		member, admin := w.membership("alice", "alice").Obj(), w.membership("bob", "bob").As(v1alpha1.GroupAdmin).Obj()
		assigned := w.assignment("devs", "editor").ToGroup("devs").Obj()
		create(member, admin, assigned)
		Expect(member.Spec.Role).To(Equal(v1alpha1.GroupMember))
		expectReason(member, v1alpha1.ReasonInForce, "a member")
		expectReason(admin, v1alpha1.ReasonInForce, "an admin")
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		Expect(w.may("bob", w.View, w.at())()).To(BeTrue())
		Expect(w.inStore()).To(ContainElement(w.devs() + " admin user:" + w.subject("bob")))
		Expect(w.inStore()).NotTo(ContainElement(w.devs() + " admin user:" + w.subject("alice")))
	})

	DescribeTable("[B3] says which configurable permissions an admin has",
		func(mode v1alpha1.ConfigurableMode, overrides map[string]bool, want ...string) {
			admin := w.membership("alice", "alice").As(v1alpha1.GroupAdmin)
			if mode != "" {
				admin.Configured(mode, overrides)
			}
			create(admin.Obj())
			expectReason(admin.Obj(), v1alpha1.ReasonInForce)
			w.expectConfigured("alice", want...)
			w.expectConfigured("bob")
			for _, outcome := range observed(admin.Obj()).Status.Permissions {
				Expect(outcome.Granted).To(Equal(contains(want, outcome.Permission)), outcome.Permission)
			}
		},
		Entry("all, where nothing is said", v1alpha1.ConfigurableMode(""), nil, configurable[0], configurable[1], configurable[2], configurable[3]),
		Entry("all", v1alpha1.ConfigurableAll, nil, configurable[0], configurable[1], configurable[2], configurable[3]),
		Entry("none", v1alpha1.ConfigurableNone, nil),
		Entry("those given as given, the others enabled", v1alpha1.ConfigurableCustom,
			map[string]bool{"can_run_reports": false, "can_instant_login": true}, configurable[1], configurable[2], configurable[3]),
		Entry("all, where none is given", v1alpha1.ConfigurableCustom, nil, configurable[0], configurable[1], configurable[2], configurable[3]),
	)

	It("[B4] has no configurable permission as a Member, whatever it says", func() {
		member := w.membership("alice", "alice").Configured(v1alpha1.ConfigurableCustom, map[string]bool{"can_run_reports": true}).Obj()
		create(member)
		expectReason(member, v1alpha1.ReasonInForce)
		w.expectConfigured("alice")
		Expect(observed(member).Status.Permissions).To(BeEmpty())
	})

	It("[B5] [K3] changes role and permissions in place", func() {
		admin := w.membership("alice", "alice").As(v1alpha1.GroupAdmin).Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonInForce)
		w.expectConfigured("alice", configurable...)
		for _, step := range []struct {
			role   v1alpha1.GroupRole
			chosen *v1alpha1.ConfigurablePermissions
			want   []string
		}{
			{v1alpha1.GroupAdmin, &v1alpha1.ConfigurablePermissions{Mode: v1alpha1.ConfigurableNone}, nil},
			{v1alpha1.GroupAdmin, &v1alpha1.ConfigurablePermissions{
				Mode: v1alpha1.ConfigurableCustom, Overrides: map[string]bool{"can_edit_accounts": false},
			}, configurable[:3]},
			{v1alpha1.GroupMember, nil, nil},
			{v1alpha1.GroupAdmin, nil, configurable},
		} {
			edit(admin, func(m *v1alpha1.GroupMembership) {
				m.Spec.Role, m.Spec.ConfigurablePermissions = step.role, step.chosen
			})
			expectReason(admin, v1alpha1.ReasonInForce)
			w.expectConfigured("alice", step.want...)
		}
		remove(admin)
		w.expectConfigured("alice")
		Expect(w.inStore()).NotTo(ContainElement(HavePrefix("group:")))
	})
})

var _ = Describe("Two memberships of one user and group", func() {
	var (
		w                       *world
		older, younger, another *v1alpha1.GroupMembership
	)
	BeforeEach(func() {
		w = newWorld()
		create(w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj())
		expectReason(w.assignment("devs", "").Obj(), v1alpha1.ReasonInForce)
		older, younger = w.membership("a", "alice").Obj(), w.membership("b", "alice").As(v1alpha1.GroupAdmin).Obj()
		another = w.membership("c", "bob").Obj()
		create(older, younger, another)
		expectReason(older, v1alpha1.ReasonInForce)
		expectReason(younger, v1alpha1.ReasonDuplicate, "older GroupMembership a", "delete one of the two")
		expectReason(another, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		w.expectConfigured("alice")
	})

	It("[B6] the younger holds, as it says, when the older goes", func() {
		remove(older)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		w.expectConfigured("alice", configurable...)
		expectReason(younger, v1alpha1.ReasonInForce)
		remove(younger)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		w.expectConfigured("alice")
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
	})

	It("[B6] [K2] nothing is left when both are deleted at one moment", func() {
		atOnce(
			func() error { return k8sClient.Delete(ctx, older) },
			func() error { return k8sClient.Delete(ctx, younger) },
		)
		remove(older, younger)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		w.expectConfigured("alice")
		Expect(w.inStore()).NotTo(ContainElement(MatchRegexp("^group:.*" + w.subject("alice"))))
	})
})

var _ = Describe("The memberships of a user and of a group", func() {
	It("[B1] are listed by field selector", func() {
		w := newWorld()
		create(build.Group(w.Namespace, "crew").Obj(), w.membership("alice-devs", "alice").Obj(),
			build.GroupMembership(w.Namespace, "alice-crew", "alice", "crew").Obj(), w.membership("bob-devs", "bob").As(v1alpha1.GroupAdmin).Obj())
		haveMembers := func(want ...string) types.GomegaMatcher {
			return WithTransform(func(fields client.MatchingFields) ([]string, error) {
				var list v1alpha1.GroupMembershipList
				err := k8sClient.List(ctx, &list, client.InNamespace(w.Namespace), fields)
				var found []string
				for _, item := range list.Items {
					found = append(found, item.Name)
				}
				return found, err
			}, ConsistOf(want))
		}
		Expect(client.MatchingFields{"spec.user": "alice"}).To(haveMembers("alice-devs", "alice-crew"))
		Expect(client.MatchingFields{"spec.group": "devs"}).To(haveMembers("alice-devs", "bob-devs"))
		Expect(client.MatchingFields{"spec.group": "devs", "spec.role": "Admin"}).To(haveMembers("bob-devs"))
	})
})
