package state_test

import (
	"slices"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// expectMet compares a state with what its objects say.
func (w *wanted) expectMet(t *testing.T, got snapshot) {
	t.Helper()
	tuples := map[store.Key]bool{}
	for _, keys := range w.tuples {
		for _, key := range keys {
			tuples[key] = true
		}
	}
	outcomes := map[kinds.Ref]state.Outcome{}
	for ref, outcome := range got.outcomes {
		outcomes[ref] = outcome
		have := verdict{outcome.Reason, outcome.Ready, outcome.InForce}
		if expected, there := w.verdicts[ref]; !there || have != expected {
			t.Errorf("%v: got %+v (%s), want %+v", ref, have, outcome.Message, expected)
		}
	}
	for ref := range w.verdicts {
		if _, there := outcomes[ref]; !there {
			t.Errorf("%v has no outcome", ref)
		}
	}
	expectSame(t, snapshot{tuples: got.tuples, cells: got.cells}, snapshot{tuples: tuples, cells: w.contexts})
}

// expectReferencesNamed wants a change to name every object that wants something else in the store than
// before, since that is what the object then waits for.
func (w *wanted) expectReferencesNamed(t *testing.T, before *wanted, change state.Change) {
	t.Helper()
	for _, ref := range keysOf(before.tuples, w.tuples) {
		for _, key := range append(slices.Clone(before.tuples[ref]), w.tuples[ref]...) {
			if slices.Contains(before.tuples[ref], key) != slices.Contains(w.tuples[ref], key) && !touchedBy(change.Tuples, key, ref) {
				t.Errorf("%v wants %v, or no longer does, and the change does not say so: %v", ref, key, change.Tuples)
			}
		}
	}
	for _, cell := range keysOf(before.referrers, w.referrers) {
		w.expectCellReferencesNamed(t, before, change, cell)
	}
}

// regards says whether an object has to wait for a cell: it has to do with it now or had before, but not
// both, or gets something else of it. What an assignment gets of its role's cell is the role's to wait for.
func (w *wanted) regards(before *wanted, cell tuples.Cell, ref kinds.Ref) bool {
	had, has := slices.Contains(before.referrers[cell], ref), slices.Contains(w.referrers[cell], ref)
	if ref.Kind == kinds.RoleAssignment || len(w.shares[cell])+len(w.configurable[cell]) > 0 {
		return had != has // whoever keeps its share waits for nothing
	}
	return had != has || before.verdicts[ref] != w.verdicts[ref] && !sameContexts(before.contexts[cell], w.contexts[cell])
}

func (w *wanted) expectCellReferencesNamed(t *testing.T, before *wanted, change state.Change, cell tuples.Cell) {
	t.Helper()
	for _, ref := range append(slices.Clone(before.referrers[cell]), w.referrers[cell]...) {
		if w.regards(before, cell, ref) && !touchedBy(change.Cells, cell, ref) {
			t.Errorf("%v gets something else of %v, and the change does not say so: %v", ref, cell, change.Cells)
		}
	}
}
