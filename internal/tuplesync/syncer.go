// Package tuplesync brings the store to the desired state, and keeps it there.
//
// What an object's change touches is marked dirty and queued; one loop takes it from the queue, asks the
// desired state what should be there at that moment, and writes as much as fits into one transaction. So
// writes of many objects coalesce while an earlier one is under way, nothing is written that nobody wants
// any more, and a failed write is simply made again. At the start, and at an interval, the whole store
// is compared and repaired in both directions.
package tuplesync

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// Observer is notified of what nobody waits for. Its functions must not block.
type Observer struct {
	// Confirmed: what these objects touched is in the store now, after Await had returned an error for
	// them.
	Confirmed func([]kinds.Ref)
	// Available: the store has begun to answer, or has stopped.
	Available func(bool)
	// Compared: the whole store has been compared again.
	Compared func()
}

// Syncer writes to one store. It is the only writer of that store.
type Syncer struct {
	connect  func(context.Context) (store.Store, error)
	store    store.Store // nil until connect has returned it
	state    *state.State
	observer Observer
	log      logr.Logger
	// inDoubt is set when a write was not answered and may still be applied. resyncNeeded is set when such a write
	// was applied after it had been fenced, or may have been. Only the loop that writes reads them.
	inDoubt, resyncNeeded bool

	mu sync.Mutex
	// queue are the items to look at; items knows each of them, and those that are being written.
	queue queue
	items map[item]*work
	// arrivals are the works of items, the one that has waited longest first.
	arrivals list.List
	// rejected is how many of them the store has refused.
	rejected int
	// compared is when the whole store was last compared, and found what it held then.
	compared time.Time
	found    int
	// held is what cells hold in the store; a cell that is not here is empty.
	held map[tuples.Cell]slots
	// pending counts the items that an object waits for.
	pending map[kinds.Ref]int
	waiting map[kinds.Ref][]chan error
	// traced are the spans of those that wait, where somebody traces them.
	traced map[kinds.Ref][]trace.Span
	// notified are the objects for which Await has returned that the store does not answer, or refuses.
	notified map[kinds.Ref]struct{}
	// refused is what the store said to something that these objects have touched.
	refused map[kinds.Ref]error
	// inSync is set once the whole store has been compared and repaired.
	inSync bool
	// outage is the error with which the store stopped answering, nil while it answers.
	outage error
	// progress grows whenever the store has done what it was asked for.
	progress atomic.Int64
	// draining are the cells that wait until the decisions of now have ended.
	draining []item
	// last is when the last write began, and whether the next one is to coalesce; only the loop that writes
	// looks at it.
	last struct {
		began     time.Time
		coalesces bool
	}
	// wake and drain say that there is something in queue, and in draining.
	wake, drain chan struct{}
	// resync requests a comparison of the store without waiting for the next time.
	resync chan struct{}
}

// slots are the contexts of a cell's tuples; nil where there is no tuple.
type slots [store.Slots]*structpb.Struct

// item is something to look at: a tuple without condition or, when Cell is set, a cell.
type item struct {
	key  store.Key
	cell tuples.Cell
}

func (i item) isCell() bool { return i.cell != tuples.Cell{} }

// work is what is known of an item in the queue.
type work struct {
	// since is when the store began to differ from what is wanted, and arrival the place in Syncer.arrivals.
	since   time.Time
	arrival *list.Element
	// causes are the objects that wait for it.
	causes map[kinds.Ref]struct{}
	// version grows with every change, so that one that comes while the item is being written is seen.
	version int
	// unknown means that what the store holds has to be read first.
	unknown bool
	// verify means that a comparison found a difference, which has to be read by itself before it counts as drift.
	verify bool
	// expected means that a change of ours touched it, so that a difference is no drift.
	expected bool
	// drift is the direction of a difference that was found, and whose repair may have failed.
	drift string
	// backingOff means that the store refused it: it is tried again when it is touched, and every retryRefused.
	backingOff bool
	// rejected means that the store has refused it since it was last as it should be.
	rejected bool
	// drained means that no decision is left that has not seen what the cell holds.
	drained bool
	// older is the side that was there before the other one was written. It may be wrong for what somebody
	// else has written: then either side may go, and afterwards it is right.
	older int
}

