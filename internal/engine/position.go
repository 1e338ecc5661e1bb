package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Position is how far a state is: by kind, the resource version up to which it includes every change. Those of different
// kinds can't be compared.
type Position map[string]string

// Includes says whether a state that is here includes all that one there does.
func (p Position) Includes(there Position) bool {
	for kind, version := range there {
		if !reaches(p[kind], version) {
			return false
		}
	}
	return true
}

// reaches says whether one version is the other or later. Nothing reaches what can't be read.
func reaches(version, other string) bool {
	if other == "" {
		return true
	}
	order, err := resourceversion.CompareResourceVersion(version, other)
	return err == nil && order >= 0
}

// progress knows how far a state is. What an informer hands out does not tell: it gathers the changes of an object while
// others wait, so that a late version may come before an earlier one of another object. So the events of each watch are noted
// in their order, before the informer gets them.
type progress struct {
	mu sync.Mutex
	of map[string]*kindProgress
	// rewound counts how often versions went back, as after etcd was restored.
	rewound int
	// moved is closed when something that others may wait for has been evaluated.
	moved chan struct{}
}

// kindProgress is that of one kind.
type kindProgress struct {
	// position is the version up to which every change is included; empty where that is not known.
	position string
	// proven means that no event is missing between position and stream. It ends with a list of the informer, whose objects
	// are no events.
	proven bool
	// lists counts the lists, and listing means that one is under way.
	lists   int
	listing bool
	// stream are the events that may not have been evaluated yet, in order, and waiting how many an object has there.
	stream  []event
	waiting map[kinds.Ref]int
	// evaluated are the versions in which objects of the stream were evaluated last, and passed is the last event up to which all
	// since the informer's list have been.
	evaluated map[kinds.Ref]string
	passed    string
	// seen is the latest version that the watch has shown, and mark the latest that was evaluated and may change an answer.
	seen, mark string
	// hiddenFrom and hiddenTo are what the watch had shown before the informer's last list, and the version of that: of a change
	// between these that was changed back, others may have seen the first half.
	hiddenFrom, hiddenTo string
	// floor is the version up to which it is known what there was: an event of before, of an object that there was not, comes
	// late and is about something that is gone.
	floor string
}

// event is one of a watch.
type event struct {
	ref     kinds.Ref
	version string
}

func newProgress() *progress {
	p := &progress{of: map[string]*kindProgress{}, moved: make(chan struct{})}
	for kind := range lists() {
		p.of[kind] = &kindProgress{waiting: map[kinds.Ref]int{}, evaluated: map[kinds.Ref]string{}}
	}
	return p
}

// NewInformer makes an informer whose watch is followed, for cache.Options.
func (e *Engine) NewInformer(
	from toolscache.ListerWatcher, of runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	switch o := of.(type) {
	case v1alpha1.Object:
		if e.options.OnlyAnswers {
			indexers = nil // nobody looks anything up
		}
		from = e.progress.following(kinds.RefOf(o).Kind, from)
	case *metav1.PartialObjectMetadata:
		if o.GroupVersionKind() == NamespaceKind {
			from = e.progress.following(kinds.Namespace, from)
		}
	}
	return toolscache.NewSharedIndexInformer(from, of, resync, indexers)
}

// following is a ListerWatcher whose events are noted on their way.
func (p *progress) following(kind string, from toolscache.ListerWatcher) toolscache.ListerWatcher {
	with := toolscache.ToListerWatcherWithContext(from)
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			p.relist(kind)
			list, err := with.ListWithContext(ctx, options)
			if err != nil {
				return nil, err //nolint:wrapcheck // as the informer would have got it
			}
			if listed, err := meta.ListAccessor(list); err == nil {
				p.saw(kind, listed.GetResourceVersion())
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			initial := options.SendInitialEvents != nil && *options.SendInitialEvents
			if initial {
				p.relist(kind)
			}
			events, err := with.WatchWithContext(ctx, options)
			if err != nil {
				return nil, err //nolint:wrapcheck // as the informer would have got it
			}
			followed := &followedWatch{Interface: events, shown: make(chan watch.Event), stopped: make(chan struct{})}
			go followed.run(func(e watch.Event) { p.receive(kind, e, &initial) })
			return followed, nil
		},
	}
}

