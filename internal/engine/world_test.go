package engine_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

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
	reader *reader
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
			T: t, fake: storetest.NewFake(), reader: &reader{}, queues: map[string]*queue{},
			clock: clocktesting.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)),
		}
		w.engine = engine.New(engine.Options{
			Connect: func(context.Context) (store.Store, error) { return w.fake, nil },
			Reader:  w.reader, Limits: state.Limits{ConditionCost: 1000}, Clock: w.clock, CompareEvery: compareEvery, CountEvery: time.Second,
			Log: logr.Discard(),
		})
		test(w)
		if err := w.fake.Broken(); err != nil {
			t.Errorf("the contract of the store is broken: %v", err)
		}
	})
}

// start starts the engine, which waits for the controllers.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.Context())
	w.stop, w.ended = cancel, make(chan struct{})
	go func() {
		defer close(w.ended)
		if err := w.engine.Start(ctx); err != nil {
			w.Errorf("Start: %v", err)
		}
	}()
	w.Cleanup(func() { cancel(); <-w.ended })
}

// watch does what a controller does when its watches are in place.
func (w *world) watch(kind string) {
	w.Helper()
	queue := &queue{}
	w.queues[kind] = queue
	if err := w.engine.Source(kind).Start(w.Context(), queue); err != nil {
		w.Fatal(err)
	}
	if len(queue.added) != 1 {
		w.Fatalf("the controller of %s finds %v in its queue, want one request to begin with", kind, queue.added)
	}
	if about, err := w.engine.Admit(w.Context(), kind, queue.added[0]); err != nil || about {
		w.Fatalf("the first request of %s: about an object: %t, %v", kind, about, err)
	}
}

// begin starts the engine and all controllers, and returns when the store is in sync.
func (w *world) begin() {
	w.Helper()
	w.start()
	for _, kind := range watched {
		w.watch(kind)
	}
	synctest.Wait()
	if !w.engine.InSync() {
		w.Fatal("not in sync")
	}
}

// apply puts an object into the engine, as its controller does.
func (w *world) apply(object client.Object) {
	w.Helper()
	if _, err := w.engine.Apply(w.Context(), object.DeepCopyObject().(client.Object)); err != nil {
		w.Fatal(err)
	}
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

// reader is a cluster. It lists nothing before it is opened, if it has a gate.
type reader struct {
	objects []client.Object
	gate    chan struct{}
}

// Get implements client.Reader.
func (r *reader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	for _, object := range r.objects {
		if reflect.TypeOf(object) == reflect.TypeOf(into) && client.ObjectKeyFromObject(object) == key {
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(object.DeepCopyObject()).Elem())
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// List implements client.Reader.
func (r *reader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if r.gate != nil {
		<-r.gate
	}
	var found []runtime.Object
	for _, object := range r.objects {
		if reflect.TypeOf(list).Elem().Name() == reflect.TypeOf(object).Elem().Name()+"List" {
			found = append(found, object.DeepCopyObject())
		}
	}
	return meta.SetList(list, found)
}

func namespace(name string) client.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func setDeleted(object client.Object, at time.Time) {
	object.SetDeletionTimestamp(&metav1.Time{Time: at})
	object.SetFinalizers([]string{"authz.bailiwick.dev/store"})
}
