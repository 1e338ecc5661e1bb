package tuplesync_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// populate wants something of every kind: parents, assignees, a role of several contexts, merged grants.
func populate(w *world) {
	large := build.Role("acme", "large").Grants("P0").Obj()
	large.Spec.PermissionGrants = append(large.Spec.PermissionGrants, bulky("P1", 0), bulky("P2", 0))
	w.state.Put(large,
		assignment("a0", "large", "u0"), assignment("a1", "r1", "u1"),
		build.RoleAssignment("acme", "a2").Gives("r0").ToUser("u0").InWorkspace("w1").Obj(),
		grant("g0", "u0", "P0"), grant("g1", "u0", "P3"), grant("g2", "u1", "P0"))
}

// countedAs are the differences that a comparison finds, by direction. Of what differs at the start nobody can
// say whether it is drift, or what has changed in the cluster meanwhile.
var countedAs = map[string]map[string]float64{
	"a tuple deleted":                {"missing": 1},
	"a tuple added":                  {"foreign": 1},
	"many tuples added":              {"foreign": 250},
	"a condition added":              {"changed": 1},
	"a second side":                  {"changed": 1},
	"a condition changed":            {"changed": 1},
	"a side changed":                 {"changed": 1},
	"a cell that nobody wants":       {"foreign": 2},
	"a condition on a tuple":         {"changed": 1},
	"a condition on a foreign tuple": {"foreign": 1},
	"a side deleted":                 {"missing": 1},
	"nothing":                        {},
}

