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

// retryRefused is how often an item that the store refuses is tried again. A refusal should never happen; when it does, it must
// not keep the others waiting.
const retryRefused = 30 * time.Second

// coalesceFor is the least time from the beginning of a write to that of the next one while several objects are being changed:
// a transaction costs much more than what is in it. A change that comes alone is written at once.
const coalesceFor = 50 * time.Millisecond

// backoff bounds retries while the store is unavailable. It caps at 1s because revocations wait on it.
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
			s.requeueRefused()
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
	for s.coalesce(ctx) {
		if s.inDoubt {
			if err := s.store.Fence(ctx); err != nil {
				return fmt.Errorf("ending a write that was not answered: %w", err)
			}
			s.inDoubt = false
			s.progress.Add(1)
			if s.resyncNeeded {
				s.resyncNeeded = false
				signal(s.resync)
			}
		}
		batch, several, err := s.nextBatch(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			s.noteInSync()
			return nil
		}
		s.last.began, s.last.coalesces = time.Now(), several
		if err := s.write(ctx, batch); err != nil {
			return err
		}
		s.available()
	}
	return nil
}

// coalesce waits until the next write may begin. It returns false when ctx has ended.
func (s *Syncer) coalesce(ctx context.Context) bool {
	s.mu.Lock()
	waiting := s.queue.length
	s.mu.Unlock()
	remaining := coalesceFor - time.Since(s.last.began)
	if remaining <= 0 || !s.last.coalesces || waiting == 0 || waiting >= store.MaxTuplesPerWrite {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(remaining)
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
			s.backOff(plan{item: it, drift: known.drift}, err)
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
		w.unknown, w.drained, w.older, w.drift = true, false, p.older, p.drift
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
		s.addEvent(batch, "a write to the store begins", attribute.Int("bailiwick.tuples", len(writes)+len(deletes)))
		began := time.Now()
		// A shutdown does not cut a write in half; the store's own deadline ends it.
		err := s.store.Write(context.WithoutCancel(ctx), writes, deletes)
		s.observe(err)
		observeWrite(len(writes)+len(deletes), time.Since(began), err)
		s.addEvent(batch, "the store answers", attribute.Bool("bailiwick.failed", err != nil))
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
			s.backOff(batch[0], err)
			return nil
		case err != nil:
			return s.putBack(batch, err)
		}
	}
	s.done(batch)
	return nil
}

// observe notes what the answer to a write says about earlier ones and about itself.
func (s *Syncer) observe(err error) {
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
		w.unknown, w.older, w.drift = false, p.older, ""
		if p.drift != "" {
			driftRepaired.WithLabelValues(p.drift).Inc()
		}
		w.expected = w.expected || p.again // what is missing until then, we have taken away
		if w.version == p.version {
			w.verify = false // otherwise it may be newer than the plan
		}
		if len(p.writes) > 0 {
			w.drained = false
		}
		if p.drain {
			s.draining = append(s.draining, p.item)
			continue
		}
		if p.again || w.version != p.version {
			s.queue.add(p.item)
			continue
		}
		confirmed = append(confirmed, s.complete(p.item, w)...)
	}
	draining := len(s.draining) > 0
	s.mu.Unlock()
	if draining {
		signal(s.drain)
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
	s.observe(err)
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

// backOff sets an item aside that the store will not take, or not even read.
func (s *Syncer) backOff(p plan, err error) {
	s.mu.Lock()
	w := s.items[p.item]
	if !w.rejected {
		w.rejected = true
		s.rejected++
	}
	w.unknown, w.backingOff, w.drift = true, true, p.drift
	for cause := range w.causes {
		s.refused[cause] = err
		s.fail(cause, err)
	}
	s.mu.Unlock()
	s.log.Error(err, "the store refused a fact; it will be tried again", "object", p.item.key.Object+p.item.cell.Object)
}

// requeueRefused puts the items back into the queue that had been set aside.
func (s *Syncer) requeueRefused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for it, w := range s.items {
		s.requeue(it, w)
	}
}

// noteInSync notes that the queue was empty: from the first time on, the store holds what the cluster says.
func (s *Syncer) noteInSync() {
	s.mu.Lock()
	if s.inSync || s.underWay() {
		s.mu.Unlock()
		return
	}
	s.inSync = true
	var confirmed []kinds.Ref
	for _, ref := range slices.Concat(slices.Collect(maps.Keys(s.waiting)), slices.Collect(maps.Keys(s.notified))) {
		if s.pending[ref] == 0 && s.notify(ref) {
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
		if !w.backingOff {
			return true
		}
	}
	return false
}

// awaitDecisions drains cells: it waits until the decisions that were being made when they were written have ended, for all that
// wait together, until ctx ends.
func (s *Syncer) awaitDecisions(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.drain:
		}
		s.mu.Lock()
		draining := s.draining
		s.draining = nil
		s.mu.Unlock()
		if s.retrying(ctx, waiting, s.store.AwaitChecks) != nil {
			return
		}
		s.mu.Lock()
		for _, it := range draining {
			s.items[it].drained = true
		}
		s.queue.add(draining...)
		s.mu.Unlock()
		signal(s.wake)
	}
}
