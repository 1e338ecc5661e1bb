package reconcile

import (
	"slices"
	"sync"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type attributes = map[string]any

// waitUntilQuiet returns when everything has happened that happens now.
func waitUntilQuiet() { synctest.Wait() }

// letOperatorWork lets the time pass that the operator takes: it gathers writes, and a role says after a second how many use it.
func letOperatorWork() { op.clock.StopAt(op.clock.Now().Add(3 * time.Second)) }

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

// inParallel does something for the numbers from 0 to n, a few at a time.
func inParallel(n int, do func(int) error) {
	GinkgoHelper()
	const lanes = 16
	var things []func() error
	for lane := range lanes {
		things = append(things, func() error {
			for i := lane; i < n; i += lanes {
				if err := do(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	atOnce(things...)
}

func contains(list []string, name string) bool { return slices.Contains(list, name) }

func toObjects[T client.Object](typed []T) []client.Object {
	objects := make([]client.Object, 0, len(typed))
	for _, object := range typed {
		objects = append(objects, object)
	}
	return objects
}

// unasked is k8sClient: nobody asks a webhook here.
func unasked() client.Client { return k8sClient }
