// Package reconcile tests what objects give, and when, with the real reconcilers, state, engine, syncer and OpenFGA, and
// an API server that is a fake in this process. Time passes in a synctest bubble: it stands still while anybody works.
//
// What needs a real API server, or a process that is killed, is in test/integration.
package reconcile

import (
	"context"
	"os"
	"os/signal"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

var (
	// ctx ends with the suite.
	ctx context.Context
	// k8sClient is a cluster administrator's.
	k8sClient client.WithWatch
	// authorization is OpenFGA, with the model and the limits of the embedded store.
	authorization *openfga.EmbeddedStore
)

func TestReconcile(t *testing.T) {
	RegisterFailHandler(Fail)
	log.SetLogger(errorsOnly)
	SetDefaultEventuallyTimeout(time.Minute)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	// A fake watch panics when more events than this wait, as on a busy machine when a spec makes many objects.
	watch.DefaultChanSize = 10_000
	// The goroutine that passes signals on lives as long as the process, so it must not be started in the bubble.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	signal.Stop(signals)

	var err error
	authorization, err = openfga.Embedded(t.Context(), openfga.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodes := make(chan func())
	done := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		synctest.Test(t, func(*testing.T) {
			// A bubble begins in the year 2000. What OpenFGA caches would be over since then.
			<-time.After(time.Until(began))
			for node := range nodes {
				node()
			}
		})
	}()
	suite, reporter := GinkgoConfiguration()
	RunSpecs(t, "Reconcile", suite, reporter, AroundNode(inBubble(nodes)))
	close(nodes)
	<-done
	if err := authorization.Close(); err != nil {
		t.Error(err)
	}
}

// errorsOnly shows what fails, with the spec during which it did.
var errorsOnly = funcr.New(func(prefix, args string) { GinkgoWriter.Println(prefix, args) }, funcr.Options{Verbosity: -1})

// inBubble runs every node of every spec in one goroutine of the bubble. While it waits for the next node, time stands
// still: the channel is of outside.
func inBubble(nodes chan<- func()) func(context.Context, func(context.Context)) {
	return func(ctx context.Context, body func(context.Context)) {
		ended := make(chan any)
		nodes <- func() {
			var failure any
			defer func() { ended <- failure }()
			defer func() { failure = recover() }()
			body(ctx)
		}
		if failure := <-ended; failure != nil {
			panic(failure)
		}
	}
}

var _ = BeforeSuite(func() {
	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())
	DeferCleanup(cancel)
})

// Each spec has a cluster of its own, and an operator that has seen nothing else.
var _ = BeforeEach(func() {
	cluster := newCluster()
	k8sClient = cluster.client
	op = &operatorUnderTest{cluster: cluster}
	op.Start()
	DeferCleanup(func() {
		if op.stop != nil {
			op.Stop()
		}
	})
})
