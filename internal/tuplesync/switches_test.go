package tuplesync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// history is what a cell has ever been wanted to hold, and where in it the store is.
type history struct {
	revisions [][]string
	at        int
}

// histories watches the store: after each write, every cell holds one whole revision, never an older one
// than before.
type histories struct {
	*world
	cells map[tuples.Cell]*history
	// switches counts the writes that put one revision in the place of another.
	switches int
}

// revise puts a role, and remembers what the cells are wanted to hold now before anyone can write it.
func (h *histories) revise(role *v1alpha1.Role) {
	var change state.Change
	h.note(func() {
		change = h.state.Put(role)
		for _, cell := range h.state.DesiredCells() {
			if h.cells[cell] == nil {
				h.cells[cell] = &history{revisions: [][]string{nil}} // nothing, before it was wanted
			}
		}
		for cell, past := range h.cells {
			past.revisions = append(past.revisions, textsOf(h.state.Contexts(cell)))
		}
	})
	h.syncer.MarkDirty(kinds.RefOf(role), change)
}

func (h *histories) check(writes []store.Tuple, deletes []store.Key) {
	h.note(func() {
		content := contentOf(h.fake.Tuples())
		for cell, past := range h.cells {
			rest := past.revisions[past.at:]
			next := slices.IndexFunc(rest, func(revision []string) bool { return slices.Equal(revision, content.cells[cell]) })
			if next < 0 {
				h.Errorf("%v holds %d contexts that are no revision, after a write of %d and %d tuples",
					cell, len(content.cells[cell]), len(writes), len(deletes))
				continue
			}
			if next > 0 && len(rest[0]) > 0 && len(rest[next]) > 0 {
				h.switches++
			}
			past.at += next
		}
	})
}

// revision is a role of up to four contexts, some of which stay from one revision to the next.
func revision(random *rand.Rand, name string) *v1alpha1.Role {
	role := build.Role("acme", name).Obj()
	for n := range 4 {
		if variant := random.IntN(4); variant > 0 {
			role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, bulky(fmt.Sprint("P", n), variant))
		}
	}
	return role
}

func TestARoleIsSwitchedInOneWriteWhateverHappens(t *testing.T) {
	for seed := range seeds.Of(t, 4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			inWorld(t, func(w *world) {
				random := rand.New(rand.NewPCG(seed, seed))
				w.put(revision(random, "r0"), revision(random, "r1"))
				w.put(assignment("a0", "r0", "u0"), assignment("a1", "r1", "u0"))
				w.put(build.RoleAssignment("acme", "a2").Gives("r0").ToUser("u1").InWorkspace("w0").Obj())
				w.start()
				w.expectWhole()
				watched := &histories{world: w, cells: map[tuples.Cell]*history{}}
				for _, cell := range w.state.DesiredCells() {
					watched.cells[cell] = &history{revisions: [][]string{textsOf(w.state.Contexts(cell))}} // it is in the store
				}
				w.hook(faulty(rand.New(rand.NewPCG(seed, 1)), watched.check))
				for range 50 {
					watched.revise(revision(random, fmt.Sprint("r", random.IntN(2))))
					w.pause(random, time.Second)
				}
				w.hook(storetest.Hooks{Written: func(_ context.Context, writes []store.Tuple, deletes []store.Key) error {
					watched.check(writes, deletes)
					return nil
				}})
				w.sleep(time.Minute)
				w.expectWhole()
				if watched.switches < 10 {
					t.Errorf("%d revisions were switched, too few to test anything", watched.switches)
				}
			})
		})
	}
}

// pause lets a random time pass.
func (w *world) pause(random *rand.Rand, most time.Duration) {
	<-time.After(time.Duration(random.Int64N(int64(most))))
}

// faulty is a slow store that sometimes does not answer, before it has written or after.
func faulty(random *rand.Rand, written func([]store.Tuple, []store.Key)) storetest.Hooks {
	choose := serialized(random)
	slow := func() error {
		<-time.After(time.Duration(choose(20)) * time.Millisecond)
		if choose(15) == 0 {
			return errDown
		}
		return nil
	}
	return storetest.Hooks{
		Write: func(context.Context, []store.Tuple, []store.Key) error { return slow() },
		Written: func(_ context.Context, writes []store.Tuple, deletes []store.Key) error {
			written(writes, deletes)
			return slow()
		},
		Get:         func(context.Context, store.Key) error { return slow() },
		Visit:       func(context.Context) error { return slow() },
		AwaitChecks: func(context.Context) error { return slow() },
	}
}

// serialized lets several goroutines choose, each in its turn.
func serialized(random *rand.Rand) func(n int) int {
	turn := make(chan struct{}, 1)
	return func(n int) int {
		turn <- struct{}{}
		defer func() { <-turn }()
		return random.IntN(n)
	}
}

func TestASwitchWritesOnlyWhatIsNew(t *testing.T) {
	inWorld(t, func(w *world) {
		role := build.Role("acme", "r0").Obj()
		role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, bulky("P0", 1), bulky("P1", 1), bulky("P2", 1), bulky("P3", 1))
		w.put(role, assignment("a0", "r0", "u0"))
		w.start()
		recorder := w.record()
		role.Spec.PermissionGrants[2] = bulky("P2", 2)
		w.put(role)
		w.drain()
		w.expectWhole()
		if len(recorder.writes) != 1 || len(recorder.writes[0].writes) != 1 || len(recorder.writes[0].deletes) != 1 {
			t.Errorf("got %d writes, want one that replaces one of four contexts", len(recorder.writes))
		}
	})
}

func TestAnUnchangedRoleIsNotWritten(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put(assignment("a0", "r0", "u0"))
		w.start()
		recorder := w.record()
		renamed := build.Role("acme", "r0").Grants("P0").Titled("Another title").Describes("another text").Obj()
		w.put(renamed)
		if err := <-w.awaiting(renamed); err != nil {
			t.Error(err)
		}
		if len(recorder.writes)+len(recorder.gets) > 0 {
			t.Errorf("%d writes and %d gets for a change that the store does not see", len(recorder.writes), len(recorder.gets))
		}
	})
}
