package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("A temporary grant whose annotations or finalizer are taken by force", func() {
	var w *world
	var start, noon time.Time
	var may func() (bool, error)
	var g *v1alpha1.TemporaryPermissionGrant
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
		start = noon.Add(-8 * time.Hour)
		may = w.may("alice", w.View, w.at())
		g = w.temporary("g").ToUser("alice").Grants(w.View).For("PT8H").Annotated(v1alpha1.AnnotationGrantedAt, start.UTC().Format(time.RFC3339)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
	})
	annotate := func(with map[string]string) {
		GinkgoHelper()
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) { g.SetAnnotations(with) })
		Expect(g.Annotations).To(Equal(with))
	}
	grantedAt := func(at time.Time) map[string]string {
		return map[string]string{v1alpha1.AnnotationGrantedAt: at.UTC().Format(time.RFC3339)}
	}

	It("[K16] keeps its deadline when they are forged to a later start, and to what can't be read", func() {
		for _, forged := range []map[string]string{
			grantedAt(start.Add(time.Hour)), grantedAt(noon.Add(100 * time.Hour)), {v1alpha1.AnnotationGrantedAt: "tomorrow"}, {v1alpha1.AnnotationGrantedAt: ""},
		} {
			annotate(forged)
			waitUntilQuiet()
			Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)), "%v", forged)
		}
		expectFrom(noon, false, may)
	})

	It("[K16] can only be shortened when they are forged to an earlier start", func() {
		annotate(grantedAt(start.Add(-30 * time.Minute)))
		Eventually(lives(g)).Should(Equal(life(v1alpha1.PhaseActive, start.Add(-30*time.Minute), noon.Add(-30*time.Minute))))
		Expect(may()).To(BeTrue())
		expectFrom(noon.Add(-30*time.Minute), false, may)
		expectReason(g, v1alpha1.ReasonExpired)
	})

	It("[K16] keeps its deadline when they are taken or forged while no operator runs", func() {
		for n, forged := range []map[string]string{nil, grantedAt(noon.Add(100 * time.Hour))} {
			op.Stop()
			annotate(forged)
			op.StartAt(noon.Add(time.Duration(n-2) * time.Minute))
			Expect(may()).To(BeTrue())
			expectReason(g, v1alpha1.ReasonInForce)
			Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
		}
		expectFrom(noon, false, may)
		expectReason(g, v1alpha1.ReasonExpired)
		Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseExpired, start, noon)))
	})

	finalizers := func(with ...string) {
		GinkgoHelper()
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) { g.SetFinalizers(with) })
	}
	gone := func() bool {
		return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g.DeepCopy()))
	}

	It("[K16] gets its finalizer back, and ends with its object", func() {
		finalizers()
		Eventually(func() []string { return observed(g).Finalizers }).Should(ConsistOf(v1alpha1.Finalizer))
		Expect(may()).To(BeTrue())
		remove(g)
		Expect(may()).To(BeFalse())
	})

	It("[K16] ends when its object goes without a finalizer, under the eyes of the operator", func() {
		finalizers("example.com/holds")
		Expect(k8sClient.Delete(ctx, g.DeepCopy())).To(Succeed())
		Eventually(may).Should(BeFalse())
		By("the last finalizer taken")
		finalizers()
		Eventually(gone).Should(BeTrue())
		Expect(may()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})
})
