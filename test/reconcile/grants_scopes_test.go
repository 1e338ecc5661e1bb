package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// places are the names of the places and objects that the specs below ask about.
var places = worlds.Places

// idOf is the id in the store of a place or an object.
func (w *world) idOf(place string) string { return w.IDOf(place) }

// holdsAt are the places at which a user has a permission. Each question says where its object lives.
func (w *world) holdsAt(user, permission string) []string {
	GinkgoHelper()
	var holds []string
	for _, place := range places {
		allowed, err := w.mayBelow(user, permission, w.idOf(place))()
		Expect(err).NotTo(HaveOccurred())
		if allowed {
			holds = append(holds, place)
		}
	}
	return holds
}

var _ = Describe("A grant", func() {
	inProd := []string{"prod", "prod/vision", "prod/speech", "42 in prod", "42 in prod/vision", "43 in prod/vision"}
	inVision := []string{"prod/vision", "42 in prod/vision", "43 in prod/vision"}

	DescribeTable("[A2] of permissions holds at its scope and everywhere below, and nowhere else",
		func(at func(*world, *build.PermissionGrantBuilder), text string, want []string) {
			w := newWorld()
			b := w.grant("g").ToUser("alice").Grants(w.View, w.Delete)
			at(w, b)
			g := b.Obj()
			create(g)
			expectReason(g, v1alpha1.ReasonInForce)
			Expect(observed(g).Status.Scope).To(Equal(w.Namespace + text))
			Expect(w.holdsAt("alice", w.View)).To(ConsistOf(want))
			Expect(w.holdsAt("alice", w.Delete)).To(ConsistOf(want))
			Expect(w.holdsAt("alice", w.Edit)).To(BeEmpty())
			Expect(w.holdsAt("bob", w.View)).To(BeEmpty())
			remove(g)
			Expect(w.holdsAt("alice", w.View)).To(BeEmpty())
			Expect(w.granted()).To(BeEmpty())
		},
		Entry("at the organization", func(*world, *build.PermissionGrantBuilder) {}, "", places),
		Entry("at a workspace", func(_ *world, b *build.PermissionGrantBuilder) { b.InWorkspace("prod") }, "/prod", inProd),
		Entry("at a project", func(_ *world, b *build.PermissionGrantBuilder) { b.InProject("prod", "vision") }, "/prod/vision", inVision),
	)

	DescribeTable("[A2] on one object holds on that object alone",
		func(at func(*world, *build.PermissionGrantBuilder), want string) {
			w := newWorld()
			b := w.grant("g").ToUser("alice").Grants(w.View, w.Delete)
			at(w, b)
			g := b.Obj()
			create(g)
			expectReason(g, v1alpha1.ReasonInForce)
			Expect(w.holdsAt("alice", w.View)).To(ConsistOf(want))
			Expect(w.holdsAt("alice", w.Delete)).To(ConsistOf(want))
			Expect(w.may("alice", w.View, w.idOf(want))()).To(BeTrue(), "without saying where it lives")
			remove(g)
			Expect(w.holdsAt("alice", w.View)).To(BeEmpty())
			Expect(w.granted()).To(BeEmpty())
		},
		Entry("of the organization", func(w *world, b *build.PermissionGrantBuilder) { b.OnResource(w.Type, "42") }, "42 of the organization"),
		Entry("of a workspace", func(w *world, b *build.PermissionGrantBuilder) { b.InWorkspace("prod").OnResource(w.Type, "42") }, "42 in prod"),
		Entry("of a project", func(w *world, b *build.PermissionGrantBuilder) {
			b.InProject("prod", "vision").OnResource(w.Type, "42")
		}, "42 in prod/vision"),
	)

	DescribeTable("[A2] on a model holds for every object of it at the scope, and for no other model",
		func(at func(*world, *build.PermissionGrantBuilder), text string, want []string) {
			w := newWorld()
			other := build.ResourceType(w.Namespace + "-sheet").Permits(w.Namespace + ":Count").Obj()
			create(other)
			b := w.grant("g").ToUser("alice").Grants(w.View, w.Namespace+":Count").OnEvery(w.Type)
			at(w, b)
			g := b.Obj()
			create(g)
			expectReason(g, v1alpha1.ReasonPermissionsInvalid)
			status := observed(g).Status
			Expect(status.Permissions).To(HaveExactElements(
				haveOutcome(w.View, v1alpha1.ReasonGranted),
				haveOutcome(w.Namespace+":Count", v1alpha1.ReasonPermissionOfOtherType, w.Namespace+":Count", other.Spec.Type, w.Type)))
			Expect(status.Scope).To(Equal(w.Namespace + text + "/" + w.Type + "/*"))
			Expect(w.holdsAt("alice", w.View)).To(ConsistOf(want))
			Expect(w.holdsAt("alice", w.Namespace+":Count")).To(BeEmpty())
			Expect(w.mayBelow("alice", w.Namespace+":Count", w.objectOf(other.Spec.Type, "42", "prod", "vision"))()).To(BeFalse())
			remove(g)
			Expect(w.holdsAt("alice", w.View)).To(BeEmpty())
			Expect(w.granted()).To(BeEmpty())
		},
		Entry("in the organization", func(*world, *build.PermissionGrantBuilder) {}, "", places),
		Entry("in a workspace", func(_ *world, b *build.PermissionGrantBuilder) { b.InWorkspace("prod") }, "/prod", inProd),
		Entry("in a project", func(_ *world, b *build.PermissionGrantBuilder) { b.InProject("prod", "vision") }, "/prod/vision", inVision),
	)
})
