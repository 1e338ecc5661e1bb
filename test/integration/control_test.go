package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// OpenFGA takes no control characters in the contexts of conditions and requests; the schemas do.
var _ = Describe("A control character", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
	})

	It("[K3] in a condition's value is a fault of that entry, and what the role no longer says ends", func() {
		role := build.Role(w.Namespace, "editor").Obj()
		edit(role, func(r *v1alpha1.Role) {
			r.Spec = build.Role(w.Namespace, "editor").Grants(w.Delete).GrantsIf(w.Edit, build.Equals("color", "a\tb")).Obj().Spec
		})
		expectReason(role, v1alpha1.ReasonPermissionsInvalid)
		Expect(message(role)()).To(containAll("color", "control character"))
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse(), "removed from the role")
		Expect(w.may("alice", w.Edit, w.at())()).To(BeFalse(), "the faulty entry")
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue(), "the other entry")
	})

	It("[G4] in a request's attributes makes no decision fail, and equals no condition's value", Label(embeddedOnly), func() {
		role := build.Role(w.Namespace, "editor").Obj()
		edit(role, func(r *v1alpha1.Role) {
			r.Spec = build.Role(w.Namespace, "editor").Grants(w.View).GrantsIf(w.Edit, build.NotEquals("color", "red")).Obj().Spec
		})
		expectReason(role, v1alpha1.ReasonValid)
		odd := attributes{"color": "two\nlines", "other\n": "x", "list": []string{"a\tb"}}
		Expect(w.may("alice", w.View, w.at(), odd)()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), odd)()).To(BeTrue(), "a text that is not red")
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red"})()).To(BeFalse())
	})
})
