package reconcile

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

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

	It("[B8] loses what the group loses, and has what it gets later", func() {
		member := w.membership("alice", "alice").Obj()
		create(member)
		expectReason(member, v1alpha1.ReasonInForce)
		assigned := w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		remove(assigned)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(member).To(haveGeneration(1))
	})

	It("names overrides for what the group does not have, and the others hold", func() {
		admin := w.membership("alice", "alice").As(v1alpha1.GroupAdmin).
			Configured(v1alpha1.ConfigurableCustom, map[string]bool{"can_more": true, "can_run_reports": false}).Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonPermissionsInvalid, "spec.configurablePermissions.overrides", "Group devs", "1 of the 2")
		w.expectConfigured("alice", configurable[1:]...)
		Expect(observed(admin).Status.InForce).To(BeTrue())
		Expect(observed(admin).Status.Permissions).To(ContainElement(haveOutcome("can_more", v1alpha1.ReasonPermissionNotFound, "no such")))

		By("until the group has it")
		edit(build.Group(w.Namespace, "devs").Obj(), func(g *v1alpha1.Group) {
			g.Spec.ConfigurablePermissions = []string{"can_more", "can_run_reports"}
		})
		expectReason(admin, v1alpha1.ReasonInForce)
		w.expectConfigured("alice", "can_more")
		Expect(admin).To(haveGeneration(1))
	})

	It("follows the group's own list", func() {
		admin := w.membership("alice", "alice").As(v1alpha1.GroupAdmin).Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonInForce)
		devs := build.Group(w.Namespace, "devs").Obj()
		for _, list := range [][]string{{"can_more"}, {}, {"can_edit_accounts", "can_more"}} {
			edit(devs, func(g *v1alpha1.Group) { g.Spec.ConfigurablePermissions = list })
			expectReason(devs, v1alpha1.ReasonValid)
			w.expectConfigured("alice", list...)
		}
	})

	It("says so when the names of a group do not fit into the store, and is a membership all the same", func() {
		assigned := w.assignment("devs", "editor").ToGroup("devs").Obj()
		devs := build.Group(w.Namespace, "devs").Obj()
		edit(devs, func(g *v1alpha1.Group) { g.Spec.ConfigurablePermissions = longNames(100) })
		admin := w.membership("alice", "alice").As(v1alpha1.GroupAdmin).Obj()
		create(assigned, admin)
		expectReason(admin, v1alpha1.ReasonPermissionsInvalid, "do not fit into the store", "Group devs")
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		Expect(w.may("alice", longNames(1)[0], w.devs())()).To(BeFalse())

		edit(devs, func(g *v1alpha1.Group) { g.Spec.ConfigurablePermissions = longNames(20) })
		expectReason(admin, v1alpha1.ReasonInForce)
		Expect(w.may("alice", longNames(1)[0], w.devs())()).To(BeTrue())
	})

	It("[K5] waits for its user and its group, in either order", func() {
		member := build.GroupMembership(w.Namespace, "carol", "carol", "crew").Obj()
		create(member)
		expectReason(member, v1alpha1.ReasonGroupNotFound, "spec.group", "no Group crew")
		assigned := w.assignment("crew", "editor").ToGroup("crew").Obj()
		create(build.Group(w.Namespace, "crew").Obj(), assigned)
		expectReason(member, v1alpha1.ReasonUserNotFound, "spec.user", "no User carol")
		create(w.user("carol"))
		expectReason(member, v1alpha1.ReasonInForce)
		Expect(w.may("carol", w.View, w.at())()).To(BeTrue())

		remove(build.Group(w.Namespace, "crew").Obj())
		Expect(w.may("carol", w.View, w.at())()).To(BeFalse())
		Expect(w.inStore()).NotTo(ContainElement(ContainSubstring("crew member")))
		expectReason(member, v1alpha1.ReasonGroupNotFound)
		remove(member)
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

	It("[B6] the younger is reported, and takes nothing along when it goes", func() {
		remove(younger)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		w.expectConfigured("alice")
		expectReason(older, v1alpha1.ReasonInForce)
	})

	It("the younger does not change what the older says when it is edited", func() {
		edit(younger, func(m *v1alpha1.GroupMembership) {
			m.Spec.ConfigurablePermissions = &v1alpha1.ConfigurablePermissions{Mode: v1alpha1.ConfigurableAll}
		})
		expectReason(younger, v1alpha1.ReasonDuplicate)
		w.expectConfigured("alice")
	})
})

// longNames are as long as a permission's name may be, in bytes too.
func longNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%03d", i)+strings.Repeat("𝒳", 253))
	}
	return names
}
