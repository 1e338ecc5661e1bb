package tuplesync_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// wide is an organization with so many workspaces, each of which is a tuple.
func wide(workspaces int) client.Object {
	organization := build.Organization("acme")
	for n := range workspaces {
		organization.Workspace(fmt.Sprint("w", n))
	}
	return organization.Obj()
}

func TestAWriteHasAsManyTuplesAsTheStoreTakesAndNotMore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		recorder := w.record()
		w.put(wide(252)) // 2 are there
		w.drain()
		w.expectWhole()
		w.put(wide(2))
		w.drain()
		w.expectWhole()
		var sizes []int
		for _, write := range recorder.writes {
			sizes = append(sizes, write.size())
		}
		const most = store.MaxTuplesPerWrite
		if want := []int{most, most, 250 - 2*most, most, most, 250 - 2*most}; !slices.Equal(sizes, want) {
			t.Errorf("the writes have %v tuples, want %v", sizes, want)
		}
	})
}

func TestAWriteHasAsManyBytesAsTheStoreTakesAndNotMore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put(wide(20))
		w.start()
		role := build.Role("acme", "large").Obj()
		for n := range 4 {
			role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, bulky(fmt.Sprint("P", n), 0))
		}
		w.put(role)
		recorder := w.record()
		block := newGate()
		hooks := recorder.hooks()
		hooks.Write = block.pass
		w.hook(hooks)
		for n := range 20 {
			w.put(build.RoleAssignment("acme", fmt.Sprint("a", n)).Gives("large").ToUser("u0").InWorkspace(fmt.Sprint("w", n)).Obj())
		}
		block.open()
		w.drain()
		w.expectWhole()
		total := 0
		for _, write := range recorder.writes {
			total += write.bytes()
			if write.bytes() > store.MaxWriteBytes {
				t.Errorf("a write has %d bytes of contexts, and the store takes %d", write.bytes(), store.MaxWriteBytes)
			}
		}
		cell := total / 20
		perWrite := store.MaxWriteBytes / cell
		if perWrite < 2 || perWrite > 10 {
			t.Fatalf("%d cells fit into one write, so nothing is tested", perWrite)
		}
		// The first touch may have been on its way alone.
		if most := (20+perWrite-1)/perWrite + 1; len(recorder.writes) > most {
			t.Errorf("%d writes for 20 cells, of which %d fit into one", len(recorder.writes), perWrite)
		}
	})
}

func TestWhatIsTouchedDuringAWriteGoesTogether(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		recorder := w.record()
		block := newGate()
		hooks := recorder.hooks()
		hooks.Write = block.pass
		w.hook(hooks)
		w.put(assignment("first", "r0", "u0"))
		w.drain()
		for n := range 40 {
			w.put(assignment(fmt.Sprint("a", n), fmt.Sprint("r", n%2), fmt.Sprint("u", n%10)))
		}
		w.drain()
		block.open()
		w.drain()
		w.expectWhole()
		if len(recorder.writes) != 2 {
			t.Errorf("%d writes, want one for the first touch and one for all others", len(recorder.writes))
		}
	})
}

func TestWhatNobodyWantsAnyMoreIsNotWritten(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		recorder := w.record()
		block := newGate()
		hooks := recorder.hooks()
		hooks.Write = block.pass
		w.hook(hooks)
		w.put(assignment("first", "r0", "u0"))
		w.drain()
		brief := assignment("brief", "r1", "u1")
		w.put(brief)
		w.remove(brief)
		block.open()
		w.drain()
		w.expectWhole()
		for _, write := range recorder.writes[1:] {
			if len(write.writes) > 0 {
				t.Errorf("written although nobody wants it: %v", write.writes)
			}
		}
	})
}

