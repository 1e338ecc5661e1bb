package integration

import (
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Assignments that give the same", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// both makes two assignments and waits until they hold.
	both := func(first, second *build.RoleAssignmentBuilder) (*v1alpha1.RoleAssignment, *v1alpha1.RoleAssignment) {
		GinkgoHelper()
		a, b := first.Obj(), second.Obj()
		create(a, b)
		expectReason(a, v1alpha1.ReasonInForce)
		expectReason(b, v1alpha1.ReasonInForce)
		return a, b
	}
	nothingIsGiven := func() {
		GinkgoHelper()
		Expect(w.inStore()).NotTo(ContainElement(MatchRegexp("assignee|slot_")))
	}

	It("[K2] hold until the last of them is gone, in either order", func() {
		for _, firstToGo := range []int{0, 1} {
			a, b := both(
				w.assignment("one", "editor").ToUser("alice").InWorkspace("prod"),
				w.assignment("two", "editor").ToUser("alice").InWorkspace("prod"))
			pair := []*v1alpha1.RoleAssignment{a, b}
			remove(pair[firstToGo])
			Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
			remove(pair[1-firstToGo])
			Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeFalse())
			nothingIsGiven()
		}
	})
})

// atOnce does things at one moment, and expects all of them to succeed.
func atOnce(things ...func() error) {
	GinkgoHelper()
	errs := make([]error, len(things))
	var done sync.WaitGroup
	begin := make(chan struct{})
	for n, thing := range things {
		done.Go(func() {
			<-begin
			errs[n] = thing()
		})
	}
	close(begin)
	done.Wait()
	for _, err := range errs {
		Expect(client.IgnoreNotFound(err)).NotTo(HaveOccurred())
	}
}
