package tuplesync_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuplesync"
)

func (w *world) preview() []tuplesync.Difference {
	w.Helper()
	differences, err := tuplesync.DryRun(w.Context(), w.fake, w.state)
	if err != nil {
		w.Fatal(err)
	}
	return differences
}

func TestADryRunNamesWhatAStartRepairsAndNothingElse(t *testing.T) {
	for name, drift := range drifts {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				populate(w)
				w.start()
				synctest.Wait()
				w.stop()
				<-w.ended
				w.stop = nil
				drift(w)
				w.hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error {
					w.Error("a preview writes")
					return nil
				}})
				differences := w.preview()
				if (len(differences) == 0) != (name == "nothing") {
					t.Errorf("the differences are %+v", differences)
				}
				w.hook(storetest.Hooks{})
				w.anew()
				w.start()
				synctest.Wait()
				if left := w.preview(); len(left) > 0 {
					t.Errorf("after a start there is still %+v", left)
				}
			})
		})
	}
}

func TestADryRunSaysWhichPermissionsComeAndGo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.state.Put(grant("g0", "u0", "P0", "P1"))
		w.start()
		synctest.Wait()
		w.stop()
		<-w.ended
		w.stop = nil
		w.state.Put(grant("g0", "u0", "P1", "P2"))
		w.state.Put(grant("g1", "u1", "P0"))
		differences := w.preview()
		if len(differences) != 2 {
			t.Fatalf("%+v", differences)
		}
		changed, added := differences[0], differences[1]
		if !changed.Before.There || !changed.After.There || !slices.Equal(changed.Before.Permissions, []string{"P0", "P1"}) ||
			!slices.Equal(changed.After.Permissions, []string{"P1", "P2"}) || changed.User != "user:u0@example.com" {
			t.Errorf("%+v", changed)
		}
		if added.Before.There || !added.After.There || !slices.Equal(added.After.Permissions, []string{"P0"}) {
			t.Errorf("%+v", added)
		}
	})
}