// followedWatch shows the events of a watch after they were noted.
type followedWatch struct {
	watch.Interface

	shown   chan watch.Event
	stop    sync.Once
	stopped chan struct{}
}

func (f *followedWatch) run(note func(watch.Event)) {
	defer close(f.shown)
	for e := range f.Interface.ResultChan() {
		note(e)
		select {
		case f.shown <- e:
		case <-f.stopped:
			return
		}
	}
}

// ResultChan implements watch.Interface.
func (f *followedWatch) ResultChan() <-chan watch.Event { return f.shown }

// Stop implements watch.Interface.
func (f *followedWatch) Stop() {
	f.stop.Do(func() { close(f.stopped) })
	f.Interface.Stop()
}

// receive notes an event. Those with which a watch begins are a list.
func (p *progress) receive(kind string, e watch.Event, initial *bool) {
	object, err := meta.Accessor(e.Object)
	if err != nil || e.Type == watch.Error {
		return // an error has no version, and ends the watch
	}
	version := object.GetResourceVersion()
	switch {
	case e.Type == watch.Bookmark:
		*initial = *initial && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true"
	case !*initial:
		p.add(event{kinds.Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}, version})
	}
	if !*initial {
		p.saw(kind, version)
	}
	if e.Type == watch.Bookmark && !*initial {
		p.bookmark(kind, version)
	}
}

// bookmark notes that a watch has shown everything up to a version. The leader may wait for one of which there is no event, as when
// its informer has found out by listing that an object is gone.
func (p *progress) bookmark(kind, version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.of[kind]
	if k.proven && len(k.stream) == 0 && !reaches(k.position, version) {
		k.position = version
	}
}

// relist notes that an informer lists anew. The state goes on including what it did.
func (p *progress) relist(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.of[kind]
	k.unprove()
	if !k.listing {
		k.hiddenFrom = k.seen
	}
	k.listing = true
}

// hides says whether an object of a version may have been something else since the watch has shown it before.
func (p *progress) hides(kind, version string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.of[kind]
	return version != "" && k.hiddenFrom != "" && !reaches(k.hiddenFrom, version) && reaches(k.hiddenTo, version)
}

func (k *kindProgress) unprove() {
	k.proven, k.stream, k.passed = false, nil, ""
	k.lists++
	clear(k.waiting)
	clear(k.evaluated)
}

// saw notes a version that the watch, or a whole list, has shown. Where it goes back nothing is known any more.
func (p *progress) saw(kind, version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.of[kind]
	if k.listing {
		k.hiddenTo = version
	}
	k.listing = false
	if !reaches(version, k.seen) {
		k.unprove()
		k.position, k.floor, k.mark, k.hiddenFrom = "", "", "", ""
		p.rewound++
		p.announce()
	}
	k.seen = version
}

func (p *progress) add(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.of[e.ref.Kind]
	if reaches(k.position, e.version) {
		return // it comes late: it was known already what has become of the object
	}
	k.stream = append(k.stream, e)
	k.waiting[e.ref]++
}

// marked notes that an object is about to be evaluated in a version that may change an answer.
func (p *progress) marked(ref kinds.Ref, version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.of[ref.Kind]; !reaches(k.mark, version) {
		k.mark = version
	}
}

// done notes that an object has been evaluated in a version.
func (p *progress) done(ref kinds.Ref, version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.of[ref.Kind]
	if k.waiting[ref] == 0 {
		return
	}
	if !reaches(k.evaluated[ref], version) {
		k.evaluated[ref] = version
	}
	if k.advance() {
		p.announce()
	}
}

// advance moves the position past what has been evaluated, and says whether it went on towards the mark.
func (k *kindProgress) advance() bool {
	before := k.position
	n := 0
	for ; n < len(k.stream); n++ {
		e := k.stream[n]
		if !reaches(k.evaluated[e.ref], e.version) {
			break
		}
		if k.waiting[e.ref]--; k.waiting[e.ref] == 0 {
			delete(k.waiting, e.ref)
			delete(k.evaluated, e.ref)
		}
		k.passed = e.version
		if k.proven {
			k.position = e.version
		}
	}
	k.stream = slices.Delete(k.stream, 0, n)
	return k.position != before && !reaches(before, k.mark)
}

