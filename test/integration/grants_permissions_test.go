package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The permissions of a grant", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[A1] are given to a user in one request, and the outcome of each can be read", func() {
		g := w.grant("g").ToUser("alice").Grants(w.View, w.Delete).GrantsIf(w.Edit, build.Equals("color", "red")).InWorkspace("prod").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		status := observed(g).Status
		Expect(status.Permissions).To(HaveExactElements(
			haveOutcome(w.View, v1alpha1.ReasonGranted), haveOutcome(w.Delete, v1alpha1.ReasonGranted), haveOutcome(w.Edit, v1alpha1.ReasonGranted)))
		Expect(status.InForce).To(BeTrue())
		Expect(status.Subject).To(Equal("user/alice"))
		Expect(status.Scope).To(Equal(w.Namespace + "/prod"))

		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		Expect(w.may("alice", w.Delete, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at("prod"), attributes{"color": "red"})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at("prod"), attributes{"color": "blue"})()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())

		remove(g)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.Delete, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at("prod"), attributes{"color": "red"})()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})
})
