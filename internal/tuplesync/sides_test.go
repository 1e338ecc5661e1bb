package tuplesync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// decisions are made all the time about P0 for a user at the organization. Each reads the two sides one
// after the other, in either order and with time between, as a store's decisions do that are no snapshots.
type decisions struct {
	*world
	cell   tuples.Cell
	choose func(n int) int

	mu       sync.Mutex
	inFlight map[chan struct{}]struct{}
	made     int
	denied   int
}

func (w *world) decide(random *rand.Rand, stop <-chan struct{}) *decisions {
	d := &decisions{
		world: w, cell: tuples.GrantCell("organization:acme", "user:u0@example.com"),
		choose: serialized(random), inFlight: map[chan struct{}]struct{}{},
	}
	for range 5 {
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(d.choose(5)) * time.Millisecond):
					d.one()
				}
			}
		}()
	}
	return d
}

func (d *decisions) one() {
	done := make(chan struct{})
	d.mu.Lock()
	d.inFlight[done] = struct{}{}
	d.mu.Unlock()
	defer close(done)

	first := d.choose(2)
	allowed := d.says(first)
	<-time.After(time.Duration(d.choose(30)) * time.Millisecond)
	allowed = d.says(1-first) || allowed

	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.inFlight, done)
	d.made++
	if !allowed {
		d.denied++
	}
}

// says whether a side gives P0.
func (d *decisions) says(side int) bool {
	context, there := d.fake.Tuples()[d.cell.Place(side)]
	return there && strings.Contains(text(context), "P0")
}

// await is what a store does that knows its decisions.
func (d *decisions) await(context.Context) error {
	d.mu.Lock()
	var now []chan struct{}
	for done := range d.inFlight {
		now = append(now, done)
	}
	d.mu.Unlock()
	for _, done := range now {
		<-done
	}
	return nil
}

// deniedWhileSwitching changes what a user is granted again and again, but for P0, and counts the decisions
// about P0 that were wrong.
func deniedWhileSwitching(t *testing.T, seed uint64, hooksOf func(*decisions) storetest.Hooks) (denied int) {
	t.Helper()
	inWorld(t, func(w *world) {
		random := rand.New(rand.NewPCG(seed, seed))
		w.put(grant("kept", "u0", "P0"))
		w.start()
		stop := make(chan struct{})
		decisions := w.decide(rand.New(rand.NewPCG(seed, 1)), stop)
		w.hook(hooksOf(decisions))
		for range 80 {
			changing := grant(fmt.Sprint("g", random.IntN(3)), "u0", fmt.Sprint("P", 1+random.IntN(6)))
			if random.IntN(3) == 0 {
				w.remove(changing)
			} else {
				w.put(changing)
			}
			w.pause(random, 60*time.Millisecond)
		}
		w.hook(storetest.Hooks{AwaitChecks: decisions.await})
		w.sleep(time.Second)
		close(stop)
		w.drain()
		w.sleep(time.Minute)
		w.expectWhole()
		if decisions.made < 500 {
			t.Errorf("only %d decisions were made", decisions.made)
		}
		denied = decisions.denied
	})
	return denied
}

func TestSwitchingSidesNeverDeniesWhatBothSay(t *testing.T) {
	for seed := range seeds.Of(t, 6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			denied := deniedWhileSwitching(t, seed, func(d *decisions) storetest.Hooks {
				return storetest.Hooks{AwaitChecks: d.await}
			})
			if denied > 0 {
				t.Errorf("%d decisions denied what was granted all the time", denied)
			}
		})
	}
}

func TestSwitchingSidesNeverDeniesWhatBothSayOnAStoreThatFails(t *testing.T) {
	for seed := range seeds.Of(t, 6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			denied := deniedWhileSwitching(t, seed, func(d *decisions) storetest.Hooks {
				hooks := faulty(rand.New(rand.NewPCG(seed, 2)), func([]store.Tuple, []store.Key) {})
				fail := hooks.AwaitChecks
				hooks.AwaitChecks = func(ctx context.Context) error {
					if err := fail(ctx); err != nil {
						return err
					}
					return d.await(ctx)
				}
				return hooks
			})
			if denied > 0 {
				t.Errorf("%d decisions denied what was granted all the time", denied)
			}
		})
	}
}

// Without the wait, the two tests above would not pass: they do test it.
func TestSwitchingSidesNeedsTheWaitForDecisions(t *testing.T) {
	denied := deniedWhileSwitching(t, 0, func(*decisions) storetest.Hooks { return storetest.Hooks{} })
	if denied == 0 {
		t.Error("no decision was wrong although nobody waited: the decisions of this test are not what they should be")
	}
}

func TestWhatIsTakenFromAMergedGrantEndsAfterTheWait(t *testing.T) {
	inWorld(t, func(w *world) {
		taken := grant("taken", "u0", "P1")
		w.put(grant("kept", "u0", "P0"), taken)
		w.start()
		block := newGate()
		w.hook(storetest.Hooks{AwaitChecks: func(ctx context.Context) error { return block.pass(ctx, nil, nil) }})
		w.remove(taken)
		removed := w.awaiting(taken)
		w.expectPending(removed)
		other := assignment("other", "r0", "u1")
		w.put(other)
		if err := <-w.awaiting(other); err != nil {
			t.Errorf("another object, during the wait: %v", err)
		}
		block.open()
		if err := <-removed; err != nil {
			t.Error(err)
		}
		w.expectWhole()
	})
}

