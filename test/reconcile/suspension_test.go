package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A user who is suspended", func() {

	It("[K13] from the start has no access until that ends", func() {
		w := newWorld()
		carol := build.User(w.Namespace, "carol").KnownAs(w.subject("carol")).Suspended().Obj()
		assigned := w.assignment("a", "editor").ToUser("carol").Obj()
		create(carol, assigned)
		expectReason(carol, v1alpha1.ReasonSuspended)
		expectReason(assigned, v1alpha1.ReasonUserSuspended)
		Expect(w.may("carol", w.View, w.at())()).To(BeFalse())
		edit(carol, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("carol", w.View, w.at())()).To(BeTrue())
	})
})
