package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
)

const compareEvery = time.Hour

// watched have a controller each.
var watched = func() []string {
	names := []string{kinds.Namespace}
	for _, kind := range kinds.All {
		names = append(names, kind.Name)
	}
	return names
}()

// world is an engine between a cluster of a fixed content and a fake store, in a bubble of its own time.
type world struct {
	*testing.T
	engine *engine.Engine
	fake   *storetest.Fake
	// objects are what the cluster has when the engine starts.
	objects []client.Object
	version atomic.Int64
	// there are the versions of objects when the engine begins to lead.
	there  engine.Versions
	clock  *clocktesting.FakeClock
	queues map[string]*queue
	// stop ends the engine, and ended is closed when it has.
	stop  context.CancelFunc
	ended chan struct{}
}

func inWorld(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			T: t, fake: storetest.NewFake(), queues: map[string]*queue{},
			clock: clocktesting.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)),
		}
		w.engine = engine.New(engine.Options{
			Connect:  func(context.Context) (store.Store, error) { return w.fake, nil },
			Versions: func(context.Context) (engine.Versions, error) { return w.there, nil },
			Limits:   state.Limits{ConditionCost: 1000}, Clock: w.clock, CompareEvery: compareEvery, CountEvery: time.Second,
			Log: logr.Discard(),
		})
		test(w)
		if err := w.fake.Broken(); err != nil {
			t.Errorf("the contract of the store is broken: %v", err)
		}
	})
}

// start starts the engine and the controllers, before anything of the cluster has been seen.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.Context())
	w.stop, w.ended = cancel, make(chan struct{})
	for _, kind := range watched {
		w.queues[kind] = &queue{}
		if err := w.engine.Source(kind).Start(ctx, w.queues[kind]); err != nil {
			w.Fatal(err)
		}
	}
	go func() {
		defer close(w.ended)
		if err := w.engine.Start(ctx); err != nil {
			w.Errorf("Start: %v", err)
		}
	}()
	w.Cleanup(func() { cancel(); <-w.ended })
}

// see has the engine evaluate what the cluster has.
func (w *world) see() {
	w.there = engine.Versions{Of: map[kinds.Ref]string{}}
	for _, object := range w.objects {
		object = w.stored(object)
		w.there.Of[kinds.RefOf(object)] = object.GetResourceVersion()
		w.engine.Observe(object)
	}
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.engine.Evaluate(ctx)
	}()
	w.Cleanup(func() { cancel(); <-ended })
}

// begin starts everything, and returns when the store is in sync.
func (w *world) begin() {
	w.Helper()
	w.start()
	w.see()
	synctest.Wait()
	if !w.engine.InSync() {
		w.Fatal("not in sync")
	}
}

// stored is an object as the cluster has it once it has been written.
func (w *world) stored(object client.Object) client.Object {
	object = object.DeepCopyObject().(client.Object)
	object.SetResourceVersion(fmt.Sprint(w.version.Add(1)))
	object.SetFinalizers([]string{v1alpha1.Finalizer})
	return object
}

// put writes an object, and does what its controller does.
func (w *world) put(object client.Object) (state.Outcome, error) {
	object = w.stored(object)
	w.engine.Observe(object)
	outcome, err := w.engine.Outcome(w.Context(), object)
	if err != nil {
		w.Error(err)
	}
	return outcome, w.engine.Await(w.Context(), kinds.RefOf(object))
}

// apply is put, while the store answers.
func (w *world) apply(object client.Object) {
	w.Helper()
	if _, err := w.put(object); err != nil {
		w.Fatal(err)
	}
}

// remove removes an object.
func (w *world) remove(ref kinds.Ref) error {
	w.engine.Forget(ref, fmt.Sprint(w.version.Add(1)))
	synctest.Wait()
	return w.engine.Await(w.Context(), ref)
}

func (w *world) sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// queued are the objects of a kind that a controller is to look at.
func (w *world) queued(kind string) (names []string) {
	synctest.Wait()
	queue := w.queues[kind]
	queue.mu.Lock()
	defer queue.mu.Unlock()
	for _, request := range queue.added {
		if name := request.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) expectQueued(kind string, want ...string) {
	w.Helper()
	if got := w.queued(kind); !slices.Equal(got, want) {
		w.Errorf("%s to look at: %v, want %v", kind, got, want)
	}
}

func (w *world) forgetQueues() {
	synctest.Wait()
	for _, queue := range w.queues {
		queue.mu.Lock()
		queue.added = nil
		queue.mu.Unlock()
	}
}

// queue remembers what is added to it.
type queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]

	mu    sync.Mutex
	added []reconcile.Request
}

func (q *queue) Add(request reconcile.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.added = append(q.added, request)
}

func namespace(name string) client.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func setDeleted(object client.Object, at time.Time) {
	object.SetDeletionTimestamp(&metav1.Time{Time: at})
	object.SetFinalizers([]string{"authz.bailiwick.dev/store"})
}