// New is a syncer that does nothing until Run, which calls connect until that returns the store.
func New(connect func(context.Context) (store.Store, error), state *state.State, observer Observer, log logr.Logger) *Syncer {
	return &Syncer{
		connect:  connect,
		state:    state,
		observer: observer,
		log:      log,
		items:    map[item]*work{},
		held:     map[tuples.Cell]slots{},
		pending:  map[kinds.Ref]int{},
		waiting:  map[kinds.Ref][]chan error{},
		traced:   map[kinds.Ref][]trace.Span{},
		notified: map[kinds.Ref]struct{}{},
		refused:  map[kinds.Ref]error{},
		wake:     make(chan struct{}, 1),
		drain:    make(chan struct{}, 1),
		resync:   make(chan struct{}, 1),
	}
}

// MarkDirty queues what a change of cause has touched. Await then waits for it, for the cause as for the
// objects whose outcome changed with it.
func (s *Syncer) MarkDirty(cause kinds.Ref, change state.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, touched := range change.Tuples {
		s.markDirty(item{key: touched.What}, touched.Joined, cause, touched.By)
	}
	for _, touched := range change.Cells {
		s.markDirty(item{cell: touched.What}, touched.Joined, cause, touched.By)
	}
}

func (s *Syncer) markDirty(it item, joined bool, causes ...kinds.Ref) {
	w := s.items[it]
	if w == nil {
		if joined {
			return
		}
		w = s.enqueue(it)
	}
	if !joined {
		w.version++
		w.expected = true
		s.requeue(it, w)
	}
	for _, cause := range causes {
		if _, known := w.causes[cause]; !known {
			w.causes[cause] = struct{}{}
			s.pending[cause]++
		}
	}
}

// enqueue adds an item that is not known yet.
func (s *Syncer) enqueue(it item) *work {
	w := &work{since: time.Now(), causes: map[kinds.Ref]struct{}{}}
	w.arrival = s.arrivals.PushBack(w)
	s.items[it] = w
	s.queue.add(it)
	signal(s.wake)
	return w
}

// requeue puts an item that the store had refused back into the queue.
func (s *Syncer) requeue(it item, w *work) {
	if w.backingOff {
		w.backingOff = false
		s.queue.add(it)
		signal(s.wake)
	}
}

func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// Await returns when everything that an object has touched is in the store. The error is
// store.ErrUnavailable while the store does not answer; Observer.Confirmed follows when it is done.
func (s *Syncer) Await(ctx context.Context, ref kinds.Ref) error {
	s.mu.Lock()
	if s.inSync && s.pending[ref] == 0 {
		s.mu.Unlock()
		return nil
	}
	if err := cmp.Or(s.outage, s.refused[ref]); err != nil {
		defer s.mu.Unlock()
		s.notified[ref] = struct{}{}
		return err
	}
	result := make(chan error, 1)
	s.waiting[ref] = append(s.waiting[ref], result)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent("evaluated", trace.WithAttributes(attribute.Int("bailiwick.facts_queued", len(s.items))))
		s.traced[ref] = append(s.traced[ref], span)
	}
	s.mu.Unlock()

	defer liveness.Outside(ctx)() // the loop that writes has turns of its own
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the store: %w", context.Cause(ctx))
	}
}

// addEvent adds an event to the spans of all that wait for these items.
func (s *Syncer) addEvent(batch []plan, event string, attributes ...attribute.KeyValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.traced) == 0 {
		return
	}
	done := map[kinds.Ref]struct{}{}
	for _, p := range batch {
		w := s.items[p.item]
		if w == nil {
			continue
		}
		for cause := range w.causes {
			if _, twice := done[cause]; twice {
				continue
			}
			done[cause] = struct{}{}
			for _, span := range s.traced[cause] {
				span.AddEvent(event, trace.WithAttributes(attributes...))
			}
		}
	}
}

