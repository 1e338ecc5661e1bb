package engine

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// update is a change that is still to be evaluated.
type update struct {
	// object is nil where it is gone.
	object client.Object
	// gone is the version in which the object went, if that is known.
	gone string
	// missed is a version in which it was gone already, where it is not known when it went.
	missed string
	// again means that it is to be evaluated even where nothing has changed.
	again bool
	// skips means that a version before this one is not evaluated, which may have changed an answer. Another replica may have
	// evaluated it, and wait for those that have seen what became of it.
	skips bool
}

// version is that which is to be evaluated.
func (u update) version() string {
	if u.object == nil {
		return u.gone
	}
	return u.object.GetResourceVersion()
}

// urgent updates end access, and are evaluated before all others of their organization.
func (u update) urgent() bool { return u.object == nil || !u.object.GetDeletionTimestamp().IsZero() }

// updates are those of one organization.
type updates struct {
	pending map[kinds.Ref]update
	// urgent and others are in the order in which they came. What is not pending any more has been evaluated.
	urgent, others []kinds.Ref
}

// Observe notes that objects have been made or changed. They are shared: nobody changes them afterwards.
func (e *Engine) Observe(objects ...client.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, object := range objects {
		e.note(kinds.RefOf(object), update{object: object})
	}
}

// Forget notes that an object is gone, since the version of its deletion.
func (e *Engine) Forget(ref kinds.Ref, since string) { e.forget(ref, update{gone: since}) }

func (e *Engine) forget(ref kinds.Ref, gone update) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.note(ref, gone)
}

// observeAgain has objects evaluated that have not changed, since something else has.
func (e *Engine) observeAgain(refs []kinds.Ref) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ref := range refs {
		u, pending := update{}, false
		if waiting := e.updates[ref.Organization()]; waiting != nil {
			u, pending = waiting.pending[ref]
		}
		if known := e.records.of(ref); known.object != nil && !pending {
			u.object = known.object
		}
		if u.object != nil {
			u.again = true
			e.note(ref, u)
		}
	}
}

// note needs the lock.
func (e *Engine) note(ref kinds.Ref, u update) {
	organization := ref.Organization()
	waiting := e.updates[organization]
	if waiting == nil {
		waiting = &updates{pending: map[kinds.Ref]update{}}
		e.updates[organization] = waiting
	}
	before, pending := waiting.pending[ref]
	u.again = u.again || before.again
	u.skips = pending && (before.skips || e.mattered(ref, before, u))
	waiting.pending[ref] = u
	switch {
	case u.urgent() && (!pending || !before.urgent()):
		waiting.urgent = append(waiting.urgent, ref)
	case !pending:
		waiting.others = append(waiting.others, ref)
	}
	e.organizations.Add(organization)
}

// mattered says whether an update that is replaced by a later one may have changed an answer that this one changes back. It
// needs the lock.
func (e *Engine) mattered(ref kinds.Ref, u, later update) bool {
	if u.object == nil || u.object == later.object || !e.counts(ref, u.object, e.records.of(ref)) {
		return false
	}
	return later.object == nil || !state.Unchanged(u.object, later.object)
}

// next takes the update of an organization that is to be evaluated next. With a RoleAssignment that is being deleted go
// those that are deleted with it: which of a user's may go is decided for all at once.
func (e *Engine) next(organization string) (refs []kinds.Ref, batch []update) {
	ref, u, ok := e.take(organization)
	if !ok {
		return nil, nil
	}
	refs, batch = []kinds.Ref{ref}, []update{u}
	if o, ok := u.object.(*v1alpha1.RoleAssignment); ok && u.urgent() {
		for _, ref := range e.state.Holding(o) {
			other, ok := e.takeUrgent(ref)
			if !ok {
				break // it stays, so the others don't matter
			}
			refs, batch = append(refs, ref), append(batch, other)
		}
	}
	return refs, batch
}

// take takes the first update of an organization; false when there is none.
func (e *Engine) take(organization string) (kinds.Ref, update, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	waiting := e.updates[organization]
	if waiting == nil {
		return kinds.Ref{}, update{}, false
	}
	for _, queue := range []*[]kinds.Ref{&waiting.urgent, &waiting.others} {
		for len(*queue) > 0 {
			ref := (*queue)[0]
			*queue = (*queue)[1:]
			if u, pending := waiting.pending[ref]; pending {
				delete(waiting.pending, ref)
				return ref, u, true
			}
		}
	}
	delete(e.updates, organization)
	return kinds.Ref{}, update{}, false
}

