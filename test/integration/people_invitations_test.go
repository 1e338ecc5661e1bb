package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/schema"
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

	It("[Z2] [Z10] gives its assignments to the user who accepts it, and not before", func() {
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		accept("bob")
		expectReason(invited, v1alpha1.ReasonAccepted, "accepted by bob")
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.may("bob", w.View, w.at("lab"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(observed(invited).Status.Phase).To(Equal(v1alpha1.InvitationAccepted))

		By("another role, assigned after it was accepted")
		late := w.assignment("late", "editor").ToInvitation("guest").InWorkspace("lab").Obj()
		create(late)
		expectReason(late, v1alpha1.ReasonInForce)
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

	It("[Z10] ends at the deadline, and who accepts it then has nothing, ever", func() {
		op.clock.StopAt(noon.Add(-time.Second))
		expectReason(invited, v1alpha1.ReasonInvitationPending)
		op.clock.StopAt(noon)
		expectReason(invited, v1alpha1.ReasonInvitationExpired, "was not accepted before "+noon.UTC().Format(time.RFC3339))
		expectReason(assigned, v1alpha1.ReasonInvitationExpired)
		Expect(observed(invited).Status.Phase).To(Equal(v1alpha1.InvitationExpired))
		accept()
		expectReason(invited, v1alpha1.ReasonInvitationExpired)
		Expect(may()).To(BeFalse())

		By("with the clock set back, and after another start")
		op.clock.StopAt(noon.Add(-time.Minute))
		edit(assigned, func(a *v1alpha1.RoleAssignment) { a.Labels = map[string]string{"look": "again"} })
		Expect(may()).To(BeFalse())
	})

	It("[Z10] can't be put off by who is too late", func() {
		op.clock.StopAt(noon.Add(time.Second))
		accept()
		expectReason(invited, v1alpha1.ReasonInvitationExpired)
		later := observed(invited)
		later.Spec.ExpiresAt = &metav1.Time{Time: noon.Add(time.Hour)}
		Expect(k8sClient.Update(ctx, later)).To(schema.BeRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed"))
		forged := observed(invited)
		forged.Annotations[v1alpha1.AnnotationAcceptedAt] = noon.Add(-time.Hour).UTC().Format(time.RFC3339)
		Expect(k8sClient.Update(ctx, forged)).To(MatchError(ContainSubstring("can't be changed")))
		Expect(may()).To(BeFalse())
	})

	It("[Z10] is not changed by a forged annotation of who has not accepted", func() {
		edit(invited, func(i *v1alpha1.Invitation) {
			metav1.SetMetaDataAnnotation(&i.ObjectMeta, v1alpha1.AnnotationAcceptedAt, noon.Add(-time.Hour).UTC().Format(time.RFC3339))
		})
		Expect(observed(invited).Annotations).NotTo(HaveKey(v1alpha1.AnnotationAcceptedAt))
		op.clock.StopAt(noon)
		expectReason(invited, v1alpha1.ReasonInvitationExpired)
		edit(invited, func(i *v1alpha1.Invitation) {
			i.Spec.AcceptedBy = "bob"
			metav1.SetMetaDataAnnotation(&i.ObjectMeta, v1alpha1.AnnotationAcceptedAt, noon.Add(-time.Hour).UTC().Format(time.RFC3339))
		})
		expectReason(invited, v1alpha1.ReasonInvitationExpired)
		Expect(may()).To(BeFalse())
	})

	It("[Z10] is kept by a backup that says when it was accepted", func() {
		op.clock.StopAt(noon.Add(time.Hour))
		expectReason(invited, v1alpha1.ReasonInvitationExpired)
		restored := build.Invitation(w.Namespace, "restored").AcceptedBy("bob").Obj()
		restored.Spec.ExpiresAt = &metav1.Time{Time: noon}
		metav1.SetMetaDataAnnotation(&restored.ObjectMeta, v1alpha1.AnnotationAcceptedAt, noon.Add(-time.Minute).UTC().Format(time.RFC3339))
		again := w.assignment("restored", "editor").ToInvitation("restored").InWorkspace("prod").Obj()
		create(restored, again)
		expectReason(restored, v1alpha1.ReasonAccepted)
		expectReason(again, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
	})
})
