package state_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// snapshot is all that a state says.
type snapshot struct {
	tuples   map[store.Key]bool
	cells    map[tuples.Cell][]*structpb.Struct
	outcomes map[kinds.Ref]state.Outcome
}

func take(t *testing.T, all *state.State, refs map[kinds.Ref]bool) snapshot {
	t.Helper()
	s := snapshot{map[store.Key]bool{}, map[tuples.Cell][]*structpb.Struct{}, map[kinds.Ref]state.Outcome{}}
	for _, key := range all.DesiredTuples() {
		if s.tuples[key] || !all.Desired(key) {
			t.Fatalf("%v is listed twice, or listed and not wanted", key)
		}
		s.tuples[key] = true
	}
	for _, cell := range all.DesiredCells() {
		contexts := all.Contexts(cell)
		if s.cells[cell] != nil || len(contexts) == 0 {
			t.Fatalf("%v is listed twice, or listed and wanted empty", cell)
		}
		s.cells[cell] = contexts
	}
	for ref := range refs {
		if outcome, ok := all.Outcome(ref); ok {
			s.outcomes[ref] = outcome
		}
	}
	expectCounted(t, all, s)
	return s
}

func sameContexts(a, b []*structpb.Struct) bool {
	return slices.EqualFunc(a, b, func(a, b *structpb.Struct) bool { return proto.Equal(a, b) })
}

// expectSame compares all that two states say.
func expectSame(t *testing.T, got, want snapshot) {
	t.Helper()
	if !maps.Equal(got.tuples, want.tuples) {
		t.Errorf("the tuples are %v, want %v", got.tuples, want.tuples)
	}
	if !maps.EqualFunc(got.cells, want.cells, sameContexts) {
		t.Errorf("the cells are %v, want %v", got.cells, want.cells)
	}
	for _, ref := range keysOf(got.outcomes, want.outcomes) {
		if !reflect.DeepEqual(got.outcomes[ref], want.outcomes[ref]) {
			t.Errorf("%v: the outcome is %+v, want %+v", ref, got.outcomes[ref], want.outcomes[ref])
		}
	}
}

// expectNamed holds a change against what was before it and is after it.
func expectNamed(t *testing.T, before, after snapshot, change state.Change) {
	t.Helper()
	for _, ref := range keysOf(before.outcomes, after.outcomes) {
		was, there := before.outcomes[ref]
		is, stays := after.outcomes[ref]
		another := there != stays || !reflect.DeepEqual(wordless(was), wordless(is))
		if another && !slices.Contains(change.Outcomes, ref) {
			t.Errorf("%v has another outcome, and the change does not say so: %v", ref, change.Outcomes)
		}
		if !another && !reflect.DeepEqual(was, is) && !slices.Contains(change.Restated, ref) && !slices.Contains(change.Outcomes, ref) {
			t.Errorf("%v says the same in other words or numbers, and the change does not say so: %v", ref, change.Restated)
		}
	}
	named := map[kinds.Ref]int{}
	for _, ref := range slices.Concat(change.Outcomes, change.Restated) {
		named[ref]++
	}
	for ref, times := range named {
		// What is named twice had another outcome while several objects were put one after the other.
		if times == 1 && reflect.DeepEqual(before.outcomes[ref], after.outcomes[ref]) {
			t.Errorf("the change says that %v has another outcome, and it has not", ref)
		}
	}
	for _, key := range keysOf(before.tuples, after.tuples) {
		if before.tuples[key] != after.tuples[key] && !touches(change.Tuples, key) {
			t.Errorf("%v is wanted: %t, and was: %t; the change does not say so: %v", key, after.tuples[key], before.tuples[key], change.Tuples)
		}
	}
	for _, cell := range keysOf(before.cells, after.cells) {
		if !sameContexts(before.cells[cell], after.cells[cell]) && !touches(change.Cells, cell) {
			t.Errorf("%v holds something else, and the change does not say so: %v", cell, change.Cells)
		}
	}
}

// wordless is an outcome without texts and numbers.
func wordless(o state.Outcome) state.Outcome {
	o.Message, o.NotInherited, o.Own, o.Inherited, o.Assignments, o.Children = "", nil, 0, 0, 0, 0
	o.Faults, o.Permissions = slices.Concat(o.Faults), slices.Concat(o.Permissions) // copies, and nil of none
	for n := range o.Faults {
		o.Faults[n].Message = ""
	}
	for n := range o.Permissions {
		o.Permissions[n].Message = ""
	}
	return o
}

// touches says whether something may have to be written.
func touches[K comparable](touched []state.Touched[K], what K) bool {
	return slices.ContainsFunc(touched, func(t state.Touched[K]) bool { return t.What == what && !t.Joined })
}

// touchedBy says whether an object waits for something.
func touchedBy[K comparable](touched []state.Touched[K], what K, by kinds.Ref) bool {
	return slices.ContainsFunc(touched, func(t state.Touched[K]) bool { return t.What == what && t.By == by })
}

// keysOf are the keys of both maps.
func keysOf[K comparable, V any](a, b map[K]V) []K {
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	return slices.Collect(maps.Keys(keys))
}
