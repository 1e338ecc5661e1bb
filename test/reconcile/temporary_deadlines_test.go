package reconcile

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
	until := func(deadline time.Time) func(*v1alpha1.TemporaryPermissionGrant) {
		return func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.ExpiresAt = &metav1.Time{Time: deadline} }
	}
	expectEnded := func(g *v1alpha1.TemporaryPermissionGrant) {
		GinkgoHelper()
		expectReason(g, v1alpha1.ReasonExpired)
		Expect(may()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	}

	It("[K12] that is shortened is kept exactly", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon.Add(8 * time.Hour)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		edit(g, until(noon))
		expectReason(g, v1alpha1.ReasonInForce, noon.UTC().Format(time.RFC3339))
		expectFrom(noon, false, may)
		expectEnded(g)
	})

	It("[K12] that is shortened into the past ends the grant at once", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
		edit(g, until(noon.Add(-2*time.Hour)))
		expectEnded(g)
	})

	It("[K12] that is extended is kept exactly, and no decision denies meanwhile", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		op.clock.StopAt(noon.Add(-time.Nanosecond))
		edit(g, until(noon.Add(time.Hour)))
		expectReason(g, v1alpha1.ReasonInForce, noon.Add(time.Hour).UTC().Format(time.RFC3339))
		Expect(may()).To(BeTrue())
		phases := history(g)
		op.clock.StopAt(noon)
		Expect(may()).To(BeTrue())
		waitUntilQuiet()
		Expect(phases()).NotTo(ContainElement(v1alpha1.PhaseExpired))
		expectFrom(noon.Add(time.Hour), false, may)
		expectEnded(g)
	})

	It("[K12] that is extended after it has passed begins the grant again, and ends it as exactly", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		op.clock.StopAt(noon)
		expectEnded(g)
		op.clock.StopAt(noon.Add(time.Hour))
		edit(g, until(noon.Add(2*time.Hour)))
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
		expectFrom(noon.Add(2*time.Hour), false, may)
		expectEnded(g)
	})

	It("[K12] may change from a duration to an instant and back", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon.Add(-2 * time.Hour)).For("PT8H").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) {
			g.Spec.Duration = nil
			until(noon)(g)
		})
		Eventually(lives(g)).Should(Equal(life(v1alpha1.PhaseActive, noon.Add(-2*time.Hour), noon)))
		edit(g, func(g *v1alpha1.TemporaryPermissionGrant) {
			g.Spec.Duration, g.Spec.ExpiresAt = new(v1alpha1.Duration("3h")), nil
		})
		Eventually(lives(g)).Should(Equal(life(v1alpha1.PhaseActive, noon.Add(-2*time.Hour), noon.Add(time.Hour))))
		expectFrom(noon.Add(time.Hour), false, may)
		expectEnded(g)
	})

	It("[K12] that is already past when the grant is created never lets it begin", func() {
		for _, g := range []*v1alpha1.TemporaryPermissionGrant{
			w.temporary("instant").ToUser("alice").Grants(w.View).Until(noon.Add(-2 * time.Hour)).Obj(),
			w.temporary("window").ToUser("alice").Grants(w.View).From(noon.Add(-9 * time.Hour)).Until(noon.Add(-2 * time.Hour)).Obj(),
			w.temporary("duration").ToUser("alice").Grants(w.View).From(noon.Add(-9 * time.Hour)).For("PT8H").Obj(),
			w.temporary("nobody").ToUser("nobody").Grants("nothing").InWorkspace("nowhere").Until(noon.Add(-2 * time.Hour)).Obj(),
		} {
			phases := history(g)
			create(g)
			expectEnded(g)
			Expect(observed(g).Status.InForce).To(BeFalse())
			Expect(phases()).NotTo(ContainElement(v1alpha1.PhaseActive))
		}
	})

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

	It("[K12] flips the status exactly once, though the operator looks early, often and late", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon).Until(noon.Add(time.Hour)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonPending)
		phases := history(g)
		times := func(phase v1alpha1.GrantPhase) func() int {
			return func() (n int) {
				for _, seen := range phases() {
					if seen == phase {
						n++
					}
				}
				return n
			}
		}
		for _, early := range []time.Duration{time.Minute, time.Second, time.Nanosecond} {
			op.clock.StopAt(noon.Add(-early))
			touch(g)
			waitUntilQuiet()
			Expect(may()).To(BeFalse())
		}
		Expect(flips(phases())).To(HaveExactElements(v1alpha1.PhasePending))
		op.clock.StopAt(noon)
		Eventually(times(v1alpha1.PhaseActive)).Should(Equal(1))
		for _, early := range []time.Duration{time.Hour - time.Nanosecond, time.Minute, time.Nanosecond} {
			op.clock.StopAt(noon.Add(time.Hour - early))
			waitUntilQuiet()
			Expect(may()).To(BeTrue())
		}
		Expect(times(v1alpha1.PhaseActive)()).To(Equal(1))
		By("a timer that is late")
		op.clock.StopAt(noon.Add(9 * time.Hour))
		Eventually(times(v1alpha1.PhaseExpired)).Should(Equal(1))
		expectEnded(g)
		op.clock.StopAt(noon.Add(10 * time.Hour))
		waitUntilQuiet()
		Expect(times(v1alpha1.PhaseExpired)()).To(Equal(1))
		Expect(flips(phases())).To(HaveExactElements(v1alpha1.PhasePending, v1alpha1.PhaseActive, v1alpha1.PhaseExpired))
	})

	It("[K12] is kept by an operator that has started before it", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon).Until(noon.Add(time.Hour)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonPending)
		op.Stop()
		op.StartAt(noon.Add(-time.Second))
		Expect(may()).To(BeFalse())
		expectFrom(noon, true, may)
		expectReason(g, v1alpha1.ReasonInForce)
		op.Stop()
		op.StartAt(noon.Add(time.Hour - time.Second))
		Expect(may()).To(BeTrue())
		expectFrom(noon.Add(time.Hour), false, may)
		expectEnded(g)
		Expect(g).To(haveGeneration(1))
	})
})