// A grant that changes again during each wait: what a wait was for has gone before the next one begins, and what
// is granted all the time never goes.
func TestWhatIsTakenAwayEndsAfterOneWaitHoweverOftenThingsChange(t *testing.T) {
	for name, loses := range map[string]bool{"answers are lost": true, "all is answered": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				changing := func(n int) *v1alpha1.PermissionGrant { return grant("changing", "u0", fmt.Sprint("P", n)) }
				w.put(grant("kept", "u0", "P0"), changing(1))
				w.start()
				cell := w.grantCell()
				says := func(permission string) (sides int) {
					for n := range cell.Places() {
						if strings.Contains(text(w.fake.Tuples()[cell.Place(n)]), permission) {
							sides++
						}
					}
					return sides
				}
				const last = 7
				waits := 0
				w.hook(storetest.Hooks{
					AwaitChecks: func(context.Context) error {
						if waits++; waits > 1 && says(fmt.Sprint("P", waits-1)) > 0 {
							t.Errorf("wait %d begins, and P%d is still there", waits, waits-1)
						}
						if waits+2 <= last {
							w.put(changing(waits + 2))
						}
						return nil
					},
					Written: func(context.Context, []store.Tuple, []store.Key) error {
						if says("P0") == 0 {
							t.Error("no side gives what is granted all the time")
						}
						if loses {
							return errDown
						}
						return nil
					},
				})
				w.put(changing(2))
				w.sleep(time.Minute)
				w.expectWhole()
				if waits != last-1 {
					t.Errorf("waited %d times, want once for each of %d changes", waits, last-1)
				}
			})
		})
	}
}

// After a restart nobody knows which side came first.
func TestTwoSidesThatNobodyWantsAreReplacedOneAfterTheOther(t *testing.T) {
	for first := range 2 {
		inWorld(t, func(w *world) {
			w.put(grant("granted", "u0", "P0"))
			cell := w.grantCell()
			wanted := w.state.Contexts(cell)[0]
			for n, permission := range []string{"P1", "P2"} {
				w.put(grant("granted", "u0", "P0", permission))
				w.fake.Plant(store.Tuple{Key: cell.Place((first + n) % 2), Context: w.state.Contexts(cell)[0]})
			}
			w.put(grant("granted", "u0", "P0"))
			var events []string
			w.hook(storetest.Hooks{
				AwaitChecks: func(context.Context) error {
					events = append(events, "wait")
					return nil
				},
				Written: func(_ context.Context, writes []store.Tuple, deletes []store.Key) error {
					for _, tuple := range writes {
						if tuple.Object == cell.Object && text(tuple.Context) == text(wanted) {
							events = append(events, "write")
						}
					}
					for range deletes {
						events = append(events, "delete")
					}
					return nil
				},
			})
			w.start()
			w.expectWhole()
			if want := []string{"wait", "delete", "write", "wait", "delete"}; !slices.Equal(events, want) {
				t.Errorf("the store saw %v, want %v", events, want)
			}
		})
	}
}

func TestTheOnlyGrantOfASubjectEndsAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put(assignment("kept", "r0", "u0"))
		only := grant("only", "u0", "P0", "P1")
		w.put(only)
		w.start()
		w.hook(storetest.Hooks{AwaitChecks: func(context.Context) error {
			t.Error("waited for decisions")
			return nil
		}})
		w.remove(only)
		if err := <-w.awaiting(only); err != nil {
			t.Error(err)
		}
		w.expectWhole()
	})
}

// A cell of two sides that changes while it waits gives up one side to write the other anew. If the answer
// to that write is lost, the wait that was before it says nothing about what it wrote.
func TestAWriteWhoseAnswerIsLostIsWaitedForToo(t *testing.T) {
	inWorld(t, func(w *world) {
		changing := func(permission string) *v1alpha1.PermissionGrant { return grant("changing", "u0", permission) }
		w.put(grant("kept", "u0", "P0"), changing("P1"))
		w.start()
		var events []string
		waits, lose := 0, false
		w.hook(storetest.Hooks{
			AwaitChecks: func(context.Context) error {
				events = append(events, "wait")
				if waits++; waits == 1 {
					w.put(changing("P3"))
					lose = true
				}
				return nil
			},
			Written: func(_ context.Context, writes []store.Tuple, deletes []store.Key) error {
				for range writes {
					events = append(events, "write")
				}
				for range deletes {
					events = append(events, "delete")
				}
				if lose && len(writes) > 0 {
					lose = false
					return errDown
				}
				return nil
			},
		})
		w.put(changing("P2"))
		w.sleep(time.Minute)
		w.expectWhole()
		want := []string{"write", "wait", "delete", "write", "wait", "delete"}
		if !slices.Equal(events, want) {
			t.Errorf("the store saw %v, want %v", events, want)
		}
	})
}