// takeUrgent takes the update of an object if it ends access.
func (e *Engine) takeUrgent(ref kinds.Ref) (update, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	waiting := e.updates[ref.Organization()]
	if waiting == nil {
		return update{}, false
	}
	u, pending := waiting.pending[ref]
	if !pending || !u.urgent() {
		return update{}, false
	}
	delete(waiting.pending, ref)
	return u, true
}

// Feed feeds the state from a cache's informers on every replica, whether or not it leads.
func (e *Engine) Feed(from cache.Cache) manager.Runnable { return feed{e, from} }

type feed struct {
	engine *Engine
	cache  cache.Cache
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (feed) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (f feed) Start(ctx context.Context) error {
	var registered []toolscache.ResourceEventHandlerRegistration
	for kind, object := range fed() {
		informer := f.informer(ctx, object)
		if informer == nil {
			return nil // ctx has ended
		}
		handler, err := informer.AddEventHandler(f.engine.handler(kind))
		if err != nil {
			return fmt.Errorf("watching every %s: %w", kind, err)
		}
		registered = append(registered, handler)
	}
	for _, handler := range registered {
		if !toolscache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
			return nil // ctx has ended
		}
	}
	f.engine.Evaluate(ctx)
	return nil
}

// informer returns that of a kind as soon as there is one, nil if ctx ends before. The CRD may be installed after the operator.
func (f feed) informer(ctx context.Context, of client.Object) cache.Informer {
	for {
		informer, err := f.cache.GetInformer(ctx, of, cache.BlockUntilSynced(false))
		if err == nil {
			return informer
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.engine.options.Clock.After(retryInformer):
		}
	}
}

func (e *Engine) handler(kind string) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(item any) { e.Observe(item.(client.Object)) },
		UpdateFunc: func(_, item any) { e.Observe(item.(client.Object)) },
		DeleteFunc: func(item any) {
			unseen, missed := item.(toolscache.DeletedFinalStateUnknown)
			if missed {
				item = unseen.Obj
			}
			object := item.(client.Object)
			ref, gone := kinds.Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}, update{gone: object.GetResourceVersion()}
			if missed { // the informer has listed since, and not found it; it may be there again, as the watch shows already
				gone = update{missed: e.progress.latest(kind)}
			}
			e.forget(ref, gone)
		},
	}
}

// retryInformer is how often a CRD that is missing is looked for.
const retryInformer = 5 * time.Second

// fed are an object of each kind that makes up the state.
func fed() map[string]client.Object {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(NamespaceKind)
	objects := map[string]client.Object{kinds.Namespace: namespace}
	for _, kind := range kinds.All {
		objects[kind.Name] = kind.New()
	}
	return objects
}

// Evaluate evaluates at once what has been observed so far, which is the whole cluster, and then each change as it comes,
// until ctx ends.
func (e *Engine) Evaluate(ctx context.Context) {
	e.load()
	defer context.AfterFunc(ctx, e.organizations.ShutDown)()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() { e.evaluate(ctx) })
	}
	workers.Go(func() { e.followDeadlines(ctx) })
	workers.Wait()
}

const (
	// followEvery is how often a replica that does not lead looks at what is due, and followAtOnce at how much of that at most,
	// so that what changes meanwhile does not wait behind it.
	followEvery  = time.Second
	followAtOnce = 1000
)

// followDeadlines has what is due evaluated while this replica does not lead: no controller does so there, and what has ended
// would go on to keep others out that the leader lets in.
func (e *Engine) followDeadlines(ctx context.Context) {
	ticker := e.options.Clock.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		if e.leads.Load() {
			continue
		}
		_, end := liveness.Begin(ctx, "following deadlines")
		due := e.state.Due()
		e.observeAgain(due[:min(len(due), followAtOnce)])
		end()
	}
}

// load evaluates all that is pending at once.
func (e *Engine) load() {
	e.mu.Lock()
	all := e.updates
	e.updates = map[string]*updates{}
	e.mu.Unlock()
	known := records{}
	var counting []client.Object
	versions := map[kinds.Ref]string{}
	for _, waiting := range all {
		for ref, u := range waiting.pending {
			versions[ref] = u.version()
			if u.object == nil {
				continue
			}
			counts := e.counts(ref, u.object, record{})
			known.set(ref, record{u.object, counts})
			if counts {
				counting = append(counting, u.object)
			}
		}
	}
	e.state.Follow(nil, counting...)
	e.mu.Lock()
	e.records = known
	for ref, version := range versions {
		e.progress.done(ref, version)
	}
	e.mu.Unlock()
	close(e.loaded)
	e.announceHistory()
	e.options.Log.Info("loaded the cluster", "objects", len(counting))
}

