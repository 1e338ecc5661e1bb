package tuplesync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// refusing are the hooks of a store that refuses every write with a tuple of this user in it.
func refusing(user string) storetest.Hooks {
	return storetest.Hooks{Write: func(_ context.Context, writes []store.Tuple, _ []store.Key) error {
		if slices.ContainsFunc(writes, func(tuple store.Tuple) bool { return strings.Contains(tuple.User, user) }) {
			return fmt.Errorf("%w: poison", store.ErrRefused)
		}
		return nil
	}}
}

// untilRetried is longer than a refused tuple rests.
const untilRetried = time.Minute

func TestARefusedTupleHoldsUpNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		block := newGate()
		hooks := refusing("u5@")
		refuse := hooks.Write
		hooks.Write = func(ctx context.Context, writes []store.Tuple, deletes []store.Key) error {
			<-block.opened
			return refuse(ctx, writes, deletes)
		}
		w.hook(hooks)
		answers := map[string]<-chan error{}
		for n := range 10 {
			given := assignment(fmt.Sprint("a", n), "r0", fmt.Sprint("u", n))
			w.put(given)
			answers[given.Name] = w.awaiting(given)
		}
		block.open()
		for name, answer := range answers {
			if err := <-answer; errors.Is(err, store.ErrRefused) != (name == "a5") || err != nil && name != "a5" {
				t.Errorf("%s: got %v", name, err)
			}
		}
		w.expectAvailable()
		if got, want := len(w.fake.Tuples()), len(w.wanted().tuples)+len(w.wanted().cells)-1; got != want {
			t.Errorf("the store has %d tuples, want all but the refused one: %d", got, want)
		}

		poisoned := assignment("a5", "r0", "u5")
		w.sleep(untilRetried)
		if err := <-w.awaiting(poisoned); !errors.Is(err, store.ErrRefused) || w.timesConfirmed(poisoned) != 0 {
			t.Errorf("while it is refused: %v, confirmed %d times", err, w.timesConfirmed(poisoned))
		}
		w.hook(storetest.Hooks{})
		w.sleep(untilRetried)
		w.expectWhole()
		if w.timesConfirmed(poisoned) != 1 {
			t.Errorf("confirmed %d times, want once", w.timesConfirmed(poisoned))
		}
		if err := <-w.awaiting(poisoned); err != nil {
			t.Errorf("in the end: %v", err)
		}
	})
}

// Somebody with the database's own tools may write what the store will neither read by itself nor delete.
func TestWhatCannotBeReadHoldsUpNoOther(t *testing.T) {
	for name, unreadable := range map[string]store.Tuple{
		"a tuple":     foreign("group:acme/unreadable"),
		"a condition": {Key: tuples.GrantCell("workspace:acme/unreadable", "user:a b").Place(0), Context: junk()},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				given := assignment("given", "r0", "u0")
				w.put(given)
				w.start()
				w.fake.Plant(foreignTuples(5)...)
				w.fake.Plant(unreadable)
				var reads atomic.Int64
				w.hook(storetest.Hooks{Get: func(_ context.Context, key store.Key) error {
					if key.Object == unreadable.Object {
						reads.Add(1)
						return fmt.Errorf("%w: a blank in the user", store.ErrRefused)
					}
					return nil
				}})
				w.sleep(2 * compareEvery)
				if found := w.fake.Tuples(); len(found) != len(w.wanted().tuples)+len(w.wanted().cells)+1 {
					t.Errorf("the store has %d tuples, want what is wanted and what can't be read: %v", len(found), found)
				}
				w.remove(given)
				if err := <-w.awaiting(given); err != nil {
					t.Errorf("a revocation: %v", err)
				}
				w.expectAvailable()
				if progress := w.syncer.Progress(); progress.Waiting != 1 || progress.Refused != 1 {
					t.Errorf("%d wait and %d are refused, want one that is both", progress.Waiting, progress.Refused)
				}
				before := reads.Load()
				w.sleep(untilRetried)
				if reads.Load() == before {
					t.Error("it was not tried again")
				}
				w.hook(storetest.Hooks{})
				w.sleep(untilRetried)
				w.put(assignment("other", "r0", "u1"))
				w.drain()
				w.expectWhole()
			})
		})
	}
}

func TestAStoreThatOnlyRefusesAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put(assignment("given", "r0", "u0"))
		w.start()
		w.fake.Plant(foreign("group:acme/unreadable"))
		w.hook(down())
		w.sleep(2 * compareEvery)
		w.hook(storetest.Hooks{Get: func(context.Context, store.Key) error { return store.ErrRefused }})
		w.sleep(aWhile)
		w.expectAvailable(false, true)
	})
}

func TestARefusedTupleThatNobodyWantsAnyMoreIsForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		w.hook(refusing("u5@"))
		poisoned := assignment("poisoned", "r0", "u5")
		w.put(poisoned)
		if err := <-w.awaiting(poisoned); !errors.Is(err, store.ErrRefused) {
			t.Fatalf("got %v, want it refused", err)
		}
		w.remove(poisoned) // at once, not with the next retry
		w.drain()
		if err := <-w.awaiting(poisoned); err != nil {
			t.Errorf("got %v", err)
		}
		w.expectWhole()
		recorder := w.record()
		w.sleep(untilRetried)
		if len(recorder.writes) > 0 {
			t.Errorf("still tried: %v", recorder.writes)
		}
	})
}

func TestARefusedContextIsReplacedWhenItsRoleIs(t *testing.T) {
	inWorld(t, func(w *world) {
		given := assignment("given", "r0", "u0")
		w.put(given)
		w.start()
		w.hook(storetest.Hooks{Write: func(_ context.Context, writes []store.Tuple, _ []store.Key) error {
			for _, tuple := range writes {
				if strings.Contains(text(tuple.Context), "P7") {
					return fmt.Errorf("%w: poison", store.ErrRefused)
				}
			}
			return nil
		}})
		role := build.Role("acme", "r0").Grants("P7").Obj()
		w.put(role)
		if err := <-w.awaiting(role); !errors.Is(err, store.ErrRefused) {
			t.Errorf("got %v, want it refused", err)
		}
		for key, context := range w.fake.Tuples() {
			if strings.Contains(text(context), "P0") {
				t.Errorf("%v still gives what the role no longer says", key)
			}
		}
		w.put(build.Role("acme", "r0").Grants("P6").Obj())
		w.drain()
		w.expectWhole()
		if w.timesConfirmed(role) != 1 {
			t.Errorf("confirmed %d times, want once", w.timesConfirmed(role))
		}
	})
}

// assigneeOf says that a user has a role at the organization.
func assigneeOf(role, user string) tuples.Cell {
	return tuples.Assignee("binding:organization/acme/"+role, "user:"+user+"@example.com")
}

// To the store, a tuple with a condition and one without are two facts under one key: writing the right
// one is refused until the wrong one is gone.
func TestATupleUnderAConditionThatItShouldNotHave(t *testing.T) {
	given := assignment("given", "r0", "u0")
	spoil := func(w *world) {
		spoilt := 0
		for key, context := range w.fake.Tuples() {
			if key.Relation == "assignee" && context == nil {
				w.fake.Plant(store.Tuple{Key: key, Context: &structpb.Struct{}})
				spoilt++
			}
		}
		if spoilt != 1 {
			w.Fatalf("%d tuples are spoilt, want one", spoilt)
		}
	}
	t.Run("is repaired at the start", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.state.Put(given.DeepCopy())
			w.fake.Plant(store.Tuple{Key: assigneeOf("r0", "u0").Place(0)})
			spoil(w)
			w.start()
			w.expectWhole()
		})
	})
	t.Run("is repaired by a comparison", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.put(given)
			w.start()
			spoil(w)
			w.sleep(2 * compareEvery)
			w.expectWhole()
		})
	})
	t.Run("is repaired by a comparison after it was refused", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.put(given)
			w.start()
			spoil(w)
			another := assignment("another", "r1", "u0")
			w.fake.Plant(store.Tuple{Key: assigneeOf("r1", "u0").Place(0), Context: &structpb.Struct{}})
			w.put(another)
			if err := <-w.awaiting(another); !errors.Is(err, store.ErrRefused) {
				t.Errorf("got %v, want it refused", err)
			}
			w.sleep(2 * compareEvery)
			w.expectWhole()
			if w.timesConfirmed(another) != 1 {
				t.Errorf("confirmed %d times, want once", w.timesConfirmed(another))
			}
		})
	})
}
