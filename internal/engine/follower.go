package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Follower knows what the cluster says on a replica that does not lead: webhooks are called on all of them.
// It writes nothing, and forgets everything once the engine of its own replica knows the same.
type Follower struct {
	engine *Engine
	cache  cache.Cache
	state  atomic.Pointer[state.State]
}

// NewFollower is a follower that knows nothing until Start. It reads from the cache that the engine reads
// from.
func NewFollower(e *Engine, from cache.Cache) *Follower {
	return &Follower{engine: e, cache: from}
}

// State is what the cluster says, as far as this replica has seen it; nil until it has been loaded.
func (f *Follower) State() *state.State {
	if state := f.state.Load(); state != nil {
		return state
	}
	return f.engine.State()
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (f *Follower) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable: it follows the cluster until the engine has loaded it, or ctx ends.
func (f *Follower) Start(ctx context.Context) error {
	state := state.New(f.engine.options.Limits, f.engine.options.Clock)
	var registered []registration
	defer func() {
		f.state.Store(nil) // before it is out of date
		for _, r := range registered {
			// The informer may have ended before; then nobody is called any more.
			_ = r.informer.RemoveEventHandler(r.handler)
		}
	}()
	for kind, object := range followed() {
		informer := f.informer(ctx, object)
		if informer == nil {
			return nil // ctx has ended
		}
		handler, err := informer.AddEventHandler(handlerFor(state, kind))
		if err != nil {
			return fmt.Errorf("following every %s: %w", kind, err)
		}
		registered = append(registered, registration{informer, handler})
	}
	for _, r := range registered {
		if !toolscache.WaitForCacheSync(ctx.Done(), r.handler.HasSynced) {
			return nil // ctx has ended
		}
	}
	f.state.Store(state)
	select {
	case <-f.engine.loaded:
	case <-ctx.Done():
	}
	return nil
}

// kindEvery is how often a kind is looked for whose CRD is missing.
const kindEvery = 5 * time.Second

// informer returns that of a kind as soon as there is one, nil if ctx ends before.
func (f *Follower) informer(ctx context.Context, object client.Object) cache.Informer {
	for {
		informer, err := f.cache.GetInformer(ctx, object)
		if err == nil {
			return informer
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(kindEvery):
		}
	}
}

type registration struct {
	informer cache.Informer
	handler  toolscache.ResourceEventHandlerRegistration
}

// handlerFor puts what happens to objects of a kind into a state. What comes from the cache is shared, and a
// state only reads it.
func handlerFor(state *state.State, kind string) toolscache.ResourceEventHandler {
	put := func(item any) {
		object := item.(client.Object)
		if !kinds.KeptWhileDeleted(kind) && !object.GetDeletionTimestamp().IsZero() {
			state.Remove(refOf(kind, object))
			return
		}
		state.Follow(object)
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, item any) { put(item) },
		DeleteFunc: func(item any) {
			if unseen, ok := item.(toolscache.DeletedFinalStateUnknown); ok {
				item = unseen.Obj
			}
			state.Remove(refOf(kind, item.(client.Object)))
		},
	}
}

func refOf(kind string, object client.Object) kinds.Ref {
	return kinds.Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// followed are an object of each kind that makes up the state.
func followed() map[string]client.Object {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(NamespaceKind)
	objects := map[string]client.Object{kinds.Namespace: namespace}
	for _, kind := range kinds.All {
		objects[kind.Name] = kind.New()
	}
	return objects
}
