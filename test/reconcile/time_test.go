package reconcile

import (
	"sync"
	"testing/synctest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type attributes = map[string]any

// waitUntilQuiet returns when everything has happened that happens now.
func waitUntilQuiet() { synctest.Wait() }

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
	synctest.Wait()
}
