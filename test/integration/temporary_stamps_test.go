package integration

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

	It("[K16] keeps its deadline without them", func() {
		withoutWebhook()
		annotate(nil)
		waitUntilQuiet()
		Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
		Expect(may()).To(BeTrue())
		expectFrom(noon, false, may)
		expectReason(g, v1alpha1.ReasonExpired)
	})

	finalizers := func(with ...string) {
		GinkgoHelper()
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) { g.SetFinalizers(with) })
	}

	It("[K16] ends when its object goes without a finalizer while no operator runs", func() {
		lasting := w.grant("lasting").ToUser("bob").Grants(w.View).Obj()
		create(lasting)
		expectReason(lasting, v1alpha1.ReasonInForce)
		op.Stop()
		again := withoutWebhook()
		finalizers()
		edit(lasting, func(g *v1alpha1.PermissionGrant) { g.SetFinalizers(nil) })
		for _, object := range []client.Object{g, lasting} {
			Expect(k8sClient.Delete(ctx, object)).To(Succeed())
			Expect(apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object))).To(BeTrue())
		}
		again()
		op.Start()
		Expect(may()).To(BeFalse())
		Expect(w.may("bob", w.View, w.at())()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})
})
