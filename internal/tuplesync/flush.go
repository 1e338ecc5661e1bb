package tuplesync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/internal/desired"
	"github.com/bailiwick-dev/bailiwick/internal/render"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// retryRefused is how long an item rests that the store has refused. It should never happen; it must
// not keep the others waiting when it does.
const retryRefused = 30 * time.Second

// backoff is how long to leave the store alone after it did not answer.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: 5 * time.Second}
}

// plan is what must be written for an item.
type plan struct {
	item    item
	version int
	writes  []store.Tuple
	deletes []store.Key
	// holds is what the cell holds afterwards.
	holds slots
	// again means that the item needs another look afterwards.
	again bool
	bytes int
}

// Run compares the store, repairs it and writes what is touched, until ctx ends. A write that has begun
// is then finished. It compares the store again at an interval, with jitter.
func (s *Syncer) Run(ctx context.Context, compareEvery time.Duration) error {
	if err := s.retrying(ctx, s.compareFirst); err != nil {
		return nil // ctx has ended
	}
	s.available()
	go s.keepComparing(ctx, compareEvery)
	retry := time.NewTicker(retryRefused)
	defer retry.Stop()
	for {
		if err := s.retrying(ctx, s.flush); err != nil {
			return nil
		}
		s.drained()
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-retry.C:
			s.unpark()
		}
	}
}

// retrying calls do until the store has answered it. The error is that of ctx.
func (s *Syncer) retrying(ctx context.Context, do func(context.Context) error) error {
	pause := backoff()
	for {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		s.unavailable(err)
		timer := time.NewTimer(pause.Step())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// flush writes until the queue is empty. Its error is store.ErrUnavailable.
func (s *Syncer) flush(ctx context.Context) error {
	for ctx.Err() == nil {
		batch, err := s.nextBatch(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return nil
		}
		if err := s.write(ctx, batch); err != nil {
			return err
		}
		s.available()
	}
	return nil
}

// nextBatch takes as many items from the queue as fit into one write.
func (s *Syncer) nextBatch(ctx context.Context) ([]plan, error) {
	var batch []plan
	tuples, bytes := 0, 0
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.mu.Unlock()
			return batch, nil
		}
		it := s.queue[0]
		w := s.items[it]
		version, unsure, suspect := w.version, w.unsure, w.suspect
		s.mu.Unlock()

		p, err := s.planFor(ctx, it, unsure, suspect)
		if err != nil {
			return nil, s.putBack(batch, err)
		}
		p.version = version
		if len(batch) > 0 && (tuples+len(p.writes)+len(p.deletes) > store.MaxTuplesPerWrite || bytes+p.bytes > store.MaxWriteBytes) {
			return batch, nil
		}
		tuples += len(p.writes) + len(p.deletes)
		bytes += p.bytes
		batch = append(batch, p)
		s.mu.Lock()
		s.queue = s.queue[1:] // only this loop takes from the front
		s.mu.Unlock()
	}
}

// putBack returns items to the front of the queue, and err.
func (s *Syncer) putBack(batch []plan, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := make([]item, 0, len(batch)+len(s.queue))
	for _, p := range batch {
		items = append(items, p.item)
		// Whether a write that failed has happened is unknown.
		s.items[p.item].unsure = true
	}
	s.queue = append(items, s.queue...)
	return err
}

// write sends one batch in one transaction. A batch that is refused is tried item by item.
func (s *Syncer) write(ctx context.Context, batch []plan) error {
	var writes []store.Tuple
	var deletes []store.Key
	for _, p := range batch {
		writes = append(writes, p.writes...)
		deletes = append(deletes, p.deletes...)
	}
	if len(writes)+len(deletes) > 0 {
		began := time.Now()
		// A shutdown does not cut a write in half; the store's own deadline ends it.
		err := s.store.Write(context.WithoutCancel(ctx), writes, deletes)
		observeWrite(len(writes)+len(deletes), time.Since(began), err)
		switch {
		case errors.Is(err, store.ErrRefused) && len(batch) > 1:
			for n := range batch {
				if err := s.write(ctx, batch[n:n+1]); err != nil {
					return s.putBack(batch[n+1:], err)
				}
			}
			return nil
		case errors.Is(err, store.ErrRefused):
			s.park(batch[0], err)
			return nil
		case err != nil:
			return s.putBack(batch, err)
		}
	}
	s.done(batch)
	return nil
}

// done notes what a batch has brought into the store.
func (s *Syncer) done(batch []plan) {
	s.mu.Lock()
	var confirmed []desired.Ref
	for _, p := range batch {
		if p.item.isCell() {
			s.hold(p.item.cell, p.holds)
		}
		w := s.items[p.item]
		w.unsure, w.suspect = false, false
		if p.again || w.version != p.version {
			s.queue = append(s.queue, p.item)
			continue
		}
		confirmed = append(confirmed, s.settled(p.item, w)...)
	}
	queueLength.Set(float64(len(s.items)))
	s.mu.Unlock()
	if len(confirmed) > 0 {
		s.observer.Confirmed(confirmed)
	}
}

func (s *Syncer) hold(cell render.Cell, holds slots) {
	if holds == (slots{}) {
		delete(s.held, cell)
		return
	}
	s.held[cell] = holds
}