func TestAChangeWhileItsTupleIsBeingWrittenIsSeen(t *testing.T) {
	for name, hooksOf := range map[string]func(gate) storetest.Hooks{
		"before the store has it": func(g gate) storetest.Hooks { return storetest.Hooks{Write: g.pass} },
		"after the store has it":  func(g gate) storetest.Hooks { return storetest.Hooks{Written: g.pass} },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.start()
				block := newGate()
				w.hook(hooksOf(block))
				given, kept := assignment("given", "r0", "u0"), assignment("kept", "r1", "u1")
				w.put(given, kept)
				w.drain()
				w.remove(given)
				removed, stays := w.awaiting(given), w.awaiting(kept)
				w.expectPending(removed)
				w.expectPending(stays)
				block.open()
				if err := <-removed; err != nil {
					t.Error(err)
				}
				w.expectWhole()
				if err := <-stays; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestOneWhoJoinsWaitsForWhatIsUnderWay(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		block := newGate()
		w.hook(storetest.Hooks{Write: block.pass})
		first, second := assignment("first", "r0", "u0"), assignment("second", "r0", "u0")
		w.put(first)
		w.drain()
		w.put(second) // the same tuples
		joined := w.awaiting(second)
		w.expectPending(joined)
		block.open()
		if err := <-joined; err != nil {
			t.Error(err)
		}
		w.expectWhole()
	})
}

func TestOneWhoJoinsWhatIsThereCostsNoWrite(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put(assignment("first", "r0", "u0"), grant("granted", "u0", "P0"))
		w.start()
		recorder := w.record()
		second, same := assignment("second", "r0", "u0"), grant("same", "u0", "P0")
		w.put(second, same)
		for _, object := range []client.Object{second, same} {
			if err := <-w.awaiting(object); err != nil {
				t.Error(err)
			}
		}
		w.remove(second)
		w.remove(same)
		w.drain()
		if len(recorder.writes)+len(recorder.gets) > 0 {
			t.Errorf("%d writes and %d gets for what is there already", len(recorder.writes), len(recorder.gets))
		}
	})
}

func TestWhatComesSoonAfterAWriteOfSeveralGoesTogether(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		recorder := w.record()
		// In one change, since the writer may be faster than a second one.
		var together []client.Object
		for n := range 4 {
			together = append(together, assignment(fmt.Sprint("together", n), fmt.Sprint("r", n%2), fmt.Sprint("u", n)))
		}
		w.syncer.MarkDirty(kinds.RefOf(together[0]), w.state.Put(together...))
		synctest.Wait()
		for n := range 4 {
			w.put(assignment(fmt.Sprint("later", n), "r0", fmt.Sprint("u", 4+n)))
			<-time.After(time.Millisecond)
		}
		w.drain()
		w.expectWhole()
		if len(recorder.writes) != 2 {
			t.Errorf("%d writes, want one for those that came together and one for all that came soon afterwards", len(recorder.writes))
		}
	})
}

// What ends beside other changes goes with the next write, 50 ms after theirs, also where nobody waits for it, since the object
// has been torn out without its finalizer.
func TestWhatNobodyWaitsForEndsWithTheNextWrite(t *testing.T) {
	inWorld(t, func(w *world) {
		torn := assignment("torn", "r0", "u0")
		w.put(torn)
		w.start()
		together := []client.Object{assignment("one", "r1", "u1"), assignment("two", "r1", "u2")}
		change := w.state.Put(together...)
		for _, object := range together {
			w.syncer.MarkDirty(kinds.RefOf(object), change)
		}
		synctest.Wait()
		before := len(w.fake.Tuples())
		w.remove(torn)
		w.sleep(49 * time.Millisecond)
		if there := len(w.fake.Tuples()); there != before {
			t.Errorf("the store has %d tuples, and had %d: the removal went by itself", there, before)
		}
		w.sleep(time.Millisecond)
		w.expectWhole()
	})
}

func TestWhatComesAloneIsWrittenAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		recorder := w.record()
		for n := range 10 {
			w.put(assignment(fmt.Sprint("a", n), "r0", fmt.Sprint("u", n)))
			synctest.Wait()
			if len(recorder.writes) != n+1 {
				t.Fatalf("%d writes after %d changes: it waited though nothing else came", len(recorder.writes), n+1)
			}
		}
		w.expectWhole()
	})
}
