// Package tuplesync brings the store to the desired state, and keeps it there.
//
// What an object's change touches is queued; one loop takes it from the queue, asks the desired state
// what should be there at that moment, and writes as much as fits into one transaction. So writes of
// many objects are gathered while an earlier one is under way, nothing is written that nobody wants
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

// Observer is told what nobody waits for. Its functions must not block.
type Observer struct {
	// Confirmed: what these objects touched is in the store now, after they had been told that the
	// store does not answer.
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
	// told are the objects that have been told that the store does not answer, or refuses.
	told map[kinds.Ref]struct{}
	// refused is what the store said to something that these objects have touched.
	refused map[kinds.Ref]error
	// inSync is set once the whole store has been compared and repaired.
	inSync bool
	// outage is the error with which the store stopped to answer, nil while it answers.
	outage error
	// progress grows whenever the store has done what it was asked for.
	progress atomic.Int64
	// resting are cells that wait for decisions to end.
	resting []item
	// last is when the last write began, and whether the next one is to gather; only the loop that writes
	// looks at it.
	last struct {
		began   time.Time
		gathers bool
	}
	// wake and rest say that there is something in queue, and in resting.
	wake, rest chan struct{}
	// doubt says that the store is to be compared without waiting for the next time.
	doubt chan struct{}
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
	// unsure means that what the store holds must be read first.
	unsure bool
	// suspect means that the comparison found a difference: if it is really there, it is drift.
	suspect bool
	// ours means that an object's change has touched it: that the store holds something else is no drift.
	ours bool
	// drift is the direction of a difference that was found, and whose repair may have failed.
	drift string
	// parked means that the store refused it: it is tried again when it is touched, and now and then.
	parked bool
	// rejected means that the store has refused it since it was last as it should be.
	rejected bool
	// rested means that every decision has seen what the cell holds.
	rested bool
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
		told:     map[kinds.Ref]struct{}{},
		refused:  map[kinds.Ref]error{},
		wake:     make(chan struct{}, 1),
		rest:     make(chan struct{}, 1),
		doubt:    make(chan struct{}, 1),
	}
}

// Touch queues what a change of cause has touched. Await then waits for it, for the cause as for the
// objects whose outcome changed with it.
func (s *Syncer) Touch(cause kinds.Ref, change state.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, touched := range change.Tuples {
		s.touch(item{key: touched.What}, touched.Joined, cause, touched.By)
	}
	for _, touched := range change.Cells {
		s.touch(item{cell: touched.What}, touched.Joined, cause, touched.By)
	}
}

func (s *Syncer) touch(it item, joined bool, causes ...kinds.Ref) {
	w := s.items[it]
	if w == nil {
		if joined {
			return
		}
		w = s.enqueue(it)
	}
	if !joined {
		w.version++
		w.ours = true
		s.resume(it, w)
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

// resume puts an item back into the queue that the store had refused.
func (s *Syncer) resume(it item, w *work) {
	if w.parked {
		w.parked = false
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
// store.ErrUnavailable while the store does not answer; Observer.Confirmed then tells when it is done.
func (s *Syncer) Await(ctx context.Context, ref kinds.Ref) error {
	s.mu.Lock()
	if s.inSync && s.pending[ref] == 0 {
		s.mu.Unlock()
		return nil
	}
	if err := cmp.Or(s.outage, s.refused[ref]); err != nil {
		defer s.mu.Unlock()
		s.told[ref] = struct{}{}
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

// tell adds an event to the spans of all that wait for these items.
func (s *Syncer) tell(batch []plan, event string, attributes ...attribute.KeyValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.traced) == 0 {
		return
	}
	told := map[kinds.Ref]struct{}{}
	for _, p := range batch {
		w := s.items[p.item]
		if w == nil {
			continue
		}
		for cause := range w.causes {
			if _, twice := told[cause]; twice {
				continue
			}
			told[cause] = struct{}{}
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

// complete takes an item from the queue that is as it should be, and tells those that wait for it.
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
		if s.inSync && s.release(cause) {
			confirmed = append(confirmed, cause)
		}
	}
	return confirmed
}

// release lets go of those who wait for an object, and says whether it must be told that the outage is
// over for it.
func (s *Syncer) release(ref kinds.Ref) bool {
	for _, result := range s.waiting[ref] {
		result <- nil
	}
	delete(s.waiting, ref)
	delete(s.traced, ref)
	_, told := s.told[ref]
	delete(s.told, ref)
	delete(s.refused, ref)
	return told
}

// fail tells those who wait for an object.
func (s *Syncer) fail(ref kinds.Ref, err error) {
	for _, result := range s.waiting[ref] {
		result <- err
	}
	delete(s.waiting, ref)
	delete(s.traced, ref)
	s.told[ref] = struct{}{}
}

// unavailable notes an outage and lets everyone know who waits.
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
			s.log.Error(err, "the store has stopped to answer; writes wait until it does")
		}
		s.observer.Available(false)
	}
}

// Outage is the error with which the store stopped to answer, nil while it answers.
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