// counts says whether an object is part of the state. One that is new, or made anew, takes no effect before it has its
// finalizer: else its deletion would wait for nobody.
func (e *Engine) counts(ref kinds.Ref, object client.Object, before record) bool {
	switch {
	case !object.GetDeletionTimestamp().IsZero():
		return kinds.KeptWhileDeleted(ref.Kind)
	case ref.Kind == kinds.Namespace:
		return true
	}
	known := before.counts && before.object.GetUID() == object.GetUID()
	return known || slices.Contains(object.GetFinalizers(), v1alpha1.Finalizer)
}

// evaluate evaluates one update after the other. No two workers have the same organization.
func (e *Engine) evaluate(ctx context.Context) {
	for {
		organization, over := e.organizations.Get()
		if over {
			return
		}
		_, end := liveness.Begin(ctx, "evaluating objects")
		if refs, batch := e.next(organization); len(batch) > 0 {
			e.evaluateBatch(refs, batch)
			e.organizations.Add(organization) // there may be more, and others have their turn first
		}
		end()
		e.organizations.Done(organization)
	}
}

// evaluateBatch brings the state to some updates, which are one but for deletions that are decided together.
func (e *Engine) evaluateBatch(refs []kinds.Ref, batch []update) {
	now := map[kinds.Ref]evaluated{}
	var put []client.Object
	var putRefs, removed, unchanged []kinds.Ref
	e.mu.Lock()
	for n, ref := range refs {
		before, u := e.records.of(ref), batch[n]
		if u.object != nil && before.object == nil && e.progress.late(ref, u.object) {
			u.object = nil // It was gone before this came.
		}
		r := evaluated{record{u.object, u.object != nil && e.counts(ref, u.object, before)}, batch[n].version()}
		now[ref] = r
		if before.object == nil && r.object != nil {
			e.adding[ref] = r.version
		}
		if u.skips || e.progress.hides(ref.Kind, r.version) {
			e.progress.marked(ref, r.version)
		}
		if e.catchingUp > 0 && u.gone != "" {
			e.gone[ref] = u.gone
		}
		switch {
		case r.counts && !u.again && before.counts && state.Unchanged(before.object, u.object):
			unchanged = append(unchanged, ref)
		case r.counts:
			put, putRefs = append(put, u.object), append(putRefs, ref)
			e.progress.marked(ref, r.version)
		case before.counts:
			removed = append(removed, ref)
			e.progress.marked(ref, cmp.Or(u.missed, r.version))
		default:
			unchanged = append(unchanged, ref)
		}
	}
	e.mu.Unlock()
	e.remember(now, unchanged)
	for _, ref := range removed {
		e.change(ref, func() { e.remember(now, []kinds.Ref{ref}) },
			func(observe state.Observer) state.Change { return e.state.RemoveAnd(observe, ref) })
	}
	if len(put) > 0 {
		e.change(putRefs[0], func() { e.remember(now, putRefs) }, func(observe state.Observer) state.Change {
			if e.leads.Load() {
				return e.state.PutAnd(observe, put...)
			}
			return e.state.Follow(observe, put...)
		})
	}
	// Nobody else has a controller look at what was evaluated again, or decided with another's deletion.
	for n, ref := range refs {
		if n > 0 || batch[n].again {
			e.enqueue([]kinds.Ref{ref})
		}
	}
}

// remember notes what has been evaluated, and tells those who wait for it.
func (e *Engine) remember(now map[kinds.Ref]evaluated, refs []kinds.Ref) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ref := range refs {
		r := now[ref]
		e.records.set(ref, r.record)
		delete(e.adding, ref)
		e.progress.done(ref, r.version)
		if waiter, ok := e.waiting[ref]; ok {
			close(waiter)
			delete(e.waiting, ref)
		}
	}
}

// change changes the state, and tells the syncer and the controllers what that touches. The syncer is told, and what was
// evaluated is noted, before anybody sees the next change of the organization: an outcome that a controller sees belongs to
// the object that was noted, and is never ahead of what the syncer knows that it has to wait for. What the catalogue changes
// is noted when every organization has been brought to it.
func (e *Engine) change(ref kinds.Ref, remember func(), do func(state.Observer) state.Change) {
	organization := ref.Organization()
	change := do(func(change state.Change) {
		if e.leads.Load() {
			e.syncer.MarkDirty(ref, change)
		}
		if organization != "" {
			remember()
		}
	})
	if organization == "" {
		remember()
	}
	e.announceHistory()
	e.observeAgain(change.Again)
	// Also before this replica leads: a controller may have read an outcome, and be waiting to write it.
	e.enqueue(slices.DeleteFunc(change.Outcomes, func(other kinds.Ref) bool { return other == ref }))
	restated := slices.DeleteFunc(change.Restated, func(other kinds.Ref) bool { return other == ref })
	if e.leads.Load() {
		e.restate(restated)
	} else {
		e.enqueue(restated)
	}
}
