package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An invitation", func() {
	var (
		w        *world
		invited  *v1alpha1.Invitation
		assigned *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld()
		invited = build.Invitation(w.Namespace, "guest").Obj()
		assigned = w.assignment("guest", "editor").ToInvitation("guest").InWorkspace("prod").Obj()
		create(invited, assigned)
		expectReason(invited, v1alpha1.ReasonInvitationPending, "can be accepted until")
		expectReason(assigned, v1alpha1.ReasonInvitationPending, "Invitation guest")
		Expect(observed(assigned).Status.InForce).To(BeFalse())
	})
	accept := func(by string) {
		GinkgoHelper()
		edit(invited, func(i *v1alpha1.Invitation) { i.Spec.AcceptedBy = by })
	}

	It("[Z10] ends with the assignment", func() {
		accept("bob")
		expectReason(assigned, v1alpha1.ReasonInForce)
		remove(assigned)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
	})

	It("[Z10] ends with the user, and is that of whom a user of the same name stands for later", func() {
		accept("bob")
		expectReason(assigned, v1alpha1.ReasonInForce)
		remove(w.user("bob"))
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		expectReason(invited, v1alpha1.ReasonUserNotFound, "spec.acceptedBy", "no User bob")
		expectReason(assigned, v1alpha1.ReasonUserNotFound)

		create(build.User(w.Namespace, "bob").KnownAs(w.subject("zoe")).Obj())
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("zoe", w.View, w.at("prod"))()).To(BeTrue())
	})

	It("[Z10] ends with the invitation, and with its invitation made anew", func() {
		accept("bob")
		expectReason(assigned, v1alpha1.ReasonInForce)
		remove(invited)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		expectReason(assigned, v1alpha1.ReasonInvitationNotFound, "no Invitation guest")
		invited = build.Invitation(w.Namespace, "guest").Obj()
		create(invited)
		expectReason(assigned, v1alpha1.ReasonInvitationPending)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
	})

	It("[K2] gives with a direct assignment what holds until the last of both is gone", func() {
		direct := w.assignment("direct", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(direct)
		accept("bob")
		expectReason(direct, v1alpha1.ReasonInForce)
		expectReason(assigned, v1alpha1.ReasonInForce)
		remove(assigned)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
		remove(direct)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
	})

	It("accepted by a user who is not there waits for that user", func() {
		accept("zoe")
		expectReason(invited, v1alpha1.ReasonUserNotFound, "spec.acceptedBy", "no User zoe")
		expectReason(assigned, v1alpha1.ReasonUserNotFound)
		create(w.user("zoe"))
		expectReason(invited, v1alpha1.ReasonAccepted)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("zoe", w.View, w.at("prod"))()).To(BeTrue())
	})

	It("[K13] accepted by a user who is suspended gives nothing until that ends", func() {
		bob := w.user("bob")
		edit(bob, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		accept("bob")
		expectReason(invited, v1alpha1.ReasonUserSuspended)
		expectReason(assigned, v1alpha1.ReasonUserSuspended)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		edit(bob, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
	})

	It("[K5] may come after what is assigned to it", func() {
		early := w.assignment("early", "editor").ToInvitation("later").InWorkspace("lab").Obj()
		create(early)
		expectReason(early, v1alpha1.ReasonInvitationNotFound)
		create(build.Invitation(w.Namespace, "later").AcceptedBy("bob").Obj())
		expectReason(early, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at("lab"))()).To(BeTrue())
	})
})

var _ = Describe("The time of an invitation", func() {
	var (
		w        *world
		invited  *v1alpha1.Invitation
		assigned *v1alpha1.RoleAssignment
		noon     time.Time
	)
	BeforeEach(func() {
		w = newWorld()
		noon = time.Now().Truncate(time.Second).Add(time.Hour)
		invited = build.Invitation(w.Namespace, "guest").Obj()
		invited.Spec.ExpiresAt = &metav1.Time{Time: noon}
		assigned = w.assignment("guest", "editor").ToInvitation("guest").InWorkspace("prod").Obj()
		create(invited, assigned)
		expectReason(invited, v1alpha1.ReasonInvitationPending)
		Expect(observed(invited).Status.ExpiresAt.UTC()).To(Equal(noon.UTC()))
	})
	accept := func() {
		GinkgoHelper()
		edit(invited, func(i *v1alpha1.Invitation) { i.Spec.AcceptedBy = "bob" })
	}
	may := func() (bool, error) { return w.may("bob", w.View, w.at("prod"))() }

	It("[Z10] is kept by who accepts it a second before", func() {
		op.clock.StopAt(noon.Add(-time.Second))
		accept()
		expectReason(invited, v1alpha1.ReasonAccepted)
		expectReason(assigned, v1alpha1.ReasonInForce)
		op.clock.StopAt(noon.Add(24 * time.Hour))
		Expect(may()).To(BeTrue())
		edit(invited, func(i *v1alpha1.Invitation) { i.Labels = map[string]string{"look": "again"} })
		expectReason(invited, v1alpha1.ReasonAccepted)
		Expect(may()).To(BeTrue())
		Expect(observed(invited).Status.AcceptedAt.UTC()).To(Equal(noon.Add(-time.Second).UTC()))
	})
})
