package tuplesync_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
)

// untilEnded is a call that lasts until its context has ended, as reads of a real store do.
func untilEnded(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
}

func TestRunEndsAtOnceWhateverItIsDoing(t *testing.T) {
	for name, occupy := range map[string]func(*world){
		"nothing": func(w *world) { w.start() },
		"connecting": func(w *world) {
			w.connect = func(ctx context.Context) (store.Store, error) { return nil, untilEnded(ctx) }
			w.start()
		},
		"waiting to connect again": func(w *world) {
			w.connect = func(context.Context) (store.Store, error) { return nil, errDown }
			w.start()
			w.sleep(aWhile)
		},
		"comparing first": func(w *world) {
			w.hook(storetest.Hooks{Walk: untilEnded})
			w.start()
		},
		"comparing later": func(w *world) {
			w.start()
			w.hook(storetest.Hooks{Walk: untilEnded})
			w.sleep(2 * compareEvery)
		},
		"reading what is in doubt": func(w *world) {
			w.start()
			w.hook(lost(1))
			w.put(assignment("a0", "r0", "u0"))
			synctest.Wait()
			w.hook(storetest.Hooks{Get: func(ctx context.Context, _ store.Key) error { return untilEnded(ctx) }})
			w.sleep(aWhile)
		},
		"waiting to write again": func(w *world) {
			w.start()
			w.hook(down())
			w.put(assignment("a0", "r0", "u0"))
			w.sleep(aWhile)
		},
		"waiting for decisions": func(w *world) {
			w.put(grant("g0", "u0", "P0"))
			w.start()
			w.hook(storetest.Hooks{AwaitChecks: untilEnded})
			w.put(grant("g0", "u0", "P1"))
			synctest.Wait()
		},
		"waiting to write what was refused": func(w *world) {
			w.start()
			w.hook(refusing("u5@"))
			w.put(assignment("a0", "r0", "u5"))
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				occupy(w)
				stopped := time.Now()
				w.stop()
				<-w.ended
				if took := time.Since(stopped); took > 0 { // by the clock of the bubble
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestAWriteThatHasBegunIsNotCutOff(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		block := newGate()
		w.hook(storetest.Hooks{Write: func(ctx context.Context, _ []store.Tuple, _ []store.Key) error {
			<-block.opened
			return ctx.Err()
		}})
		given := assignment("given", "r0", "u0")
		w.put(given)
		answer := w.awaiting(given)
		w.stop()
		synctest.Wait()
		select {
		case <-w.ended:
			t.Error("Run has returned during a write")
		default:
		}
		block.open()
		<-w.ended
		if err := <-answer; err != nil {
			t.Errorf("who waited for it: %v", err)
		}
		w.expectWhole()
	})
}

func TestNobodyWaitsLongerThanTheyWant(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		block := newGate()
		defer block.open()
		w.hook(storetest.Hooks{Write: block.pass})
		given := assignment("given", "r0", "u0")
		w.put(given)
		ctx, cancel := context.WithCancelCause(w.Context())
		cancel(errors.New("enough"))
		if err := w.syncer.Await(ctx, kinds.RefOf(given)); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want an error that does not blame the store", err)
		}
	})
}

// A store may be closed as soon as Run has returned.
func TestTheStoreIsLeftAloneOnceRunHasReturned(t *testing.T) {
	for name, occupy := range map[string]func(w *world, slow func(context.Context) error){
		"while comparing": func(w *world, slow func(context.Context) error) {
			w.hook(storetest.Hooks{Visit: slow})
			w.sleep(2 * compareEvery)
		},
		"while waiting for decisions": func(w *world, slow func(context.Context) error) {
			w.hook(storetest.Hooks{AwaitChecks: slow})
			w.put(grant("g0", "u0", "P1"))
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.put(grant("g0", "u0", "P0"))
				w.start()
				calls := 0
				// A call that takes its time to see that its context has ended.
				occupy(w, func(context.Context) error {
					calls++
					<-time.After(4 * compareEvery)
					return nil
				})
				if calls == 0 {
					t.Fatal("nothing was under way")
				}
				w.stop()
				<-w.ended
				if err := w.fake.Close(); err != nil {
					t.Error(err)
				}
				w.sleep(10 * compareEvery)
			})
		})
	}
}
