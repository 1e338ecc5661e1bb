package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The life of a temporary grant", func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
	})

	It("[G5] [G7] is as long as its duration says, in either form, to the instant", func() {
		lengths := map[v1alpha1.Duration]time.Duration{
			"PT1S": time.Second, "2s": 2 * time.Second, "PT90M": 90 * time.Minute, "1h31m": 91 * time.Minute, "PT8H": 8 * time.Hour,
			"9h": 9 * time.Hour, "P1D": 24 * time.Hour, "P1DT12H": 36 * time.Hour,
		}
		type ending struct {
			at  time.Time
			may func() (bool, error)
		}
		var endings []ending
		var mays []func() (bool, error)
		for written, length := range lengths {
			id := fmt.Sprint(length)
			g := w.temporary("g-"+strings.ToLower(string(written))).ToUser("alice").Grants(w.View).OnResource(w.Type, id).From(noon).For(written).Obj()
			create(g)
			expectReason(g, v1alpha1.ReasonPending)
			Expect(lives(g)()).To(Equal(life(v1alpha1.PhasePending, noon, noon.Add(length))))
			may := w.may("alice", w.View, w.object(id, "", ""))
			endings, mays = append(endings, ending{noon.Add(length), may}), append(mays, may)
		}
		slices.SortFunc(endings, func(a, b ending) int { return a.at.Compare(b.at) })
		expectFrom(noon, true, mays...)
		for _, e := range endings {
			expectFrom(e.at, false, e.may)
		}
		Eventually(w.granted).Should(BeEmpty())
	})

	It("[G5] [G7] begins with its creation, and at startsAt where that is set", func() {
		now := w.temporary("now").ToUser("alice").Grants(w.View).For("PT8H").Obj()
		before := w.temporary("before").ToUser("alice").Grants(w.Edit).From(noon.Add(-7 * time.Hour)).For("PT8H").Obj()
		later := w.temporary("later").ToUser("alice").Grants(w.Delete).From(noon).Until(noon.Add(8 * time.Hour)).Obj()
		create(now, before, later)
		expectReason(now, v1alpha1.ReasonInForce)
		expectReason(before, v1alpha1.ReasonInForce)
		expectReason(later, v1alpha1.ReasonPending, noon.UTC().Format(time.RFC3339))
		created := now.CreationTimestamp.Time
		Expect(lives(now)()).To(Equal(life(v1alpha1.PhaseActive, created, created.Add(8*time.Hour))))
		Expect(lives(before)()).To(Equal(life(v1alpha1.PhaseActive, noon.Add(-7*time.Hour), noon.Add(time.Hour))))
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at())()).To(BeTrue())
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())
		expectFrom(noon, true, w.may("alice", w.Delete, w.at()))
		expectFrom(noon.Add(time.Hour), false, w.may("alice", w.Edit, w.at()))
		expectFrom(created.Add(8*time.Hour), false, w.may("alice", w.View, w.at()))
		expectFrom(noon.Add(8*time.Hour), false, w.may("alice", w.Delete, w.at()))
	})

	It("[G7] lets the user do more than their roles, and no less afterwards", func() {
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		g := w.temporary("g").ToUser("alice").Grants(w.Delete).InWorkspace("prod").Until(noon).Obj()
		same := w.temporary("same").ToUser("alice").Grants(w.View).InWorkspace("prod").Until(noon).Obj()
		create(assigned, g, same)
		for _, object := range []v1alpha1.Object{assigned, g, same} {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		expectFrom(noon, false, w.may("alice", w.Delete, w.at("prod")))
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue(), "by the role")
		expectReason(g, v1alpha1.ReasonExpired)
		expectReason(same, v1alpha1.ReasonExpired)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue(), "by the role")
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeTrue(), "by the role")
	})

	It("[G7] holds under its conditions, as long as it lasts", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.Edit, build.In("color", "red", "blue"), build.NotEquals("floor", "3")).Until(noon).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 3})()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "green", "floor": 4})()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at())()).To(BeFalse())
		expectFrom(noon, false, w.may("alice", w.Edit, w.at(), attributes{"color": "blue", "floor": 4}))
	})

	It("[G7] leaves the object where it is when it is over, as it was", func() {
		g := w.temporary("g").ToUser("alice").Grants(w.View).Until(noon).Tagged("ticket", "INC 4711").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		spec := observed(g).Spec
		expectFrom(noon, false, w.may("alice", w.View, w.at()))
		expectReason(g, v1alpha1.ReasonExpired, noon.UTC().Format(time.RFC3339))
		op.clock.StopAt(noon.AddDate(0, 0, 1))
		now := observed(g)
		Expect(now.Spec).To(Equal(spec))
		Expect(now.Status.Phase).To(Equal(v1alpha1.PhaseExpired))
		Expect(now.Status.InForce).To(BeFalse())
		Expect(now.Status.Permissions).To(BeEmpty())
		Expect(g).To(haveGeneration(1))
		remove(g)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
	})
})
