package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
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

	It("[A2] on an object leaves what is granted above it, below it and beside it", func() {
		w := newWorld()
		grants := map[string]*v1alpha1.PermissionGrant{
			"prod":              w.grant("above").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj(),
			"42 in prod/vision": w.grant("object").ToUser("alice").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").Obj(),
			"43 in prod/vision": w.grant("beside").ToUser("alice").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "43").Obj(),
			"42 in lab/vision":  w.grant("elsewhere").ToUser("alice").Grants(w.View).InProject("lab", "vision").OnResource(w.Type, "42").Obj(),
		}
		for _, g := range grants {
			create(g)
		}
		for _, g := range grants {
			expectReason(g, v1alpha1.ReasonInForce)
		}
		Expect(w.holdsAt("alice", w.View)).To(ConsistOf(append([]string{"42 in lab/vision"}, inProd...)))
		remove(grants["42 in prod/vision"])
		Expect(w.holdsAt("alice", w.View)).To(ConsistOf(append([]string{"42 in lab/vision"}, inProd...)))
		remove(grants["prod"])
		Expect(w.holdsAt("alice", w.View)).To(ConsistOf("43 in prod/vision", "42 in lab/vision"))
		remove(grants["42 in lab/vision"])
		Expect(w.holdsAt("alice", w.View)).To(ConsistOf("43 in prod/vision"))
		remove(grants["43 in prod/vision"])
		Expect(w.holdsAt("alice", w.View)).To(BeEmpty())
		Expect(w.granted()).To(BeEmpty())
	})
})