// driftCounted is what was counted so far.
func driftCounted(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "bailiwick_drift_repaired_total" {
			for _, metric := range family.GetMetric() {
				count[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	return count
}

func expectCounted(t *testing.T, before, want map[string]float64) {
	t.Helper()
	now := driftCounted(t)
	for _, direction := range []string{"missing", "foreign", "changed"} {
		if got := now[direction] - before[direction]; got != want[direction] {
			t.Errorf("counted %v of what was %s, want %v", got, direction, want[direction])
		}
	}
}

// drifts are what a foreign hand may do to a store.
var drifts = map[string]func(*world){
	"nothing":            func(*world) {},
	"everything deleted": func(w *world) { w.fake.Uproot(slices.Collect(maps.Keys(w.fake.Tuples()))...) },
	"a tuple deleted":    func(w *world) { w.fake.Uproot(w.state.DesiredTuples()[0]) },
	"a condition deleted": func(w *world) {
		place, _ := w.filled(w.roleCell())
		w.fake.Uproot(place)
	},
	"a side deleted": func(w *world) {
		place, _ := w.filled(w.grantCell())
		w.fake.Uproot(place)
	},
	"a tuple added":      func(w *world) { w.fake.Plant(foreign("group:acme/a")) },
	"many tuples added":  func(w *world) { w.fake.Plant(foreignTuples(250)...) },
	"a condition added":  func(w *world) { w.fake.Plant(store.Tuple{Key: w.empty(w.roleCell()), Context: junk()}) },
	"a second side":      func(w *world) { w.fake.Plant(store.Tuple{Key: w.empty(w.grantCell()), Context: junk()}) },
	"a condition copied": func(w *world) { w.copyCondition(w.roleCell()) },
	"a side copied":      func(w *world) { w.copyCondition(w.grantCell()) },
	"a condition changed": func(w *world) {
		place, _ := w.filled(w.roleCell())
		w.fake.Plant(store.Tuple{Key: place, Context: junk()})
	},
	"a side changed": func(w *world) {
		place, _ := w.filled(w.grantCell())
		w.fake.Plant(store.Tuple{Key: place, Context: junk()})
	},
	"junk in all places":        func(w *world) { w.fill(w.roleCell(), junk()); w.fill(w.grantCell(), junk()) },
	"no condition in any place": func(w *world) { w.fill(w.roleCell(), nil); w.fill(w.grantCell(), nil) },
	"junk in all free places": func(w *world) {
		for cell := range w.wanted().cells {
			for n := range cell.Places() {
				if _, there := w.fake.Tuples()[cell.Place(n)]; !there {
					w.fake.Plant(store.Tuple{Key: cell.Place(n), Context: junk()})
				}
			}
		}
	},
	"a cell that nobody wants": func(w *world) {
		w.fill(tuples.RoleCell("organization:acme", "binding:organization/acme/gone"), junk())
		w.fill(tuples.GrantCell("workspace:acme/gone", "user:mallory"), junk())
	},
	"a condition on a tuple": func(w *world) {
		w.fake.Plant(store.Tuple{Key: w.state.DesiredTuples()[0], Context: junk()})
	},
	"a condition on a foreign tuple": func(w *world) {
		w.fake.Plant(store.Tuple{Key: foreign("group:acme/a").Key, Context: junk()})
	},
}

func junk() *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{"permissions": structpb.NewBoolValue(true)}}
}

func foreignTuples(count int) (tuples []store.Tuple) {
	for n := range count {
		tuple := foreign("group:acme/a")
		tuple.User = fmt.Sprint("user:mallory", n)
		tuples = append(tuples, tuple)
	}
	return tuples
}

// roleCell is the cell of several contexts, grantCell that of merged grants.
func (w *world) roleCell() tuples.Cell {
	return w.oneCell(func(c tuples.Cell) bool { return len(w.state.Contexts(c)) > 1 })
}

func (w *world) grantCell() tuples.Cell {
	return w.oneCell(func(c tuples.Cell) bool { return c.Says == tuples.IsGranted && c.Subject == "user:u0@example.com" })
}

func (w *world) oneCell(is func(tuples.Cell) bool) tuples.Cell {
	w.Helper()
	for _, cell := range w.state.DesiredCells() {
		if is(cell) {
			return cell
		}
	}
	w.Fatal("no such cell is wanted")
	return tuples.Cell{}
}

// filled is a place of a cell that holds something, empty is one that does not.
func (w *world) filled(cell tuples.Cell) (store.Key, *structpb.Struct) {
	w.Helper()
	for n := range cell.Places() {
		if context, there := w.fake.Tuples()[cell.Place(n)]; there {
			return cell.Place(n), context
		}
	}
	w.Fatalf("%v is empty", cell)
	return store.Key{}, nil
}

func (w *world) empty(cell tuples.Cell) store.Key {
	w.Helper()
	for n := range cell.Places() {
		if _, there := w.fake.Tuples()[cell.Place(n)]; !there {
			return cell.Place(n)
		}
	}
	w.Fatalf("%v is full", cell)
	return store.Key{}
}

func (w *world) fill(cell tuples.Cell, context *structpb.Struct) {
	for n := range cell.Places() {
		w.fake.Plant(store.Tuple{Key: cell.Place(n), Context: context})
	}
}

func (w *world) copyCondition(cell tuples.Cell) {
	_, context := w.filled(cell)
	w.fake.Plant(store.Tuple{Key: w.empty(cell), Context: context})
}

// inSync fills a store as it should be, with one syncer, to be found by another.
func (w *world) inSync() {
	w.Helper()
	populate(w)
	w.start()
	w.expectWhole()
	w.stop()
	<-w.ended
	w.anew()
}

func TestTheFirstComparisonRepairsWhatItFinds(t *testing.T) {
	for name, drift := range drifts {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.inSync()
				drift(w)
				w.start()
				w.expectWhole()
				if !w.syncer.InSync() {
					t.Error("not in sync")
				}
			})
		})
	}
}

func TestALaterComparisonRepairsWhatItFinds(t *testing.T) {
	for name, drift := range drifts {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				populate(w)
				w.start()
				before := driftCounted(t)
				drift(w)
				w.sleep(2 * compareEvery)
				w.expectWhole()
				if want, ok := countedAs[name]; ok {
					expectCounted(t, before, want)
				}
				if w.compared == 0 {
					t.Error("nobody was told of the comparison")
				}
			})
		})
	}
}

func TestTheFirstComparisonReadsTheStoreOnceAndNothingElse(t *testing.T) {
	inWorld(t, func(w *world) {
		w.inSync()
		w.fake.Plant(foreignTuples(30)...)
		w.fake.Uproot(w.state.DesiredTuples()[0])
		drifts["a condition changed"](w)
		drifts["junk in all free places"](w)
		recorder := w.record()
		w.start()
		w.expectWhole()
		if recorder.walks != 1 || len(recorder.gets) > 0 {
			t.Errorf("%d walks and %d gets, want one walk", recorder.walks, len(recorder.gets))
		}
	})
}

func TestAComparisonOfAStoreThatIsAsItShouldBeWritesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.inSync()
		recorder := w.record()
		w.start()
		w.sleep(3 * compareEvery)
		if recorder.walks < 3 || len(recorder.writes)+len(recorder.gets) > 0 {
			t.Errorf("%d walks, %d gets and %d writes, want some walks and nothing else", recorder.walks, len(recorder.gets), len(recorder.writes))
		}
		w.expectWhole()
	})
}

