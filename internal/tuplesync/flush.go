package tuplesync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// retryRefused is how long an item rests that the store has refused. It should never happen; it must
// not keep the others waiting when it does.
const retryRefused = 30 * time.Second

// gather is how long after the beginning of a write the next one begins at the earliest, when several objects
// are being changed at once: a transaction costs much more than what is in it. What comes one at a time is
// written at once.
const gather = 50 * time.Millisecond

// backoff is how long to leave the store alone after it did not answer. What has been revoked waits for it: a store that
// is away is asked once a second.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: time.Second}
}

// Run takes the store over, compares it, repairs it and writes what is touched, until ctx ends. A write that
// has begun is then finished. It compares the store again at an interval, with jitter. The error is
// store.ErrReplaced when another operator has taken over.
func (s *Syncer) Run(ctx context.Context, compareEvery time.Duration) error {
	switch err := s.retrying(ctx, comparing, s.compareFirst); {
	case errors.Is(err, store.ErrReplaced):
		return err
	case err != nil:
		return nil // ctx has ended
	}
	s.available()
	var beside sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside.Go(func() { s.keepComparing(ctx, compareEvery) })
	beside.Go(func() { s.awaitDecisions(ctx) })
	err := s.keepWriting(ctx)
	cancel()
	// After Run, nobody calls the store. This is not deferred: a panic would wait for loops that wait for what it has
	// left locked.
	beside.Wait()
	return err
}

// The loops by which the liveness probe knows them.
const (
	writing   = "writing to the store"
	comparing = "comparing the store"
	waiting   = "waiting for decisions"
)

// keepWriting writes what is touched until ctx ends, or another operator has taken over.
func (s *Syncer) keepWriting(ctx context.Context) error {
	retry := time.NewTicker(retryRefused)
	defer retry.Stop()
	for {
		switch err := s.retrying(ctx, writing, s.flush); {
		case errors.Is(err, store.ErrReplaced):
			return err
		case err != nil:
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-retry.C:
			_, end := liveness.Begin(ctx, writing)
			s.unpark()
			end()
		}
	}
}

// retrying calls do, each time as a turn of a loop, until the store has answered it. A store that has done something
// meanwhile, and fails only now and then, is not left alone for longer each time. The error is that of ctx, or
// store.ErrReplaced.
func (s *Syncer) retrying(ctx context.Context, loop string, do func(context.Context) error) error {
	pause := backoff()
	for {
		before := s.progress.Load()
		turn, end := liveness.Begin(ctx, loop)
		err := do(turn)
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrReplaced) {
			s.unavailable(err)
		}
		end()
		if s.progress.Load() != before {
			pause = backoff()
		}
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, store.ErrReplaced) {
			return err
		}
		timer := time.NewTimer(pause.Step())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// flush writes until the queue is empty, and notes when it is. Its error is store.ErrUnavailable.
func (s *Syncer) flush(ctx context.Context) error {
	for s.gathered(ctx) {
		if s.inDoubt {
			if err := s.store.Fence(ctx); err != nil {
				return fmt.Errorf("ending a write that was not answered: %w", err)
			}
			s.inDoubt = false
			s.progress.Add(1)
			if s.resyncNeeded {
				s.resyncNeeded = false
				signal(s.doubt)
			}
		}
		batch, several, err := s.nextBatch(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			s.drained()
			return nil
		}
		s.last.began, s.last.gathers = time.Now(), several
		if err := s.write(ctx, batch); err != nil {
			return err
		}
		s.available()
	}
	return nil
}

// gathered returns when the next write may begin, and false when ctx has ended.
func (s *Syncer) gathered(ctx context.Context) bool {
	s.mu.Lock()
	waiting := s.queue.length
	s.mu.Unlock()
	rest := gather - time.Since(s.last.began)
	if rest <= 0 || !s.last.gathers || waiting == 0 || waiting >= store.MaxTuplesPerWrite {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// nextBatch takes as many items from the queue as fit into one write, and says whether that is all that
// several objects have touched.
func (s *Syncer) nextBatch(ctx context.Context) (batch []plan, several bool, err error) {
	causes := map[kinds.Ref]struct{}{}
	tuples, bytes := 0, 0
	for {
		s.mu.Lock()
		it, some := s.queue.first()
		if !some {
			s.mu.Unlock()
			return batch, len(causes) > 1, nil
		}
		w := s.items[it]
		known := *w
		maps.Copy(causes, w.causes)
		s.mu.Unlock()

		p, err := s.planFor(ctx, it, known)
		if errors.Is(err, store.ErrRefused) {
			s.skip()
			s.park(plan{item: it, drift: known.drift}, err)
			s.available() // there may be nothing left to write that would say so
			continue
		}
		if err != nil {
			return nil, false, s.putBack(batch, err)
		}
		p.version = known.version
		if len(batch) > 0 && (tuples+len(p.writes)+len(p.deletes) > store.MaxTuplesPerWrite || bytes+p.bytes > store.MaxWriteBytes) {
			return batch, false, nil
		}
		tuples += len(p.writes) + len(p.deletes)
		bytes += p.bytes
		batch = append(batch, p)
		s.skip()
	}
}

// skip takes the first item from the queue. Only the loop that writes does.
func (s *Syncer) skip() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.skip()
}

// putBack returns items to the front of the queue, and err.
func (s *Syncer) putBack(batch []plan, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := make([]item, 0, len(batch))
	for _, p := range batch {
		items = append(items, p.item)
		// Whether a write that failed has happened is unknown. If it has, it was the last one.
		w := s.items[p.item]
		w.unsure, w.rested, w.older, w.drift = true, false, p.older, p.drift
	}
	s.queue.putBack(items...)
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
		s.tell(batch, "a write to the store begins", attribute.Int("bailiwick.tuples", len(writes)+len(deletes)))
		began := time.Now()
		// A shutdown does not cut a write in half; the store's own deadline ends it.
		err := s.store.Write(context.WithoutCancel(ctx), writes, deletes)
		s.heard(err)
		observeWrite(len(writes)+len(deletes), time.Since(began), err)
		s.tell(batch, "the store answers", attribute.Bool("bailiwick.failed", err != nil))
		switch {
		case errors.Is(err, store.ErrRefused) && len(batch) > 1:
			for n := range batch {
				if err := s.write(ctx, batch[n:n+1]); err != nil {
					return s.putBack(batch[n+1:], err)
				}
			}
			return nil
		case errors.Is(err, store.ErrRefused):
			if err := s.withdraw(ctx, batch[0]); err != nil {
				return s.putBack(batch, err)
			}
			s.park(batch[0], err)
			return nil
		case err != nil:
			return s.putBack(batch, err)
		}
	}
	s.done(batch)
	return nil
}

