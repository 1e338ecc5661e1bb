// Package engine joins the desired state and the syncer for the controllers: they put objects in, and
// get back what there is to say about them once the store agrees.
package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

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
	// Versions says which objects there are, as of now: not from a cache.
	Versions func(context.Context) (Versions, error)
	Limits   state.Limits
	// UsernamePrefix is what the API server puts before the names of those who are known by their subject.
	UsernamePrefix string
	// OnlyAnswers means that this replica never leads: it answers by its state, and nothing else reads its informers.
	OnlyAnswers bool
	// Clock says which temporary grants have begun and ended, and when to look at them again.
	Clock clock.WithTicker
	// CompareEvery is how often the whole store is compared, with jitter.
	CompareEvery time.Duration
	// CountEvery is how often a status says another number or text because of other objects, at most, as how many refer to a Role: many
	// changes at once then cost one write.
	CountEvery time.Duration
	// Readers are the other replicas that answer decisions; nil where there are none.
	Readers Readers
	Log     logr.Logger
}

// Readers are replicas that answer decisions and do not lead.
type Readers interface {
	// Begin returns when this replica knows who may answer, since it leads, or ctx ends. End is the end of that.
	Begin(ctx context.Context)
	End()
	// Wait returns when nobody may answer by a state that does not include what this one's did. The error is that of ctx.
	Wait(ctx context.Context, state Progress) error
}

// Engine is the only writer of the store. It must run on one replica only.
type Engine struct {
	options Options
	state   *state.State
	syncer  *tuplesync.Syncer

	// later are the objects to look at again at an instant; it is there once they are loaded. Retries are the
	// controllers' own.
	later workqueue.TypedDelayingInterface[kinds.Ref]

	// leads is set while this replica writes the store.
	leads atomic.Bool
	// loaded is closed once all objects of the cluster are in the state.
	loaded chan struct{}
	// organizations have updates that are still to be evaluated.
	organizations workqueue.TypedInterface[string]

	progress *progress
	// history is the version of the state's history of which those who wait for progress know.
	history atomic.Int64

	mu sync.Mutex
	// queues are those of the controllers, by kind.
	queues map[string]workqueue.TypedRateLimitingInterface[reconcile.Request]
	// updates are those that are still to be evaluated, by organization.
	updates map[string]*updates
	records records
	// adding are the versions of objects that are new and being evaluated.
	adding map[kinds.Ref]string
	// catchingUp is how many find out what there is, and gone the versions in which objects went meanwhile.
	catchingUp int
	gone       map[kinds.Ref]string
	// waiting are closed when an object has been evaluated.
	waiting map[kinds.Ref]chan struct{}
	// restatements are those that wait, by organization.
	restatements map[string]*restatements
}

// New is an engine that does nothing until Feed, or Evaluate, and Start.
func New(options Options) *Engine {
	e := &Engine{
		options:       options,
		state:         state.New(options.Limits, options.Clock).WithUsernamePrefix(options.UsernamePrefix),
		loaded:        make(chan struct{}),
		organizations: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[string]{Clock: options.Clock}),
		queues:        map[string]workqueue.TypedRateLimitingInterface[reconcile.Request]{},
		updates:       map[string]*updates{},
		records:       records{},
		adding:        map[kinds.Ref]string{},
		gone:          map[kinds.Ref]string{},
		progress:      newProgress(),
		waiting:       map[kinds.Ref]chan struct{}{},
		restatements:  map[string]*restatements{},
	}
	if options.OnlyAnswers {
		e.state.OnlyAnswering()
	}
	e.syncer = tuplesync.New(options.Connect, e.state, tuplesync.Observer{
		Confirmed: e.enqueue,
		Available: e.available,
		// A timer that is late, as after a sleep of the machine, is made up for here.
		Compared: func() { e.observeAgain(e.state.Due()) },
	}, options.Log)
	return e
}

// ErrBehind says that the state has another version of an object than whoever asks.
var ErrBehind = errors.New("the cache and the state have different versions of the object")

// patience is how long the state may be behind the cache before whoever waits looks at the object again: it may be gone.
const patience = time.Second

