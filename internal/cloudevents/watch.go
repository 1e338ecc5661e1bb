package cloudevents

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
)

// lookEvery is how often is looked for what ends soon.
const lookEvery = 30 * time.Second

// Watcher sees what becomes of access, and offers it to a queue. What has happened before it starts is no event.
type Watcher struct {
	cache cache.Informers
	queue *Queue
	clock clock.WithTicker

	mu sync.Mutex
	// soon are the events that objects in force end soon, until they are told.
	soon map[types.UID]Event
}

// NewWatcher watches the objects of a cache.
func NewWatcher(objects cache.Informers, queue *Queue, by clock.WithTicker) *Watcher {
	return &Watcher{cache: objects, queue: queue, clock: by, soon: map[types.UID]Event{}}
}

// watched are the kinds of which there are events, beside AccessRequest.
func watched() []v1alpha1.Object {
	return []v1alpha1.Object{
		&v1alpha1.User{}, &v1alpha1.RoleAssignment{}, &v1alpha1.PermissionGrant{}, &v1alpha1.TemporaryPermissionGrant{}, &v1alpha1.GroupMembership{},
	}
}

// Start implements manager.Runnable.
func (w *Watcher) Start(ctx context.Context) error {
	handler := toolscache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(object any, initial bool) { w.seen(object.(v1alpha1.Object), initial) },
		UpdateFunc: func(before, after any) {
			w.changed(before.(v1alpha1.Object), after.(v1alpha1.Object))
		},
		DeleteFunc: func(object any) {
			if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			w.gone(object.(v1alpha1.Object))
		},
	}
	for _, kind := range watched() {
		informer, err := w.cache.GetInformer(ctx, kind)
		if err != nil {
			return fmt.Errorf("watching every %s for events: %w", kinds.RefOf(kind).Kind, err)
		}
		registered, err := informer.AddEventHandler(handler)
		if err != nil {
			return fmt.Errorf("watching every %s for events: %w", kinds.RefOf(kind).Kind, err)
		}
		defer func() { _ = informer.RemoveEventHandler(registered) }() // the process ends anyway
	}
	ticker := w.clock.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			_, end := liveness.Begin(ctx, "looking for what ends soon")
			w.tell()
			end()
		}
	}
}

// seen notes when an object ends. That something ends soon is told once: who led before has told what was due by then.
func (w *Watcher) seen(object v1alpha1.Object, initial bool) {
	e, ends := ending(object)
	w.mu.Lock()
	defer w.mu.Unlock()
	if due := e.At.Before(w.clock.Now()); ends && (!initial || !due) {
		w.soon[object.GetUID()] = e
	}
}

func (w *Watcher) changed(before, after v1alpha1.Object) {
	if before.GetUID() != after.GetUID() { // deleted and made again while the watch was interrupted
		w.gone(before)
		w.seen(after, false)
		return
	}
	if e, ok := change(before, after, w.clock.Now()); ok {
		w.queue.Offer(e)
	}
	told, endedBefore := ending(before)
	next, ends := ending(after)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !ends:
		delete(w.soon, after.GetUID())
	case !endedBefore || told.ID != next.ID:
		w.soon[after.GetUID()] = next
	}
}

func (w *Watcher) gone(object v1alpha1.Object) {
	if e, ok := change(object, nil, w.clock.Now()); ok {
		w.queue.Offer(e)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.soon, object.GetUID())
}

// tell tells what ends soon by now.
func (w *Watcher) tell() {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for uid, e := range w.soon {
		if e.At.After(now) {
			continue
		}
		delete(w.soon, uid)
		w.queue.Offer(e)
	}
}
