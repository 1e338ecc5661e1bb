package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("A temporary grant with ttlAfterExpired", func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
	})
	gone := func(g *v1alpha1.TemporaryPermissionGrant) func() bool {
		return func() bool {
			return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g.DeepCopy()))
		}
	}

	It("[G7] is deleted by what it says at last", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon.Add(-time.Hour)).For("PT1H").DeletedAfter("PT1H").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		op.clock.StopAt(noon)
		expectReason(g, v1alpha1.ReasonExpired)
		By("a longer time")
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.TTLAfterExpired = new(v1alpha1.Duration("3h")) })
		expectReason(g, v1alpha1.ReasonExpired)
		op.clock.StopAt(noon.Add(2 * time.Hour))
		waitUntilQuiet()
		Expect(gone(g)()).To(BeFalse())
		By("none")
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.TTLAfterExpired = nil })
		expectReason(g, v1alpha1.ReasonExpired)
		op.clock.StopAt(noon.Add(4 * time.Hour))
		waitUntilQuiet()
		Expect(gone(g)()).To(BeFalse())
		By("one that is over")
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.TTLAfterExpired = new(v1alpha1.Duration("1s")) })
		Eventually(gone(g)).Should(BeTrue())
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
	})

	It("[G7] [K4] has ended when it is applied again after that, and is deleted again", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon.Add(-time.Hour)).For("PT1H").DeletedAfter("PT1M")
		create(g.Obj())
		expectReason(g.Obj(), v1alpha1.ReasonInForce)
		op.clock.StopAt(noon.Add(time.Minute))
		Eventually(gone(g.Obj())).Should(BeTrue())
		phases := history(g.Obj())
		create(g.Obj())
		Eventually(gone(g.Obj())).Should(BeTrue())
		Expect(phases()).NotTo(ContainElement(v1alpha1.PhaseActive))
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[G7] is deleted by an operator that starts after that", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon).DeletedAfter("PT1M").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		op.Stop()
		op.StartAt(noon.Add(time.Minute))
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Eventually(gone(g)).Should(BeTrue())
	})
})