// Outcome returns what there is to say about an object, once the state has it. The error is ErrBehind where the state has a
// newer one, or does not get it.
func (e *Engine) Outcome(ctx context.Context, object client.Object) (state.Outcome, error) {
	defer liveness.Outside(ctx)()
	if _, err := e.Loaded(ctx); err != nil {
		return state.Outcome{}, err
	}
	ref, again := kinds.RefOf(object), false
	timeout := e.options.Clock.After(patience)
	for {
		known := e.known(ref)
		outcome, _ := e.state.Outcome(ref)
		order := -1
		if known != nil {
			// Versions that have no order, which no API server gives, are taken to be the same.
			order, _ = resourceversion.CompareResourceVersion(known.GetResourceVersion(), object.GetResourceVersion())
		}
		due := !again && !outcome.Next.IsZero() && !outcome.Next.After(e.options.Clock.Now())
		switch {
		case order > 0:
			return state.Outcome{}, ErrBehind
		case e.known(ref) != known:
			continue // it was evaluated while the outcome was read
		case order == 0 && !due:
			return outcome, nil
		}
		evaluated := e.evaluated(ref, known)
		if order == 0 {
			again = true
			e.observeAgain([]kinds.Ref{ref})
		}
		select {
		case <-evaluated:
		case <-timeout:
			return state.Outcome{}, ErrBehind
		case <-ctx.Done():
			return state.Outcome{}, fmt.Errorf("waiting for the object to be evaluated: %w", context.Cause(ctx))
		}
	}
}

// known is an object as it was last evaluated; nil if there is none.
func (e *Engine) known(ref kinds.Ref) client.Object {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.records.of(ref).object
}

// evaluated is closed when an object is evaluated next, and is closed where it has been since it was known.
func (e *Engine) evaluated(ref kinds.Ref, known client.Object) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.records.of(ref).object != known {
		already := make(chan struct{})
		close(already)
		return already
	}
	if e.waiting[ref] == nil {
		e.waiting[ref] = make(chan struct{})
	}
	return e.waiting[ref]
}

// Await returns when everything that an object has touched is in the store, and every replica that answers decisions knows
// of it. The error says that the store does not agree yet.
func (e *Engine) Await(ctx context.Context, ref kinds.Ref) error {
	if err := e.syncer.Await(ctx, ref); err != nil || e.options.Readers == nil {
		return err
	}
	defer liveness.Outside(ctx)()
	return e.options.Readers.Wait(ctx, e.Progress())
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
		if ref.Kind == restating {
			e.restateSome(ref.Name)
		} else {
			e.enqueue([]kinds.Ref{ref})
		}
		end()
	}
}

// Outage is why the store can't be used, nil while it can.
func (e *Engine) Outage() error { return e.syncer.Outage() }

// State is what the cluster says, as far as this replica has seen it; nil until it has been loaded.
func (e *Engine) State() *state.State {
	select {
	case <-e.loaded:
		return e.state
	default:
		return nil
	}
}

// Loaded returns the state once it has all objects of the start.
func (e *Engine) Loaded(ctx context.Context) (*state.State, error) {
	defer liveness.Outside(ctx)()
	select {
	case <-e.loaded:
		return e.state, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the objects to be loaded: %w", context.Cause(ctx))
	}
}

// LeadersState is what decisions are made by on the replica that leads; nil on the others, which may be behind what has
// been let go.
func (e *Engine) LeadersState() *state.State {
	if !e.leads.Load() {
		return nil
	}
	return e.state
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
			queue.Add(reconcile.Request{NamespacedName: ref.Key()})
		}
	}
}

// available has every Organization say whether the store answers.
func (e *Engine) available(bool) { e.enqueue(e.state.Organizations()) }

// Source is where a controller learns of objects whose outcome has changed because another object has.
func (e *Engine) Source(kind string) source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.queues[kind] = queue
		return nil
	})
}

// Start implements manager.Runnable: it keeps the store as the cluster says, until ctx ends.
func (e *Engine) Start(ctx context.Context) error {
	select {
	case <-e.loaded:
	case <-ctx.Done():
		return nil
	}
	if e.catchUp(ctx); ctx.Err() != nil {
		return nil
	}
	if e.options.Readers != nil {
		e.options.Readers.Begin(ctx)
		defer e.options.Readers.End()
	}
	e.later = workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[kinds.Ref]{Clock: e.options.Clock})
	defer e.later.ShutDown()
	go e.keepDeadlines(ctx)
	judged := e.state.Judge()
	e.enqueue(slices.Concat(judged.Outcomes, judged.Restated))
	e.announceHistory()
	e.leads.Store(true) // before the store is compared: what is evaluated from now on is told to the syncer
	defer e.leads.Store(false)
	leading.Store(e)
	defer leading.CompareAndSwap(e, nil)
	return e.syncer.Run(ctx, e.options.CompareEvery)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (e *Engine) NeedLeaderElection() bool { return true }