// InSync says whether the store has once held exactly what the cluster says: before, it may hold what
// has ended meanwhile, and no decision of it counts.
func (s *Syncer) InSync() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inSync
}

// Progress is how far the store is from what the cluster says.
type Progress struct {
	// InSync is as Syncer.InSync says.
	InSync bool
	// Answers says whether the store answers; nil while nobody knows, which is until the first comparison.
	Answers *bool
	// Waiting are the facts that have still to be written, and Refused those of them that the store does
	// not take.
	Waiting, Refused int
	// Oldest is how long the one has waited that has waited longest; 0 when none does.
	Oldest time.Duration
	// Compared is when the whole store was last compared, zero before the first time, and Found how many
	// facts it held then.
	Compared time.Time
	Found    int
}

// Progress is that of now.
func (s *Syncer) Progress() Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Progress{InSync: s.inSync, Waiting: len(s.items), Refused: s.rejected, Compared: s.compared, Found: s.found}
	if s.outage != nil || !s.compared.IsZero() {
		p.Answers = new(s.outage == nil)
	}
	if first := s.arrivals.Front(); first != nil {
		p.Oldest = time.Since(first.Value.(*work).since)
	}
	return p
}

// complete takes an item that is as it should be from the queue, and notifies those that wait for it.
func (s *Syncer) complete(it item, w *work) (confirmed []kinds.Ref) {
	delete(s.items, it)
	s.arrivals.Remove(w.arrival)
	if w.rejected {
		s.rejected--
	}
	syncSeconds.Observe(time.Since(w.since).Seconds())
	for cause := range w.causes {
		if s.pending[cause]--; s.pending[cause] > 0 {
			continue
		}
		delete(s.pending, cause)
		if s.inSync && s.notify(cause) {
			confirmed = append(confirmed, cause)
		}
	}
	return confirmed
}

// notify ends the waiting for an object, and says whether Observer.Confirmed is due for it.
func (s *Syncer) notify(ref kinds.Ref) bool {
	for _, result := range s.waiting[ref] {
		result <- nil
	}
	delete(s.waiting, ref)
	delete(s.traced, ref)
	_, due := s.notified[ref]
	delete(s.notified, ref)
	delete(s.refused, ref)
	return due
}

// fail ends the waiting for an object with an error.
func (s *Syncer) fail(ref kinds.Ref, err error) {
	for _, result := range s.waiting[ref] {
		result <- err
	}
	delete(s.waiting, ref)
	delete(s.traced, ref)
	s.notified[ref] = struct{}{}
}

// unavailable notes an outage, and ends all waiting with it.
func (s *Syncer) unavailable(err error) {
	s.mu.Lock()
	// A store that answers after an outage may turn out to be somebody else's.
	foreign := errors.Is(err, store.ErrForeign)
	first := s.outage == nil || foreign != errors.Is(s.outage, store.ErrForeign)
	s.outage = err
	for ref := range s.waiting {
		s.fail(ref, err)
	}
	s.mu.Unlock()
	if first {
		if foreign {
			s.log.Error(err, "the store is refused, and nothing in it is changed; nothing takes effect until this is resolved")
		} else {
			s.log.Error(err, "the store has stopped answering; writes wait until it answers again")
		}
		s.observer.Available(false)
	}
}

// Outage is the error with which the store stopped answering, nil while it answers.
func (s *Syncer) Outage() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outage
}

// available notes that the store answers.
func (s *Syncer) available() {
	s.progress.Add(1)
	s.mu.Lock()
	first := s.outage != nil
	s.outage = nil
	s.mu.Unlock()
	if first {
		s.log.Info("the store answers again")
		s.observer.Available(true)
	}
}
