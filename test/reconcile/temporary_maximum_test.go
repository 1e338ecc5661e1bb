package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An organization's maximum for temporary grants", func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
	})
	// limit sets the maximum, and returns when it holds; none takes it away.
	const none = ""
	limit := func(maximum v1alpha1.Duration) {
		GinkgoHelper()
		organization := build.Organization(w.Namespace).Obj()
		edit(organization, func(o *v1alpha1.Organization) {
			o.Spec.TemporaryGrants.MaxDuration = nil
			if maximum != none {
				o.Spec.TemporaryGrants.MaxDuration = &maximum
			}
		})
		expectReason(organization, v1alpha1.ReasonNotAdministered)
	}

	It("[G5] ends a grant that asks for more, and says so", func() {
		limit("PT2H")
		var mays []func() (bool, error)
		for name, b := range map[string]*build.TemporaryPermissionGrantBuilder{
			"duration":  w.temporary("duration").From(noon).For("PT8H"),
			"expiresat": w.temporary("expiresat").From(noon).Until(noon.Add(8 * time.Hour)),
		} {
			g := b.ToUser("alice").Grants(w.View).OnResource(w.Type, name).Obj()
			create(g)
			expectReason(g, v1alpha1.ReasonPending, "maxDuration", noon.Add(2*time.Hour).UTC().Format(time.RFC3339))
			Expect(lives(g)()).To(Equal(life(v1alpha1.PhasePending, noon, noon.Add(2*time.Hour))))
			mays = append(mays, w.may("alice", w.View, w.object(name, "", "")))
		}
		exact := w.temporary("exact").ToUser("alice").Grants(w.View).OnResource(w.Type, "exact").From(noon).For("2h").Obj()
		create(exact)
		expectReason(exact, v1alpha1.ReasonPending)
		Expect(message(exact)()).NotTo(ContainSubstring("maxDuration"))
		mays = append(mays, w.may("alice", w.View, w.object("exact", "", "")))
		expectFrom(noon, true, mays...)
		expectFrom(noon.Add(2*time.Hour), false, mays...)
	})

	It("[G5] caps the grants that are there when it is lowered, and gives back what they ask for when it is raised", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon.Add(-2 * time.Hour)).For("PT8H").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		start, may := noon.Add(-2*time.Hour), w.may("alice", w.View, w.at())
		for _, step := range []struct {
			maximum  v1alpha1.Duration
			deadline time.Time
		}{
			{"PT4H", noon.Add(2 * time.Hour)},
			{"PT3H", noon.Add(time.Hour)},
			{"PT5H", noon.Add(3 * time.Hour)},
			{"P1D", noon.Add(6 * time.Hour)},
			{"PT3H", noon.Add(time.Hour)},
			{none, noon.Add(6 * time.Hour)},
		} {
			limit(step.maximum)
			Eventually(lives(g)).Should(Equal(life(v1alpha1.PhaseActive, start, step.deadline)), "with a maximum of %s", step.maximum)
			Expect(may()).To(BeTrue())
		}
		limit("PT3H")
		Eventually(lives(g)).Should(Equal(life(v1alpha1.PhaseActive, start, noon.Add(time.Hour))))
		expectFrom(noon.Add(time.Hour), false, may)
		expectReason(g, v1alpha1.ReasonExpired)

		By("raising it before the grant's own deadline")
		limit("PT4H")
		expectReason(g, v1alpha1.ReasonInForce, "maxDuration")
		expectFrom(noon.Add(2*time.Hour), false, may)

		By("and after it")
		op.clock.StopAt(noon.Add(6 * time.Hour))
		limit("P30D")
		expectReason(g, v1alpha1.ReasonExpired)
		Eventually(lives(g)).Should(Equal(life(v1alpha1.PhaseExpired, start, noon.Add(6*time.Hour))))
		Expect(may()).To(BeFalse())
	})

	It("[G5] ends at once what has lasted longer than it allows", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).From(noon.Add(-3 * time.Hour)).For("PT8H").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		limit("PT1H")
		expectReason(g, v1alpha1.ReasonExpired)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[G5] is that of the grant's own organization", func() {
		other := newWorld()
		limit("PT1H")
		ours := w.temporary("g").ToUser("alice").Grants(w.View).From(noon).For("PT8H").Obj()
		theirs := other.temporary("g").ToUser("alice").Grants(other.View).From(noon).For("PT8H").Obj()
		create(ours, theirs)
		expectReason(ours, v1alpha1.ReasonPending)
		expectReason(theirs, v1alpha1.ReasonPending)
		expectFrom(noon.Add(time.Hour), false, w.may("alice", w.View, w.at()))
		Expect(other.may("alice", other.View, other.at())()).To(BeTrue())
		expectFrom(noon.Add(8*time.Hour), false, other.may("alice", other.View, other.at()))
	})
})
