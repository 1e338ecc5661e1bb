package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A group membership", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[B8] gives what the group has been assigned, and takes that and nothing else", func() {
		direct := w.assignment("direct", "editor").ToUser("alice").InWorkspace("lab").Obj()
		assigned := w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		member := build.GroupMembership(w.Namespace, "alice-devs", "alice", "devs").Obj()
		create(direct, assigned, member)
		Eventually(reason(direct)).Should(Equal(v1alpha1.ReasonInForce))
		Eventually(reason(assigned)).Should(Equal(v1alpha1.ReasonInForce))
		Eventually(reason(member)).Should(Equal(v1alpha1.ReasonInForce))
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())

		remove(member)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeTrue())
	})

	It("[B3] gives an admin the group's configurable permissions as they are configured", func() {
		admin := build.GroupMembership(w.Namespace, "alice-devs", "alice", "devs").As(v1alpha1.GroupAdmin).
			Configured(v1alpha1.ConfigurableCustom, map[string]bool{"can_run_reports": false}).Obj()
		create(admin)
		Eventually(reason(admin)).Should(Equal(v1alpha1.ReasonInForce))
		devs := objectid.Group(w.Namespace, "devs")
		Expect(w.may("alice", "can_run_reports", devs)()).To(BeFalse())
		Expect(w.may("alice", "can_edit_accounts", devs)()).To(BeTrue())

		edit(admin, func(m *v1alpha1.GroupMembership) { m.Spec.Role = v1alpha1.GroupMember })
		Eventually(w.may("alice", "can_edit_accounts", devs)).Should(BeFalse())
	})
})

var _ = Describe("A protected revocation", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[Z9] keeps the last role of a member in force until there is another", func() {
		only := w.assignment("only", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(only)
		Eventually(reason(only)).Should(Equal(v1alpha1.ReasonInForce))
		Expect(k8sClient.Delete(ctx, only)).To(Succeed())
		Eventually(reason(only)).Should(Equal(v1alpha1.ReasonRevocationProtected))
		Expect(message(only)()).To(ContainSubstring("last role of the User bob"))
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())

		create(w.assignment("another", "editor").ToUser("bob").InWorkspace("lab").Obj())
		Eventually(func() bool {
			return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(only), only))
		}).Should(BeTrue())
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.at("lab"))()).To(BeTrue())
	})

	It("[Z8] keeps the admin role of an owner at the organization", func() {
		create(build.Role(w.Namespace, "admin").Grants(w.View, w.Edit, w.Delete).Obj())
		admin := w.assignment("admin", "admin").ToUser("alice").Obj()
		create(admin, w.assignment("more", "editor").ToUser("alice").InWorkspace("lab").Obj())
		Eventually(reason(admin)).Should(Equal(v1alpha1.ReasonInForce))
		Expect(k8sClient.Delete(ctx, admin)).To(Succeed())
		Eventually(reason(admin)).Should(Equal(v1alpha1.ReasonRevocationProtected))
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())

		organization := build.Organization(w.Namespace).Obj()
		edit(organization, func(o *v1alpha1.Organization) { o.Spec.Owners = []string{"bob"} })
		Eventually(func() bool {
			return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(admin), admin))
		}).Should(BeTrue())
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())
	})
})

var _ = Describe("An invitation", Serial, func() {
	travelling()

	It("[Z10] gives its assignments to whoever accepts it in time", func() {
		w := newWorld()
		invited := build.Invitation(w.Namespace, "carol").ValidFor("PT1H").Obj()
		assigned := w.assignment("invited", "editor").ToInvitation("carol").Obj()
		create(invited, assigned)
		Eventually(reason(assigned)).Should(Equal(v1alpha1.ReasonInvitationPending))
		Expect(w.may("bob", w.View, w.at())()).To(BeFalse())

		edit(invited, func(i *v1alpha1.Invitation) { i.Spec.AcceptedBy = "bob" })
		Eventually(reason(assigned)).Should(Equal(v1alpha1.ReasonInForce))
		Expect(w.may("bob", w.View, w.at())()).To(BeTrue())

		remove(w.user("bob"))
		Expect(w.may("bob", w.View, w.at())()).To(BeFalse())
	})
})
