package tuplesync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
)

func TestWhoIsReplacedEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		ended := make(chan error, 1)
		go func() { ended <- w.syncer.Run(w.Context(), compareEvery) }()
		synctest.Wait()
		writes := 0
		w.hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error {
			writes++
			return store.ErrReplaced
		}})
		given := assignment("given", "r0", "u0")
		w.put(given)
		answer := w.awaiting(given)
		if err := <-ended; !errors.Is(err, store.ErrReplaced) {
			t.Errorf("Run: %v, want that it was replaced", err)
		}
		w.sleep(aWhile)
		w.expectPending(answer)
		if writes != 1 {
			t.Errorf("it wrote %d times, want that it stops at the first", writes)
		}
		w.expectAvailable()
	})
}

func TestWhoIsReplacedBeforeTheFirstComparisonEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hook(storetest.Hooks{TakeOver: func(context.Context) error { return store.ErrReplaced }})
		ended := make(chan error, 1)
		go func() { ended <- w.syncer.Run(w.Context(), compareEvery) }()
		if err := <-ended; !errors.Is(err, store.ErrReplaced) {
			t.Errorf("Run: %v, want that it was replaced, so that somebody begins anew", err)
		}
	})
}

// A write that was given up has happened, and has replaced the fence: nothing is written until it is fenced again, and what
// else it has left is looked for at once.
func TestWhatWasGivenUpAndHasHappenedIsRepaired(t *testing.T) {
	inWorld(t, func(w *world) {
		given := assignment("given", "r0", "u0")
		w.put(given, assignment("kept", "r1", "u1"))
		w.start()
		w.fake.Plant(foreign("group:acme/late"))
		fenced := false
		expectCompared := func(atMost int) {
			t.Helper()
			w.note(func() {
				if w.compared == 0 || w.compared > atMost {
					t.Errorf("compared %d times, want at least once and at most %d times", w.compared, atMost)
				}
			})
		}
		w.hook(storetest.Hooks{
			Fence: func(context.Context) error {
				fenced = true
				return nil
			},
			Write: func(context.Context, []store.Tuple, []store.Key) error {
				if !fenced {
					return fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrStaleWrite)
				}
				return nil
			},
		})
		w.remove(given)
		w.sleep(aWhile)
		w.expectWhole()
		w.expectAvailable(false, true)
		expectCompared(1)
		w.sleep(2 * compareEvery)
		expectCompared(3) // at the interval again
	})
}

func TestAWriteThatIsNotAnsweredNeverHappensLater(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		var mu sync.Mutex
		var calls []string
		failing := true
		w.hook(storetest.Hooks{
			Fence: func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, "fence")
				if failing {
					return errDown
				}
				return nil
			},
			Write: func(context.Context, []store.Tuple, []store.Key) error {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, "write")
				if len(calls) == 1 {
					return errDown
				}
				return nil
			},
		})
		w.put(assignment("given", "r0", "u0"))
		w.sleep(aWhile)
		mu.Lock()
		if len(calls) < 3 || calls[0] != "write" || slices.Contains(calls[1:], "write") {
			t.Errorf("%v, want no other write before that is fenced", calls)
		}
		failing = false
		calls = calls[:1]
		mu.Unlock()
		w.sleep(aWhile)
		w.expectWhole()
		w.put(assignment("other", "r1", "u1"))
		synctest.Wait()
		w.expectWhole()
		if want := []string{"write", "fence", "write", "write"}; !slices.Equal(calls, want) {
			t.Errorf("%v, want %v", calls, want)
		}
	})
}
