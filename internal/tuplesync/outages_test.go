package tuplesync_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var errDown = fmt.Errorf("reaching the store: %w", store.ErrUnavailable)

// down are the hooks of a store that does not answer.
func down() storetest.Hooks {
	fail := func(context.Context) error { return errDown }
	return storetest.Hooks{
		Write:       func(context.Context, []store.Tuple, []store.Key) error { return errDown },
		Get:         func(context.Context, store.Key) error { return errDown },
		Walk:        fail,
		AwaitChecks: fail,
	}
}

// aWhile is longer than the syncer leaves a store alone that did not answer.
const aWhile = 10 * time.Second

func TestAWriteThatIsNotAnsweredIsRepeated(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		w.hook(down())
		given := assignment("given", "r0", "u0")
		w.put(given)
		if err := <-w.awaiting(given); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("during the outage: %v", err)
		}
		w.sleep(aWhile)
		other := assignment("other", "r0", "u1")
		w.put(other)
		if err := <-w.awaiting(other); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("whoever comes during the outage: %v", err)
		}
		untouched := assignment("untouched", "r1", "u1")
		if err := <-w.awaiting(untouched); err != nil {
			t.Errorf("whoever waits for nothing: %v", err)
		}
		w.expectAvailable(false)
		if w.timesConfirmed(given) != 0 {
			t.Error("confirmed while the store does not answer")
		}
		w.hook(storetest.Hooks{})
		w.sleep(aWhile)
		w.expectWhole()
		w.expectAvailable(false, true)
		if w.timesConfirmed(given) != 1 || w.timesConfirmed(other) != 1 || w.timesConfirmed(untouched) != 0 {
			t.Errorf("confirmed %v, want each once that was told of the outage", w.confirmed)
		}
		if err := <-w.awaiting(given); err != nil {
			t.Errorf("after the outage: %v", err)
		}
		w.put(assignment("given", "r1", "u0"))
		synctest.Wait()
		if w.timesConfirmed(given) != 1 {
			t.Error("confirmed again, though nobody was told of another outage")
		}
	})
}

func TestThoseWhoWaitLearnOfAnOutage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		block := newGate()
		w.hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error {
			<-block.opened
			return errDown
		}})
		given := assignment("given", "r0", "u0")
		w.put(given)
		first, second := w.awaiting(given), w.awaiting(given)
		w.expectPending(first)
		w.expectPending(second)
		block.open()
		for _, answer := range []<-chan error{first, second} {
			if err := <-answer; !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		w.hook(storetest.Hooks{})
		w.sleep(aWhile)
		if w.timesConfirmed(given) != 1 {
			t.Errorf("confirmed %d times, want once", w.timesConfirmed(given))
		}
	})
}

func TestWhoeverWasNotToldOfAnOutageIsNotToldOfItsEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		given := assignment("given", "r0", "u0")
		w.put(given)
		if err := <-w.awaiting(given); err != nil {
			t.Error(err)
		}
		w.expectWhole()
		w.expectAvailable()
		if len(w.confirmed) != 0 {
			t.Errorf("confirmed %v to those who have their answer", w.confirmed)
		}
	})
}

// lost makes a store lose the answers to so many writes that have happened.
func lost(answers int) storetest.Hooks {
	return storetest.Hooks{Written: func(context.Context, []store.Tuple, []store.Key) error {
		if answers > 0 {
			answers--
			return errDown
		}
		return nil
	}}
}

func TestAWriteWhoseAnswerIsLostIsMadeAgainWithoutHarm(t *testing.T) {
	for _, answers := range []int{1, 2, 5} {
		inWorld(t, func(w *world) {
			w.start()
			w.hook(lost(answers))
			given, granted := assignment("given", "r0", "u0"), grant("granted", "u0", "P0")
			w.put(given, granted)
			w.sleep(time.Minute)
			w.expectWhole()
			if w.timesConfirmed(given) > 1 {
				t.Error("confirmed twice")
			}
			w.hook(lost(answers))
			w.put(build.Role("acme", "r0").Grants("P2", "P3").Obj(), grant("granted", "u0", "P1"))
			w.sleep(time.Minute)
			w.expectWhole()
			w.hook(lost(answers))
			w.remove(given)
			w.remove(granted)
			w.sleep(time.Minute)
			w.expectWhole()
		})
	}
}

