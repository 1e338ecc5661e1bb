package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A temporary grant at a scope", func() {

	DescribeTable("[G7] holds for every object below it while it lasts, also for those that no grant has ever named",
		func(at func(*world, *build.TemporaryPermissionGrantBuilder), want ...string) {
			w, noon := newWorld(), inAnHour()
			b := w.temporary("g").ToUser("alice").Grants(w.View).From(noon).Until(noon.Add(time.Hour))
			at(w, b)
			g := b.Obj()
			create(g)
			expectReason(g, v1alpha1.ReasonPending)
			op.clock.StopAt(noon.Add(-time.Nanosecond))
			Expect(w.holdsAt("alice", w.View)).To(BeEmpty())
			op.clock.StopAt(noon)
			Expect(w.holdsAt("alice", w.View)).To(ConsistOf(want))
			op.clock.StopAt(noon.Add(time.Hour - time.Nanosecond))
			Expect(w.holdsAt("alice", w.View)).To(ConsistOf(want))
			op.clock.StopAt(noon.Add(time.Hour))
			Expect(w.holdsAt("alice", w.View)).To(BeEmpty())
			Eventually(w.granted).Should(BeEmpty())
		},
		Entry("the organization", func(*world, *build.TemporaryPermissionGrantBuilder) {}, "organization", "prod", "prod/vision", "prod/speech",
			"lab", "lab/vision", "42 of the organization", "42 in prod", "42 in prod/vision", "43 in prod/vision", "42 in lab/vision"),
		Entry("a workspace", func(_ *world, b *build.TemporaryPermissionGrantBuilder) { b.InWorkspace("prod") },
			"prod", "prod/vision", "prod/speech", "42 in prod", "42 in prod/vision", "43 in prod/vision"),
		Entry("a project", func(_ *world, b *build.TemporaryPermissionGrantBuilder) { b.InProject("prod", "vision") },
			"prod/vision", "42 in prod/vision", "43 in prod/vision"),
		Entry("all objects of a model in a project", func(w *world, b *build.TemporaryPermissionGrantBuilder) {
			b.InProject("prod", "vision").OnEvery(w.Type)
		},
			"prod/vision", "42 in prod/vision", "43 in prod/vision"),
		Entry("one object", func(w *world, b *build.TemporaryPermissionGrantBuilder) {
			b.InProject("prod", "vision").OnResource(w.Type, "42")
		},
			"42 in prod/vision"),
	)
})
