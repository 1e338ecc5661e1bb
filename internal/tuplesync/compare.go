package tuplesync

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// walked is what a walk over the store has found.
type walked struct {
	// tuples are those outside of cells, and whether they have a condition, which none should.
	tuples map[store.Key]bool
	cells  map[tuples.Cell]slots
}

func (s *Syncer) walk(ctx context.Context) (*walked, error) {
	found, err := s.walkOver(ctx, s.store)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.compared, s.found = time.Now(), len(found.tuples)+len(found.cells)
	s.mu.Unlock()
	comparisons.Inc()
	return found, nil
}

func (*Syncer) walkOver(ctx context.Context, from Walker) (*walked, error) {
	found := &walked{tuples: map[store.Key]bool{}, cells: map[tuples.Cell]slots{}}
	err := from.Walk(ctx, func(tuple store.Tuple) error {
		if cell, slot, ok := tuples.CellOf(tuple.Key); ok {
			holds := found.cells[cell]
			holds[slot] = tuple.Context
			if tuple.Context == nil {
				holds[slot] = tuples.ForGood
			}
			found.cells[cell] = holds
			return nil
		}
		found.tuples[tuple.Key] = tuple.Context != nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("comparing the store: %w", err)
	}
	return found, nil
}

// compareFirst reads the whole store before anything is written, and queues what differs.
func (s *Syncer) compareFirst(ctx context.Context) error {
	if s.store == nil {
		back := liveness.Outside(ctx)
		connected, err := s.connect(ctx)
		back()
		if err != nil {
			return err
		}
		s.store = outside{connected}
	}
	// What an earlier operator still had on its way is there now, or never will be.
	if err := s.store.TakeOver(ctx); err != nil {
		return fmt.Errorf("taking over the store: %w", err)
	}
	found, err := s.walk(ctx)
	if err != nil {
		return err
	}
	differ := s.differences(found)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = found.cells
	for it, known := range differ {
		// Nobody writes yet, so what was found is what is there.
		s.examine(it).verify = !known
	}
	s.log.Info("compared the store with the cluster", "tuples", len(found.tuples), "roles", len(found.cells), "differences", len(differ))
	return nil
}

// keepComparing compares the store at an interval, and whenever a resync is requested, until ctx ends.
func (s *Syncer) keepComparing(ctx context.Context, every time.Duration) {
	for {
		timer := time.NewTimer(wait.Jitter(every*5/6, 0.2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.resync:
			timer.Stop()
		case <-timer.C:
		}
		_ = s.retrying(ctx, comparing, s.compareAgain) // fails only when ctx has ended
	}
}

// compareAgain is compareFirst while there are writes. A walk is no snapshot, so a difference has to
// be verified by reading the item by itself.
func (s *Syncer) compareAgain(ctx context.Context) error {
	found, err := s.walk(ctx)
	if err != nil {
		return err
	}
	s.verify(found)
	s.available()
	s.observer.Compared()
	return nil
}

// verify queues what a walk has not found as it is desired.
func (s *Syncer) verify(found *walked) {
	differ := s.differences(found)
	s.mu.Lock()
	defer s.mu.Unlock()
	for it := range differ {
		s.examine(it).verify = true
	}
}

// examine queues an item that may differ.
func (s *Syncer) examine(it item) *work {
	w := s.items[it]
	if w == nil {
		w = s.enqueue(it)
	}
	w.version++
	s.requeue(it, w)
	return w
}

// differences are the items of which the walk has not found what is wanted. The value says whether what
// the store holds is known from the walk; a tuple that has a condition without need is not. It takes the state's locks, one
// organization's after the other, and must not be called with the syncer's: whoever changes the state calls MarkDirty under it.
func (s *Syncer) differences(found *walked) map[item]bool {
	differ := map[item]bool{}
	for key, conditional := range found.tuples {
		if conditional || !s.state.Desired(key) {
			differ[item{key: key}] = !conditional
		}
	}
	for _, key := range s.state.DesiredTuples() {
		if _, there := found.tuples[key]; !there {
			differ[item{key: key}] = true
		}
	}
	for _, cell := range s.state.DesiredCells() {
		if _, there := found.cells[cell]; !there {
			differ[item{cell: cell}] = true
		}
	}
	for cell, holds := range found.cells {
		p := plan{item: item{cell: cell}, holds: holds}
		if missing := p.dropUnwanted(s.state.Contexts(cell)); len(missing) > 0 || len(p.deletes) > 0 {
			differ[item{cell: cell}] = true
		}
		found.cells[cell] = p.merge(holds)
	}
	return differ
}

// merge is what the cell holds, with the memory of equal contexts shared.
func (p *plan) merge(holds slots) slots {
	for n := range holds {
		if p.holds[n] != nil {
			holds[n] = p.holds[n]
		}
	}
	return holds
}