func TestAStoreThatIsNotThereAtTheStart(t *testing.T) {
	for name, prevent := range map[string]func(*world) (mend func()){
		"is connected to later": func(w *world) func() {
			var reachable atomic.Bool
			w.connect = func(context.Context) (store.Store, error) {
				if !reachable.Load() {
					return nil, errDown
				}
				return w.fake, nil
			}
			return func() { reachable.Store(true) }
		},
		"is read later": func(w *world) func() {
			w.hook(down())
			return func() { w.hook(storetest.Hooks{}) }
		},
		"is read whole when it breaks off": func(w *world) func() {
			w.fake.Plant(foreign("group:acme/a"), foreign("group:acme/b"), foreign("group:acme/c"))
			visits := 0
			w.hook(storetest.Hooks{Visit: func(context.Context) error {
				if visits++; visits%3 == 0 {
					return errDown
				}
				return nil
			}})
			return func() { w.hook(storetest.Hooks{}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				given := assignment("given", "r0", "u0")
				w.state.Put(given.DeepCopy())
				mend := prevent(w)
				early := w.awaiting(given)
				w.expectPending(early)
				w.start()
				if err := <-early; !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("who has waited: %v", err)
				}
				w.sleep(aWhile)
				if err := <-w.awaiting(given); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("who comes now: %v", err)
				}
				if w.syncer.InSync() || len(w.confirmed) > 0 {
					t.Errorf("in sync: %t, confirmed: %v, with a store that was never read", w.syncer.InSync(), w.confirmed)
				}
				mend()
				w.sleep(aWhile)
				w.expectWhole()
				w.expectAvailable(false, true)
				if !w.syncer.InSync() || w.timesConfirmed(given) != 1 {
					t.Errorf("in sync: %t, confirmed: %v", w.syncer.InSync(), w.confirmed)
				}
			})
		})
	}
}

func TestTheStoreIsInSyncOnlyAfterTheFirstRepair(t *testing.T) {
	inWorld(t, func(w *world) {
		given := assignment("given", "r0", "u0")
		w.state.Put(given.DeepCopy())
		w.fake.Plant(foreign("group:acme/ended"))
		block := newGate()
		w.hook(storetest.Hooks{Write: block.pass})
		early := w.awaiting(given)
		w.start()
		if w.syncer.InSync() {
			t.Error("in sync before anything was repaired")
		}
		w.expectPending(early)
		block.open()
		synctest.Wait()
		if !w.syncer.InSync() {
			t.Error("not in sync after the repair")
		}
		if err := <-early; err != nil {
			t.Error(err)
		}
		w.expectWhole()
		w.hook(down())
		w.put(assignment("later", "r0", "u1"))
		w.sleep(aWhile)
		if !w.syncer.InSync() {
			t.Error("an outage takes away that the store was in sync once")
		}
	})
}

func TestTheStoreIsNotInSyncWhileACellHoldsMoreThanItShould(t *testing.T) {
	inWorld(t, func(w *world) {
		w.state.Put(grant("granted", "u0", "P0"))
		w.fill(w.grantCell(), junk())
		block := newGate()
		w.hook(storetest.Hooks{AwaitChecks: func(ctx context.Context) error { return block.pass(ctx, nil, nil) }})
		w.start()
		if w.syncer.InSync() {
			t.Error("in sync, with permissions in the store that nobody has")
		}
		block.open()
		synctest.Wait()
		if !w.syncer.InSync() {
			t.Error("not in sync after the repair")
		}
		w.expectWhole()
	})
}

// foreign is a tuple that no object wants.
func foreign(object string) store.Tuple {
	return store.Tuple{Key: store.Key{Object: object, Relation: "member", User: "user:mallory"}}
}

func TestAStoreThatFailsNowAndThenIsNotLeftAloneForLongerEachTime(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		var asked atomic.Int64
		w.hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error {
			if asked.Add(1)%2 == 1 {
				return errDown
			}
			return nil
		}})
		const writes = 20
		w.put(wide(2 + writes*store.MaxTuplesPerWrite))
		w.sleep(aWhile / 2)
		w.expectWhole()
		if got := asked.Load(); got != 2*writes {
			t.Errorf("it wrote %d times, want that each of %d writes failed once", got, writes)
		}
	})
}
