package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("A temporary grant that comes again", func() {
	var w *world
	var noon time.Time
	var may func() (bool, error)
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
		may = w.may("alice", w.View, w.at())
	})

	It("[K4] from a backup that has its status too has the start and the deadline that it had", func() {
		start := noon.Add(-8 * time.Hour)
		g := w.temporary("g").ToUser("alice").Grants(w.View).For("PT8H").Annotated(v1alpha1.AnnotationGrantedAt, start.UTC().Format(time.RFC3339)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		kept := observed(g)
		remove(g)
		kept.ResourceVersion, kept.UID, kept.CreationTimestamp, kept.ManagedFields = "", "", w.temporary("").Obj().CreationTimestamp, nil
		create(kept)
		expectReason(kept, v1alpha1.ReasonInForce)
		Expect(lives(kept)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
		expectFrom(noon, false, may)
	})

	It("[K4] without its status has the deadline that it had, before and after it", func() {
		start := noon.Add(-8 * time.Hour)
		g := w.temporary("g").ToUser("alice").Grants(w.View).For("PT8H").Annotated(v1alpha1.AnnotationGrantedAt, start.UTC().Format(time.RFC3339)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		loseStatus := func() {
			GinkgoHelper()
			read := observed(g)
			patch := client.MergeFrom(read.DeepCopy())
			read.Status = v1alpha1.TemporaryPermissionGrantStatus{}
			Expect(k8sClient.Status().Patch(ctx, read, patch)).To(Succeed())
			Expect(read.Status.ExpiresAt).To(BeNil())
		}
		loseStatus()
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
		Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
		expectFrom(noon, false, may)
		expectReason(g, v1alpha1.ReasonExpired)
		loseStatus()
		expectReason(g, v1alpha1.ReasonExpired)
		Expect(may()).To(BeFalse())
		Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseExpired, start, noon)))
		Expect(w.granted()).To(BeEmpty())
	})

	It("[K4] without its status while no operator runs has the deadline that it had", func() {
		start := noon.Add(-8 * time.Hour)
		g := w.temporary("g").ToUser("alice").Grants(w.View).For("PT8H").Annotated(v1alpha1.AnnotationGrantedAt, start.UTC().Format(time.RFC3339)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		op.Stop()
		read := observed(g)
		patch := client.MergeFrom(read.DeepCopy())
		read.Status = v1alpha1.TemporaryPermissionGrantStatus{}
		Expect(k8sClient.Status().Patch(ctx, read, patch)).To(Succeed())
		op.StartAt(noon.Add(-time.Second))
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
		expectFrom(noon, false, may)
	})
})
