package integration

import (
	"os/signal"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
)

// fillDisk lets no file of this process grow beyond 16 KB, nor be written to beyond that, until the returned function
// is called: what a disk without room does, for which nobody has to be root. It holds for the operator of the suite,
// its store's file and its write-ahead log. Programs that run already keep their own limits.
func fillDisk() (makeRoom func()) {
	GinkgoHelper()
	signal.Ignore(syscall.SIGXFSZ) // writing too far is then an error and not the end
	var before syscall.Rlimit
	Expect(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before)).To(Succeed())
	Expect(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 16 << 10, Max: before.Max})).To(Succeed())
	done := false
	makeRoom = func() {
		if !done {
			Expect(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)).To(Succeed())
			signal.Reset(syscall.SIGXFSZ)
			done = true
		}
	}
	DeferCleanup(makeRoom)
	return makeRoom
}

var _ = Describe("While the embedded store's disk is full", Label(slow, embeddedOnly), func() {

	It("[K8] [F1] what waits says so, decisions go on and deadlines are kept, and all converge when there is room", func() {
		w := newWorld()
		noon := inAnHour()
		stays, goes := w.assignment("stays", "editor").ToUser("alice").InWorkspace("prod").Obj(), w.assignment("goes", "editor").ToUser("bob").InWorkspace("prod").Obj()
		ends := w.temporary("ends").ToUser("alice").Grants(w.Delete).InWorkspace("lab").Until(noon).Obj()
		create(stays, goes, ends)
		for _, object := range []v1alpha1.Object{stays, goes, ends} {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		for range faultRounds(1) {
			By("filling the disk")
			makeRoom := fillDisk()
			comes := w.assignment("comes", "editor").ToUser("bob").InWorkspace("lab").Obj()
			create(comes)
			expectReason(comes, v1alpha1.ReasonStoreUnavailable)
			Expect(k8sClient.Delete(ctx, goes)).To(Succeed())
			expectReason(goes, v1alpha1.ReasonStoreUnavailable)
			Expect(measured("bailiwick_store_available")).To(BeZero())
			Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
			coming := question{User: objectid.User(w.subject("bob")), Permission: w.View, Object: w.at("lab")}
			Expect(op.check(coming)).To(BeFalse(), "it is not written yet")
			asked, _ := evaluationOf(coming)
			Expect(op.evaluate(suiteKey, asked)).To(BeTrue(), "memory knows it already")
			op.clock.stopAt(noon.Add(-time.Nanosecond))
			Expect(w.may("alice", w.Delete, w.at("lab"))()).To(BeTrue())
			op.clock.stopAt(noon)
			Expect(w.may("alice", w.Delete, w.at("lab"))()).To(BeFalse())
			Expect(reason(stays)()).To(Equal(v1alpha1.ReasonInForce), "nothing has changed for it")

			By("making room")
			makeRoom()
			expectReason(comes, v1alpha1.ReasonInForce)
			remove(goes)
			Expect(measured("bailiwick_store_available")).To(Equal(1.0))
			Expect(w.may("bob", w.View, w.at("lab"))()).To(BeTrue())
			Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
			remove(comes, ends)
			op.expectWhole()
			noon = noon.Add(time.Hour)
			ends = w.temporary("ends").ToUser("alice").Grants(w.Delete).InWorkspace("lab").Until(noon).Obj()
			goes = w.assignment("goes", "editor").ToUser("bob").InWorkspace("prod").Obj()
			create(ends, goes)
			expectReason(ends, v1alpha1.ReasonInForce)
			expectReason(goes, v1alpha1.ReasonInForce)
		}
	})
})