func TestAComparisonDuringASwitchTakesNothingForDrift(t *testing.T) {
	inWorld(t, func(w *world) {
		populate(w)
		w.start()
		switched := false
		recorder := w.record()
		hooks := recorder.hooks()
		hooks.Visit = func(context.Context) error {
			if !switched {
				switched = true
				w.put(build.Role("acme", "r1").Grants("P5").Obj(), grant("g2", "u1", "P5"), assignment("a9", "r0", "u9"))
			}
			return nil
		}
		w.hook(hooks)
		w.sleep(2 * compareEvery)
		w.expectWhole()
		// Two switches, one of which takes two writes, and new tuples.
		if !switched || len(recorder.writes) > 3 {
			t.Errorf("switched: %t, in %d writes", switched, len(recorder.writes))
		}
	})
}

func TestDriftCountsOnceHoweverOftenItsRepairFails(t *testing.T) {
	for name, hooks := range map[string]storetest.Hooks{
		"before it has happened": {Write: func(context.Context, []store.Tuple, []store.Key) error { return errDown }},
		"after it has happened":  {Written: func(context.Context, []store.Tuple, []store.Key) error { return errDown }},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				populate(w)
				w.start()
				before := driftCounted(t)
				drifts["a tuple added"](w)
				drifts["a condition changed"](w)
				w.hook(hooks)
				w.sleep(2 * compareEvery)
				w.hook(storetest.Hooks{})
				w.sleep(aWhile)
				w.expectWhole()
				expectCounted(t, before, map[string]float64{"foreign": 1, "changed": 1})
			})
		})
	}
}

func TestDriftThatTakesTwoWritesCountsOnceWhoeverLooksInBetween(t *testing.T) {
	inWorld(t, func(w *world) {
		populate(w)
		w.start()
		before := driftCounted(t)
		drifts["a condition on a tuple"](w)
		writes := 0
		w.hook(storetest.Hooks{Written: func(context.Context, []store.Tuple, []store.Key) error {
			if writes++; writes == 1 {
				<-time.After(2 * compareEvery) // there is nothing in its place now
			}
			return nil
		}})
		w.sleep(4 * compareEvery)
		w.expectWhole()
		expectCounted(t, before, map[string]float64{"changed": 1})
	})
}

func TestWhatAnObjectHasChangedMeanwhileIsNoDrift(t *testing.T) {
	inWorld(t, func(w *world) {
		populate(w)
		w.start()
		before := driftCounted(t)
		block := newGate()
		w.hook(storetest.Hooks{Write: block.pass})
		w.put(assignment("a8", "r0", "u8")) // is being written, the others wait
		w.drain()
		w.put(assignment("a9", "r0", "u9"))
		w.remove(assignment("a1", "r1", "u1"))
		w.sleep(compareEvery) // the store lacks one, and holds another too many
		block.open()
		w.drain()
		w.expectWhole()
		expectCounted(t, before, nil)
	})
}

func TestAnOutageDuringALaterComparisonEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		populate(w)
		w.start()
		w.hook(storetest.Hooks{Walk: func(context.Context) error { return errDown }})
		w.sleep(2 * compareEvery)
		w.expectAvailable(false)
		w.fake.Plant(foreign("group:acme/a"))
		w.hook(storetest.Hooks{})
		w.sleep(aWhile)
		w.expectAvailable(false, true)
		w.drain()
		w.expectWhole()
	})
}

func TestDriftThatIsFoundWhileItsCellIsBeingWrittenIsRepaired(t *testing.T) {
	inWorld(t, func(w *world) {
		populate(w)
		w.start()
		block := newGate()
		w.hook(storetest.Hooks{Write: block.pass})
		cell := w.oneCell(func(c tuples.Cell) bool { return strings.HasSuffix(c.Subject, "/r1") })
		w.put(build.Role("acme", "r1").Grants("P5").Obj())
		w.fake.Plant(store.Tuple{Key: cell.Place(7), Context: junk()})
		w.sleep(compareEvery + compareEvery/4) // one comparison
		if w.compared != 1 {
			t.Fatalf("%d comparisons, want one", w.compared)
		}
		block.open()
		w.drain()
		w.expectWhole()
	})
}
