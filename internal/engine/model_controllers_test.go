package engine_test

import (
	"context"
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
		Connect: func(context.Context) (store.Store, error) { return m.fake, nil },
		Reader:  &live{m}, Limits: state.Limits{ConditionCost: store.EmbeddedConditionCost},
		Clock: m.clock, CompareEvery: compareEvery, CountEvery: time.Second, Log: logr.Discard(),
	})
	ctx, cancel := context.WithCancel(m.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.engine.Start(ctx); err != nil {
			m.Errorf("Start: %v", err)
		}
	}()
	var working sync.WaitGroup
	m.queues, m.next = map[string]*queue{}, map[kinds.Ref]time.Time{}
	for _, kind := range watched {
		m.queues[kind] = &queue{}
		if err := m.engine.Source(kind).Start(ctx, m.queues[kind]); err != nil {
			m.Fatal(err)
		}
	}
	m.stop = func() {
		cancel()
		<-ended
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
			m.reconcileOne(ctx, ref, request)
			m.mu.Lock()
			delete(m.working, ref)
			m.mu.Unlock()
		})
	}
	for ref := range m.objects {
		m.look(ref)
	}
}

// work has the controllers work until they have nothing more in their queues. What is being worked on already
// waits in the queue until that is done.
func (m *model) work() {
	for {
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
					m.reconcile(kind, request)
					synctest.Wait()
				}
			}
		}
		if !busy {
			return
		}
	}
}

// workedOn are the objects that a worker has taken and not done with.
func (m *model) workedOn() []kinds.Ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.working))
}

// reconcileOne is what package controllers does for an object, but for statuses that decide nothing.
func (m *model) reconcileOne(ctx context.Context, ref kinds.Ref, request reconcile.Request) {
	if about, err := m.engine.Admit(ctx, ref.Kind, request); err != nil || !about {
		return
	}
	m.mu.Lock()
	object := m.objects[ref]
	m.mu.Unlock()
	if object == nil {
		_ = m.engine.Remove(ctx, ref)
		return
	}
	if object.GetDeletionTimestamp() != nil && !kinds.KeptWhileDeleted(ref.Kind) {
		if m.engine.Remove(ctx, ref) == nil {
			m.released(ref, object)
		}
		return
	}
	outcome, unconfirmed := m.engine.Apply(ctx, object.DeepCopyObject().(client.Object))
	switch {
	case unconfirmed != nil:
	case outcome.Done || object.GetDeletionTimestamp() != nil && !outcome.Protected && ref.Kind != kinds.Namespace:
		m.released(ref, object)
	case m.notes(ref, object, outcome):
	case outcome.Next.IsZero():
	case !outcome.Next.After(m.clock.Now()):
		m.look(ref) // it came while the store was waited for
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
		m.objects[ref] = invitation
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

// live reads the cluster of a model.
type live struct{ *model }

// Get implements client.Reader.
func (l *live) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	return l.reader().Get(ctx, key, into, options...)
}

// List implements client.Reader.
func (l *live) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return l.reader().List(ctx, list, options...)
}

func (l *live) reader() *reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &reader{objects: slices.Collect(maps.Values(l.objects))}
}