// watchedKind is how far the watch of a kind was at a moment.
type watchedKind struct {
	seen  string
	lists int
	whole bool
}

// watched is how far the watches are, by kind.
func (p *progress) watched() map[string]watchedKind {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := map[string]watchedKind{}
	for kind, k := range p.of {
		now[kind] = watchedKind{k.seen, k.lists, !k.listing}
	}
	return now
}

// prove notes that the state includes all that there was when each kind was listed. What the watch shows since is complete
// if its informer has not listed since before that.
func (p *progress) prove(listed map[string]string, before map[string]watchedKind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, version := range listed {
		k := p.of[kind]
		if before[kind].whole && before[kind].lists == k.lists {
			k.proven = true
		}
		if !reaches(k.floor, version) {
			k.floor = version
		}
		if !reaches(k.position, version) {
			k.position = version
		}
		// What was evaluated while this was listed: nothing is missing before it, and it does not come again.
		if k.proven && !reaches(k.position, k.passed) {
			k.position = k.passed
		}
		k.stream = slices.DeleteFunc(k.stream, func(e event) bool {
			if !reaches(k.position, e.version) {
				return false
			}
			if k.waiting[e.ref]--; k.waiting[e.ref] == 0 {
				delete(k.waiting, e.ref)
				delete(k.evaluated, e.ref)
			}
			return true
		})
		k.advance()
	}
	p.announce()
}

// late says whether an object that is not known was gone already when its kind was listed.
func (p *progress) late(ref kinds.Ref, object client.Object) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	floor := p.of[ref.Kind].floor
	return floor != "" && reaches(floor, object.GetResourceVersion())
}

// latest is the latest version of a kind that the watch has shown.
func (p *progress) latest(kind string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[kind].seen
}

// announce needs the lock.
func (p *progress) announce() {
	close(p.moved)
	p.moved = make(chan struct{})
}

// Progress is how far a replica's state is.
type Progress struct {
	// Position is what the state includes.
	Position Position
	// Marks are what was evaluated last, of what may change an answer.
	Marks Position
	// Proven says whether Position goes on by itself. Where it does not, CatchUp is needed.
	Proven bool
	// Rewound counts how often versions went back. Positions from before can't be compared with those from after.
	Rewound int
	// Moved is closed when Position has come nearer to Marks, or anything else has changed, History included.
	Moved <-chan struct{}
}

// Progress says how far the state is.
func (e *Engine) Progress() Progress {
	p := e.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	now := Progress{Position: Position{}, Marks: Position{}, Proven: true, Rewound: p.rewound, Moved: p.moved}
	for kind, k := range p.of {
		if k.position != "" {
			now.Position[kind] = k.position
		}
		if k.mark != "" {
			now.Marks[kind] = k.mark
		}
		now.Proven = now.Proven && k.proven
	}
	return now
}

// CatchUp returns when the state includes all that there is, as the API server says now, or ctx ends.
func (e *Engine) CatchUp(ctx context.Context) {
	select {
	case <-e.loaded: // what was listed before may be older
		e.catchUp(ctx)
	case <-ctx.Done():
	}
}

// History is this replica's own, and a version of it: see state.History.
func (e *Engine) History() (state.History, int64) {
	version := e.state.HistoryVersion() // before: what follows is no older
	return e.state.History(), version
}

// FollowHistory sets the leader's history, for a follower.
func (e *Engine) FollowHistory(ofLeader state.History) {
	followed := e.state.FollowHistory(ofLeader)
	e.enqueue(slices.Concat(followed.Outcomes, followed.Restated))
}

// announceHistory tells those who wait for progress that History may be another one.
func (e *Engine) announceHistory() {
	now := e.state.HistoryVersion()
	if e.history.Swap(now) == now {
		return
	}
	e.progress.mu.Lock()
	defer e.progress.mu.Unlock()
	e.progress.announce()
}
