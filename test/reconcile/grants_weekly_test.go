package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// windows are the windows in which the store says that the one whom grants are given to has a permission,
// as "from until". The world has grants to one subject at one scope only.
func (w *world) windows(permission string) func() ([]string, error) {
	return func() ([]string, error) {
		granted, err := w.granted()
		if err != nil {
			return nil, err
		}
		return worlds.Windows(granted, permission)
	}
}

// window is how windows puts one.
func window(from, until time.Time) string {
	return from.UTC().Format(time.RFC3339) + " " + until.UTC().Format(time.RFC3339)
}

var _ = Describe("Windows on one permission", func() {
	var w *world
	var noon time.Time
	var may func() (bool, error)
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
		may = w.may("alice", w.View, w.at())
	})
	// during makes a grant for so many hours after noon, and returns when it is in the store.
	during := func(name string, from, until int, conditions ...build.Condition) *v1alpha1.TemporaryPermissionGrant {
		GinkgoHelper()
		g := w.temporary(name).ToUser("alice").Grants(w.View, conditions...).From(hours(noon, from)).Until(hours(noon, until)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonPending)
		return g
	}

	It("[K11] that touch or overlap are one rule, and still end each when it says", func() {
		during("first", 0, 2)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 2))))
		during("touches", 2, 4)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 4))))
		overlaps := during("overlaps", 3, 6)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 6))))
		during("within", 1, 3)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 6))))
		during("apart", 7, 8)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 6)), window(hours(noon, 7), hours(noon, 8))))
		closes := during("closes", 6, 7)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 8))))

		remove(closes)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 6)), window(hours(noon, 7), hours(noon, 8))))
		remove(overlaps)
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 4)), window(hours(noon, 7), hours(noon, 8))))
		expectFrom(noon, true, may)
		expectReason(w.temporary("first").Obj(), v1alpha1.ReasonInForce)
		op.clock.StopAt(hours(noon, 2))
		Expect(may()).To(BeTrue(), "where one window ends, the next has begun")
		expectReason(w.temporary("first").Obj(), v1alpha1.ReasonExpired)
		expectFrom(hours(noon, 4), false, may)
		expectFrom(hours(noon, 7), true, may)
		expectFrom(hours(noon, 8), false, may)
	})

	It("[K11] under other conditions stay apart", func() {
		red, blue := attributes{"color": "red"}, attributes{"color": "blue"}
		for name, g := range map[string]*build.TemporaryPermissionGrantBuilder{
			"red":      w.temporary("red").Grants(w.Edit, build.Equals("color", "red")).From(noon).Until(hours(noon, 2)),
			"red-too":  w.temporary("red-too").Grants(w.Edit, build.Equals("color", "red")).From(hours(noon, 1)).Until(hours(noon, 3)),
			"blue":     w.temporary("blue").Grants(w.Edit, build.Equals("color", "blue")).From(hours(noon, 1)).Until(hours(noon, 2)),
			"anything": w.temporary("anything").Grants(w.Edit).From(hours(noon, 4)).Until(hours(noon, 5)),
		} {
			create(g.ToUser("alice").Obj())
			expectReason(w.temporary(name).Obj(), v1alpha1.ReasonPending)
		}
		Expect(w.windows(w.Edit)()).To(ConsistOf(
			window(noon, hours(noon, 3)), window(hours(noon, 1), hours(noon, 2)), window(hours(noon, 4), hours(noon, 5))))
		mayRed, mayBlue := w.may("alice", w.Edit, w.at(), red), w.may("alice", w.Edit, w.at(), blue)
		expectFrom(noon, true, mayRed)
		Expect(mayBlue()).To(BeFalse())
		expectFrom(hours(noon, 1), true, mayBlue)
		expectFrom(hours(noon, 2), false, mayBlue)
		Expect(mayRed()).To(BeTrue())
		expectFrom(hours(noon, 3), false, mayRed)
		expectFrom(hours(noon, 4), true, mayRed, mayBlue)
		expectFrom(hours(noon, 5), false, mayRed, mayBlue)
	})

	It("[K11] of a grant that is deleted go alone", func() {
		grants := []*v1alpha1.TemporaryPermissionGrant{during("a", 0, 1), during("b", 2, 3), during("c", 4, 5)}
		remove(grants[1])
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 1)), window(hours(noon, 4), hours(noon, 5))))
		expectFrom(noon, true, may)
		expectFrom(hours(noon, 1), false, may)
		op.clock.StopAt(hours(noon, 2))
		Expect(may()).To(BeFalse(), "where the deleted one would have been")
		expectFrom(hours(noon, 4), true, may)
		remove(grants[2])
		Expect(may()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[K11] count for nothing beside a grant for good, and again when that goes", func() {
		during("a", 0, 1)
		lasting := w.grant("lasting").ToUser("alice").Grants(w.View).Obj()
		create(lasting)
		expectReason(lasting, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
		Expect(w.windows(w.View)()).To(BeEmpty())
		op.clock.StopAt(noon)
		Expect(may()).To(BeTrue())
		remove(lasting)
		Expect(may()).To(BeTrue())
		Expect(w.windows(w.View)()).To(ConsistOf(window(noon, hours(noon, 1))))
		expectFrom(hours(noon, 1), false, may)
	})
})

// hours is so many hours later.
func hours(from time.Time, n int) time.Time { return from.Add(time.Duration(n) * time.Hour) }
