package engine_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// start starts an engine and the controllers, which find every object in their queues.
func (m *model) start() {
	m.engine = engine.New(engine.Options{
		Connect:  func(context.Context) (store.Store, error) { return m.fake, nil },
		Versions: m.versions, Limits: state.Limits{ConditionCost: store.EmbeddedConditionCost},
		Clock: m.clock, CompareEvery: compareEvery, CountEvery: time.Second, Log: logr.Discard(),
	})
	ctx, cancel := context.WithCancel(m.Context())
	m.engine.Observe(slices.Collect(maps.Values(m.objects))...)
	ended, evaluated := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(evaluated)
		m.engine.Evaluate(ctx)
	}()
	go func() {
		defer close(ended)
		if err := m.engine.Start(ctx); err != nil {
			m.Errorf("Start: %v", err)
		}
	}()
	var working sync.WaitGroup
	m.events, m.queues, m.next = nil, map[string]*queue{}, map[kinds.Ref]time.Time{}
	for _, kind := range watched {
		m.queues[kind] = &queue{}
		if err := m.engine.Source(kind).Start(ctx, m.queues[kind]); err != nil {
			m.Fatal(err)
		}
	}
	m.stop = func() {
		cancel()
		<-ended
		<-evaluated
		synctest.Wait()
		working.Wait()
		m.queues = nil
	}
	m.reconcile = func(kind string, request reconcile.Request) {
		ref := kinds.Ref{Kind: kind, Namespace: request.Namespace, Name: request.Name}
		m.mu.Lock()
		m.working[ref] = true
		m.mu.Unlock()
		working.Go(func() {
			m.reconcileOne(ctx, ref)
			m.mu.Lock()
			delete(m.working, ref)
			m.mu.Unlock()
		})
	}
	for ref := range m.objects {
		m.look(ref)
	}
}

// versions are those of the objects that there are.
func (m *model) versions(context.Context) (engine.Versions, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := engine.Versions{Of: map[kinds.Ref]string{}}
	for ref, object := range m.objects {
		all.Of[ref] = object.GetResourceVersion()
	}
	return all, nil
}

// work has the controllers work until they have nothing more in their queues. What is being worked on already
// waits in the queue until that is done.
func (m *model) work() {
	for {
		m.deliver()
		synctest.Wait()
		busy := false
		for _, kind := range watched {
			queue := m.queues[kind]
			queue.mu.Lock()
			added := queue.added
			queue.added = nil
			queue.mu.Unlock()
			for n, request := range added {
				ref := kinds.Ref{Kind: kind, Namespace: request.Namespace, Name: request.Name}
				switch {
				case slices.Contains(added[:n], request):
				case slices.Contains(m.workedOn(), ref):
					queue.Add(request)
				default:
					busy = true
					m.deliver()
					m.reconcile(kind, request)
					synctest.Wait()
				}
			}
		}
		if !busy && len(m.events) == 0 {
			return
		}
	}
}

// deliver shows the engine and the controllers what has happened since, as watches do.
func (m *model) deliver() {
	m.mu.Lock()
	events := m.events
	m.events = nil
	var seen []client.Object
	var gone []kinds.Ref
	for _, ref := range events {
		if object := m.objects[ref]; object != nil {
			seen = append(seen, object)
		} else {
			gone = append(gone, ref)
		}
	}
	m.mu.Unlock()
	for _, ref := range gone {
		m.engine.Forget(ref, "")
	}
	m.engine.Observe(seen...)
	for _, ref := range events {
		m.requeue(ref)
	}
}

// requeue has a controller look at an object.
func (m *model) requeue(ref kinds.Ref) {
	if queue := m.queues[ref.Kind]; queue != nil {
		queue.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}})
	}
}

// workedOn are the objects that a worker has taken and not done with.
func (m *model) workedOn() []kinds.Ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.working))
}

// reconcileOne is what package controllers does for an object, but for statuses that decide nothing.
func (m *model) reconcileOne(ctx context.Context, ref kinds.Ref) {
	m.mu.Lock()
	object := m.objects[ref]
	m.mu.Unlock()
	if object == nil || ref.Kind == kinds.Namespace {
		return
	}
	outcome, err := m.engine.Outcome(ctx, object)
	if errors.Is(err, engine.ErrBehind) {
		m.requeue(ref)
	}
	if err != nil {
		return
	}
	unconfirmed := m.engine.Await(ctx, ref)
	switch {
	case unconfirmed != nil:
	case outcome.Done || object.GetDeletionTimestamp() != nil && !outcome.Protected:
		m.released(ref, object)
	case m.notes(ref, object, outcome):
	case outcome.Next.IsZero():
	case !outcome.Next.After(m.clock.Now()):
		m.requeue(ref) // it came while the store was waited for
	default:
		m.mu.Lock()
		m.next[ref] = outcome.Next
		m.mu.Unlock()
	}
}

// notes writes into an invitation's status when it was accepted, if that is new: it is what an operator that
// looks later goes by.
func (m *model) notes(ref kinds.Ref, object client.Object, outcome state.Outcome) bool {
	invitation, is := object.(*v1alpha1.Invitation)
	if !is || outcome.Invited.AcceptedAt.IsZero() || invitation.Status.AcceptedAt != nil {
		return false
	}
	invitation = invitation.DeepCopy()
	invitation.Status.AcceptedAt = &metav1.Time{Time: outcome.Invited.AcceptedAt}
	m.mu.Lock()
	if m.objects[ref] == object {
		m.objects[ref] = m.stored(invitation)
	}
	m.mu.Unlock()
	m.look(ref)
	return true
}

// released removes an object whose finalizer is gone, unless it has changed meanwhile.
func (m *model) released(ref kinds.Ref, object client.Object) {
	m.mu.Lock()
	same := m.objects[ref] == object
	if same {
		delete(m.objects, ref)
	}
	m.mu.Unlock()
	m.look(ref)
}
