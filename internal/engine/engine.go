// Package engine joins the desired state and the syncer for the controllers: they put objects in, and
// get back what there is to say about them once the store agrees.
package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuplesync"
)

// Options are what an engine needs.
type Options struct {
	// Connect returns the store; it is called until it does.
	Connect func(context.Context) (store.Store, error)
	// Reader reads the cluster's objects, from a cache.
	Reader client.Reader
	Limits state.Limits
	// Clock says which temporary grants have begun and ended, and when to look at them again.
	Clock clock.WithTicker
	// CompareEvery is how often the whole store is compared, with jitter.
	CompareEvery time.Duration
	// CountEvery is how often a Role's status says how many objects refer to it, at most: many changes at once
	// then cost one write.
	CountEvery time.Duration
	Log        logr.Logger
}

// Engine is the only writer of the store. It must run on one replica only.
type Engine struct {
	options Options
	state   *state.State
	syncer  *tuplesync.Syncer

	// later are the objects to look at again at an instant; it is there once they are loaded. Retries are the
	// controllers' own.
	later workqueue.TypedDelayingInterface[kinds.Ref]

	mu sync.Mutex
	// queues are those of the controllers, by kind.
	queues map[string]workqueue.TypedRateLimitingInterface[reconcile.Request]
	// unwatched are the kinds whose controller does not see every change yet.
	unwatched map[string]struct{}
	watched   chan struct{}
	// loaded is closed once all objects of the cluster are in the state.
	loaded chan struct{}
}

// lists are all that make up the state, with a list of each. Namespaces are metadata only.
func lists() map[string]client.ObjectList {
	namespaces := &metav1.PartialObjectMetadataList{}
	namespaces.SetGroupVersionKind(NamespaceKind.GroupVersion().WithKind(NamespaceKind.Kind + "List"))
	all := map[string]client.ObjectList{kinds.Namespace: namespaces}
	for _, kind := range kinds.All {
		all[kind.Name] = kind.NewList()
	}
	return all
}

// New is an engine that does nothing until Start.
func New(options Options) *Engine {
	e := &Engine{
		options:   options,
		state:     state.New(options.Limits, options.Clock),
		queues:    map[string]workqueue.TypedRateLimitingInterface[reconcile.Request]{},
		unwatched: map[string]struct{}{},
		watched:   make(chan struct{}),
		loaded:    make(chan struct{}),
	}
	for kind := range lists() {
		e.unwatched[kind] = struct{}{}
	}
	e.syncer = tuplesync.New(options.Connect, e.state, tuplesync.Observer{
		Confirmed: e.enqueue,
		Available: e.available,
		// A timer that is late, as after a sleep of the machine, is made up for here.
		Compared: func() { e.enqueue(e.state.Due()) },
	}, options.Log)
	return e
}

// Apply puts an object into the state and waits until the store agrees. The object belongs to the engine
// afterwards. The outcome counts also when there is an error, which says that the store does not agree
// yet.
func (e *Engine) Apply(ctx context.Context, object client.Object) (state.Outcome, error) {
	ref := kinds.RefOf(object)
	together := []client.Object{object}
	if o, ok := object.(*v1alpha1.RoleAssignment); ok && !o.DeletionTimestamp.IsZero() {
		together = append(together, e.deletedWith(ctx, o)...)
	}
	outcome := e.change(ref, func(observe state.Observer) state.Change { return e.state.PutAnd(observe, together...) })
	for _, other := range together[1:] {
		// Their own controller may have been faster, with something newer: it has the last word.
		e.enqueue([]kinds.Ref{kinds.RefOf(other)})
	}
	return outcome, e.syncer.Await(ctx, ref)
}

// deletedWith are the assignments of the same user that are being deleted as well, and of which the state
// does not know that yet: which of them may go is decided for all at once. As soon as there is one that
// stays, the others don't matter.
func (e *Engine) deletedWith(ctx context.Context, o *v1alpha1.RoleAssignment) []client.Object {
	var others []client.Object
	for _, ref := range e.state.Holding(o) {
		other := &v1alpha1.RoleAssignment{}
		err := e.options.Reader.Get(ctx, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, other)
		switch {
		case apierrors.IsNotFound(err):
			e.remove(ref)
			e.enqueue([]kinds.Ref{ref})
		case err == nil && other.DeletionTimestamp.IsZero():
			return others
		case err == nil:
			others = append(others, other)
		}
	}
	return others
}

// Remove takes an object out of the state and waits until the store holds nothing of it.
func (e *Engine) Remove(ctx context.Context, ref kinds.Ref) error {
	e.remove(ref)
	return e.syncer.Await(ctx, ref)
}

