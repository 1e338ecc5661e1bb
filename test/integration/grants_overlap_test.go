package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Grants that give the same", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[K2] and a role that does, each hold without the other", func() {
		g, assigned := w.grant("g").ToUser("alice").Grants(w.View).Obj(), w.assignment("a", "editor").ToUser("alice").Obj()
		for range 2 {
			create(g.DeepCopy(), assigned.DeepCopy())
			expectReason(g, v1alpha1.ReasonInForce)
			expectReason(assigned, v1alpha1.ReasonInForce)
			remove(g.DeepCopy())
			Expect(w.may("alice", w.View, w.at())()).To(BeTrue(), "by the role")
			create(g.DeepCopy())
			expectReason(g, v1alpha1.ReasonInForce)
			remove(assigned.DeepCopy())
			Expect(w.may("alice", w.View, w.at())()).To(BeTrue(), "by the grant")
			Expect(w.may("alice", w.Edit, w.at())()).To(BeFalse())
			remove(g.DeepCopy())
			Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		}
	})

	It("[K2] under other conditions each keep what only they give", func() {
		red := w.grant("red").ToUser("alice").GrantsIf(w.Edit, build.Equals("color", "red")).Obj()
		low := w.temporary("low").ToUser("alice").Grants(w.Edit, build.In("floor", "1", "2")).For("PT1H").Obj()
		create(red, low)
		expectReason(red, v1alpha1.ReasonInForce)
		expectReason(low, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 9})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "blue", "floor": 2})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "blue", "floor": 9})()).To(BeFalse())
		remove(red)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 9})()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 2})()).To(BeTrue())
		remove(low)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 2})()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})
})
