package tuplesync_test

import (
	"context"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// neighbour is what another organization than acme begins with, and an assignment in it.
func neighbour() (begins []client.Object, assigned client.Object) {
	return []client.Object{
		&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "globex"}}, build.Organization("globex").Obj(),
		build.User("globex", "v0").Obj(), build.Role("globex", "r0").Grants("P0").Obj(),
	}, build.RoleAssignment("globex", "theirs").Gives("r0").ToUser("v0").Obj()
}

// ofNeighbour says whether a write has anything of the other organization.
func ofNeighbour(w write) bool {
	keys := slices.Clone(w.deletes)
	for _, tuple := range w.writes {
		keys = append(keys, tuple.Key)
	}
	return slices.ContainsFunc(keys, func(key store.Key) bool { return objectid.Organization(key.Object) == "globex" })
}

// [F8] What one organization has changed goes with the next write, however much another has that waits.
func TestF8ARevocationIsInTheNextWriteHoweverMuchAnotherOrganizationHasToWrite(t *testing.T) {
	inWorld(t, func(w *world) {
		begins, assigned := neighbour()
		w.put(begins...)
		w.put(assigned)
		w.start()
		recorder := w.record()
		block := newGate()
		hooks := recorder.hooks()
		hooks.Write = block.pass
		w.hook(hooks)
		w.put(wide(1000)) // more than ten writes
		w.drain()         // of which the first has begun
		w.remove(assigned)
		revoked := w.awaiting(assigned)
		w.expectPending(revoked)
		block.open()
		if err := <-revoked; err != nil {
			t.Error(err)
		}
		w.drain()
		w.expectWhole()
		first := slices.IndexFunc(recorder.writes, ofNeighbour)
		if len(recorder.writes) < 10 {
			t.Fatalf("%d writes, so that nothing is tested", len(recorder.writes))
		}
		if first != 1 || slices.ContainsFunc(recorder.writes[2:], ofNeighbour) {
			t.Errorf("of %d writes the one with number %d is the first that has the revocation, want the second to have all of it", len(recorder.writes), first+1)
		}
	})
}

// What a failed write puts back keeps its place before what others wait for, and all of it is written.
func TestOrganizationsTakeTurnsAgainAfterAWriteThatFailed(t *testing.T) {
	inWorld(t, func(w *world) {
		begins, assigned := neighbour()
		w.put(begins...)
		w.start()
		recorder := w.record()
		hooks, failed := recorder.hooks(), false
		hooks.Write = func(context.Context, []store.Tuple, []store.Key) error {
			if failed {
				return nil
			}
			failed = true
			return store.ErrUnavailable
		}
		w.hook(hooks)
		w.syncer.MarkDirty(kinds.RefOf(assigned), w.state.Put(wide(300), assigned))
		w.sleep(time.Minute)
		w.expectWhole()
		if len(recorder.writes) < 4 || !ofNeighbour(recorder.writes[0]) {
			t.Errorf("of %d writes the first has nothing of the neighbour", len(recorder.writes))
		}
	})
}