func (e *Engine) remove(ref kinds.Ref) {
	e.change(ref, func(observe state.Observer) state.Change { return e.state.RemoveAnd(observe, ref) })
}

// change changes the state, and tells the syncer and the controllers what that touches. The syncer is told before anybody
// sees the next change of the organization: an outcome that one worker sees is never ahead of what the syncer knows that it
// has to wait for.
func (e *Engine) change(ref kinds.Ref, do func(state.Observer) state.Change) state.Outcome {
	var outcome state.Outcome
	change := do(func(change state.Change, outcomeOf func(kinds.Ref) state.Outcome) {
		e.syncer.Touch(ref, change)
		if ref.Organization() == change.Organization {
			outcome = outcomeOf(ref)
		}
	})
	others := change.Outcomes[:0:0]
	for _, other := range change.Outcomes {
		if other != ref {
			others = append(others, other)
		}
	}
	e.enqueue(others)
	for _, role := range change.Used {
		e.later.AddAfter(role, e.options.CountEvery)
	}
	return outcome
}

// RequeueAt has a controller look at an object once more at an instant, or at once where that has passed.
func (e *Engine) RequeueAt(ref kinds.Ref, instant time.Time) {
	e.later.AddAfter(ref, instant.Sub(e.options.Clock.Now()))
}

// keepDeadlines has controllers look at what is due, until the queue is shut down.
func (e *Engine) keepDeadlines(ctx context.Context) {
	for {
		ref, over := e.later.Get()
		if over {
			return
		}
		_, end := liveness.Begin(ctx, "keeping deadlines")
		e.later.Done(ref)
		e.enqueue([]kinds.Ref{ref})
		end()
	}
}

// Outage is why the store can't be used, nil while it can.
func (e *Engine) Outage() error { return e.syncer.Outage() }

// State is what the cluster says; nil until it has been loaded.
func (e *Engine) State() *state.State {
	select {
	case <-e.loaded:
		return e.state
	default:
		return nil
	}
}

// InSync says whether the store has held exactly what the cluster says since this engine was started.
func (e *Engine) InSync() bool { return e.syncer.InSync() }

// HasType says whether a ResourceType declares a type.
func (e *Engine) HasType(resourceType string) bool { return e.state.HasType(resourceType) }

// enqueue has controllers look at objects whose outcome may be another one now.
func (e *Engine) enqueue(refs []kinds.Ref) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ref := range refs {
		if queue := e.queues[ref.Kind]; queue != nil {
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}})
		}
	}
}

// available has every Organization say whether the store answers.
func (e *Engine) available(bool) { e.enqueue(e.state.Organizations()) }

// startRequest is what a controller finds in its queue when its watches are in place, also when there is
// no object of its kind.
var startRequest = reconcile.Request{}

// Source is where a controller learns of objects whose outcome has changed because another object has.
func (e *Engine) Source(kind string) source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		e.mu.Lock()
		e.queues[kind] = queue
		e.mu.Unlock()
		queue.Add(startRequest)
		return nil
	})
}

// Admit is what a controller calls first in each reconcile. It returns once all objects are loaded, and
// says whether the request is about an object. That a controller reconciles at all means that its watches
// are in place: only when all are, the objects are loaded, so that no change can fall in between.
func (e *Engine) Admit(ctx context.Context, kind string, request reconcile.Request) (bool, error) {
	e.mu.Lock()
	if _, first := e.unwatched[kind]; first {
		delete(e.unwatched, kind)
		if len(e.unwatched) == 0 {
			close(e.watched)
		}
	}
	e.mu.Unlock()
	if request == startRequest {
		return false, nil
	}
	defer liveness.Outside(ctx)()
	select {
	case <-e.loaded:
		return true, nil
	case <-ctx.Done():
		return false, fmt.Errorf("waiting for the objects to be loaded: %w", context.Cause(ctx))
	}
}

// Start implements manager.Runnable: it loads the cluster and keeps the store as it says, until ctx ends.
func (e *Engine) Start(ctx context.Context) error {
	select {
	case <-e.watched:
	case <-ctx.Done():
		return nil
	}
	if err := e.load(ctx); err != nil {
		return err
	}
	e.later = workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[kinds.Ref]{Clock: e.options.Clock})
	defer e.later.ShutDown()
	go e.keepDeadlines(ctx)
	close(e.loaded)
	leading.Store(e)
	defer leading.CompareAndSwap(e, nil)
	return e.syncer.Run(ctx, e.options.CompareEvery)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (e *Engine) NeedLeaderElection() bool { return true }