// park sets an item aside that the store will not take.
func (s *Syncer) park(p plan, err error) {
	s.mu.Lock()
	w := s.items[p.item]
	w.unsure, w.parked = true, true
	for cause := range w.causes {
		s.refused[cause] = err
		s.fail(cause, err)
	}
	s.mu.Unlock()
	s.log.Error(err, "the store refused a write; it will be tried again", "object", p.item.key.Object+p.item.cell.Object)
}

// unpark puts the items back into the queue that had been set aside.
func (s *Syncer) unpark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for it, w := range s.items {
		s.resume(it, w)
	}
}

// drained notes that the queue was empty: from the first time on, the store holds what the cluster says.
func (s *Syncer) drained() {
	s.mu.Lock()
	if s.inSync || len(s.queue) > 0 {
		s.mu.Unlock()
		return
	}
	s.inSync = true
	var confirmed []desired.Ref
	for _, ref := range slices.Concat(slices.Collect(maps.Keys(s.waiting)), slices.Collect(maps.Keys(s.told))) {
		if s.pending[ref] == 0 && s.release(ref) {
			confirmed = append(confirmed, ref)
		}
	}
	s.mu.Unlock()
	s.log.Info("the store holds what the cluster says")
	if len(confirmed) > 0 {
		s.observer.Confirmed(confirmed)
	}
}

// planFor says what must be written for an item, as things are wanted now.
func (s *Syncer) planFor(ctx context.Context, it item, unsure, suspect bool) (plan, error) {
	if it.isCell() {
		return s.planCell(ctx, it, unsure, suspect)
	}
	return s.planTuple(ctx, it, suspect)
}

func (s *Syncer) planTuple(ctx context.Context, it item, suspect bool) (plan, error) {
	p := plan{item: it}
	wanted := s.state.Wanted(it.key)
	if suspect {
		found, there, err := s.store.Get(ctx, it.key)
		if err != nil {
			return p, fmt.Errorf("reading a tuple that differs: %w", err)
		}
		if there && found.Context != nil {
			// One that holds under a condition where it should hold always: to the store, another fact
			// under the same key. It must go before the right one can come.
			driftRepaired.WithLabelValues(driftChanged).Inc()
			p.deletes, p.again = []store.Key{it.key}, wanted
			return p, nil
		}
		if there == wanted {
			return p, nil
		}
		countDrift(there, wanted)
	}
	// Without a condition there is nothing to compare: writing what is there and deleting what is not
	// change nothing.
	if wanted {
		p.writes = []store.Tuple{{Key: it.key}}
	} else {
		p.deletes = []store.Key{it.key}
	}
	return p, nil
}

func (s *Syncer) planCell(ctx context.Context, it item, unsure, suspect bool) (plan, error) {
	s.mu.Lock()
	holds := s.held[it.cell]
	s.mu.Unlock()
	if unsure || suspect {
		found, err := s.readCell(ctx, it.cell)
		if err != nil {
			return plan{}, err
		}
		if suspect && !found.equal(holds) {
			driftRepaired.WithLabelValues(driftChanged).Inc()
		}
		holds = found
	}
	p := plan{item: it, holds: holds}
	missing := p.dropUnwanted(s.state.Contexts(it.cell))
	p.again = !p.fill(missing, holds)
	return p, nil
}

// dropUnwanted deletes the slots whose context is not wanted, and returns the wanted ones that no slot
// has.
func (p *plan) dropUnwanted(wanted []*structpb.Struct) (missing []*structpb.Struct) {
	kept := [render.Slots]bool{}
	for _, context := range wanted {
		found := false
		for n, holds := range p.holds {
			if !kept[n] && holds != nil && (holds == context || proto.Equal(holds, context)) {
				kept[n], found = true, true
				p.holds[n] = context // equal, and the memory is shared
				break
			}
		}
		if !found {
			missing = append(missing, context)
		}
	}
	for n, holds := range p.holds {
		if holds != nil && !kept[n] {
			p.deletes = append(p.deletes, p.item.cell.Slot(n))
			p.holds[n] = nil
		}
	}
	return missing
}

// fill writes the missing contexts into slots that were free before, so that old and new change places
// in one transaction. False when there are not enough, which only a foreign hand can bring about: what
// is not wanted then goes first.
func (p *plan) fill(missing []*structpb.Struct, before slots) bool {
	var writes []store.Tuple
	bytes := 0
	holds := p.holds
	for n := range before {
		if len(missing) == 0 {
			break
		}
		if before[n] == nil {
			writes = append(writes, store.Tuple{Key: p.item.cell.Slot(n), Context: missing[0]})
			bytes += proto.Size(missing[0])
			holds[n] = missing[0]
			missing = missing[1:]
		}
	}
	if len(missing) > 0 {
		return false
	}
	p.writes, p.bytes, p.holds = writes, bytes, holds
	return true
}

func (s *Syncer) readCell(ctx context.Context, cell render.Cell) (slots, error) {
	var found slots
	for n := range found {
		tuple, there, err := s.store.Get(ctx, cell.Slot(n))
		if err != nil {
			return found, fmt.Errorf("reading what a role gives at %s: %w", cell.Object, err)
		}
		if there {
			found[n] = tuple.Context
			if found[n] == nil {
				found[n] = &structpb.Struct{} // without a condition: equal to nothing that is wanted
			}
		}
	}
	return found, nil
}

func (s slots) equal(other slots) bool {
	for n := range s {
		if s[n] != other[n] && (s[n] == nil || other[n] == nil || !proto.Equal(s[n], other[n])) {
			return false
		}
	}
	return true
}
