package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("An object that no grant has ever named", func() {
	It("is asked at the place that it is in, or says which that is, and can't say another", Label(embeddedOnly), func() {
		w := newWorld()
		g := w.grant("g").ToUser("alice").Grants(w.View).InProject("prod", "vision").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.object("42", "prod", "vision"))()).To(BeFalse(), "which says nothing of where it is")
		Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.mayBelow("alice", w.View, w.object("42", "prod", "vision"))()).To(BeTrue())
		Expect(w.mayBelow("alice", w.View, w.object("42", "prod", "speech"))()).To(BeFalse())
		_, err := w.mayIf("alice", w.View, w.object("42", "prod", "speech"), map[string]string{w.object("42", "prod", "speech"): w.at("prod", "vision")})()
		Expect(err).To(MatchError(containAll("400", "contextual tuple", "is not accepted")))
		remove(g)
		Expect(w.mayBelow("alice", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
	})
})
