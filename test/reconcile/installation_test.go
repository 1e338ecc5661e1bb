package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

var _ = Describe("A CRD that is missing at a start", func() {
	It("[F1] is waited for, and nothing that is in force ends meanwhile", func() {
		w := newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		before, err := w.inStore()
		Expect(err).NotTo(HaveOccurred())
		op.Stop()
		op.cluster.missing = kinds.RoleAssignment
		op.begin()
		op.clock.StopAt(time.Now().Add(time.Hour))
		Expect(op.ended).NotTo(Receive())
		Expect(op.engine.InSync()).To(BeFalse())
		Expect(w.inStore()).To(ConsistOf(before))
		op.cluster.missing = ""
		Eventually(op.engine.InSync).Should(BeTrue())
		Expect(w.inStore()).To(ConsistOf(before))
	})
})
