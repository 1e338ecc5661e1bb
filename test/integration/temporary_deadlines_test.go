package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("The deadline of a temporary grant", func() {
	var w *world
	var noon time.Time
	var may func() (bool, error)
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
		may = w.may("alice", w.View, w.at())
	})
	expectEnded := func(g *v1alpha1.TemporaryPermissionGrant) {
		GinkgoHelper()
		expectReason(g, v1alpha1.ReasonExpired)
		Expect(may()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	}

	// What there is to write at the deadline is written once, whatever wakes the operator, and when.
	flips := func(phases []v1alpha1.GrantPhase) (flips []v1alpha1.GrantPhase) {
		for _, phase := range phases {
			if len(flips) == 0 || flips[len(flips)-1] != phase {
				flips = append(flips, phase)
			}
		}
		return flips
	}
	touch := func(g *v1alpha1.TemporaryPermissionGrant) {
		GinkgoHelper()
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) {
			metav1.SetMetaDataAnnotation(&g.ObjectMeta, "example.com/touched", op.clock.Now().String())
		})
	}

	It("[K12] from which the clock jumps far away, over the start too, leaves a grant that never began ended", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon).Until(noon.Add(time.Hour)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonPending)
		phases := history(g)
		op.clock.StopAt(noon.AddDate(0, 0, 1))
		Expect(may()).To(BeFalse())
		expectEnded(g)
		Eventually(func() []v1alpha1.GrantPhase { return flips(phases()) }).Should(HaveExactElements(v1alpha1.PhasePending, v1alpha1.PhaseExpired))
	})

	It("[K12] stays passed when the clock is set back", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		op.clock.StopAt(noon)
		expectEnded(g)
		phases := history(g)
		op.clock.StopAt(noon.Add(-time.Hour))
		Expect(may()).To(BeFalse())
		touch(g)
		waitUntilQuiet()
		expectEnded(g)
		Expect(flips(phases())).To(HaveExactElements(v1alpha1.PhaseExpired))
		By("starting where the clock is behind")
		op.Stop()
		op.StartAt(noon.Add(-time.Hour))
		Expect(may()).To(BeFalse())
		waitUntilQuiet()
		Expect(may()).To(BeFalse())
		expectEnded(g)
		op.clock.StopAt(noon)
		waitUntilQuiet()
		expectEnded(g)
	})

	It("[K12] is kept by the store alone when the clock is set back before the operator has seen it pass", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon.Add(time.Hour)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		op.clock.StopAt(noon.Add(-30 * time.Minute))
		Expect(may()).To(BeTrue())
		op.clock.StopAt(noon.Add(-50 * time.Minute))
		Expect(may()).To(BeTrue())
		expectFrom(noon.Add(time.Hour), false, may)
		expectEnded(g)
	})

	It("[K12] that passes while no operator runs is kept by the next one from its start", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		phases := history(g)
		for _, passed := range []time.Duration{0, time.Nanosecond, 24 * time.Hour} {
			op.Stop()
			op.StartAt(noon.Add(passed))
			Expect(may()).To(BeFalse())
			expectEnded(g)
		}
		Expect(flips(phases())).To(HaveExactElements(v1alpha1.PhaseActive, v1alpha1.PhaseExpired))
		Expect(phases()).To(HaveLen(2), "written once")
	})
})