// heard notes what the answer to a write says about earlier ones and about itself.
func (s *Syncer) heard(err error) {
	s.inDoubt = errors.Is(err, store.ErrUnavailable)
	s.resyncNeeded = s.resyncNeeded || errors.Is(err, store.ErrStaleWrite)
}

// done notes what a batch has brought into the store.
func (s *Syncer) done(batch []plan) {
	s.mu.Lock()
	var confirmed []kinds.Ref
	for _, p := range batch {
		if p.item.isCell() {
			s.hold(p.item.cell, p.holds)
		}
		w := s.items[p.item]
		w.unsure, w.older, w.drift = false, p.older, ""
		if p.drift != "" {
			driftRepaired.WithLabelValues(p.drift).Inc()
		}
		w.ours = w.ours || p.again // what is missing until then, we have taken away
		if w.version == p.version {
			w.suspect = false // otherwise it may be newer than the plan
		}
		if len(p.writes) > 0 {
			w.rested = false
		}
		if p.rest {
			s.resting = append(s.resting, p.item)
			continue
		}
		if p.again || w.version != p.version {
			s.queue.add(p.item)
			continue
		}
		confirmed = append(confirmed, s.complete(p.item, w)...)
	}
	resting := len(s.resting) > 0
	s.mu.Unlock()
	if resting {
		signal(s.rest)
	}
	if len(confirmed) > 0 {
		s.observer.Confirmed(confirmed)
	}
}

func (s *Syncer) hold(cell tuples.Cell, holds slots) {
	if holds == (slots{}) {
		delete(s.held, cell)
		return
	}
	s.held[cell] = holds
}

// withdraw takes away what a cell holds and nobody wants any more, when what is wanted instead is refused:
// what ends must not depend on what begins.
func (s *Syncer) withdraw(ctx context.Context, refused plan) error {
	if !refused.item.isCell() {
		return nil
	}
	s.mu.Lock()
	p := plan{item: refused.item, holds: s.held[refused.item.cell]}
	s.mu.Unlock()
	p.dropUnwanted(s.state.Contexts(p.item.cell))
	if len(p.deletes) == 0 {
		return nil
	}
	err := s.store.Write(context.WithoutCancel(ctx), nil, p.deletes)
	s.heard(err)
	if errors.Is(err, store.ErrRefused) {
		return nil // then there is nothing more to be done; it is tried again with the rest
	}
	if err != nil {
		return fmt.Errorf("taking away what is no longer wanted: %w", err)
	}
	s.mu.Lock()
	s.hold(p.item.cell, p.holds)
	s.mu.Unlock()
	return nil
}

// park sets an item aside that the store will not take, or not even read.
func (s *Syncer) park(p plan, err error) {
	s.mu.Lock()
	w := s.items[p.item]
	if !w.rejected {
		w.rejected = true
		s.rejected++
	}
	w.unsure, w.parked, w.drift = true, true, p.drift
	for cause := range w.causes {
		s.refused[cause] = err
		s.fail(cause, err)
	}
	s.mu.Unlock()
	s.log.Error(err, "the store refused a fact; it will be tried again", "object", p.item.key.Object+p.item.cell.Object)
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
	if s.inSync || s.underWay() {
		s.mu.Unlock()
		return
	}
	s.inSync = true
	var confirmed []kinds.Ref
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

// underWay says whether anything has still to be written, but for what the store refuses.
func (s *Syncer) underWay() bool {
	for _, w := range s.items {
		if !w.parked {
			return true
		}
	}
	return false
}

// awaitDecisions lets cells rest until the decisions that were being made when they were written have
// ended, all that wait together, until ctx ends.
func (s *Syncer) awaitDecisions(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.rest:
		}
		s.mu.Lock()
		resting := s.resting
		s.resting = nil
		s.mu.Unlock()
		if s.retrying(ctx, waiting, s.store.AwaitChecks) != nil {
			return
		}
		s.mu.Lock()
		for _, it := range resting {
			s.items[it].rested = true
		}
		s.queue.add(resting...)
		s.mu.Unlock()
		signal(s.wake)
	}
}
