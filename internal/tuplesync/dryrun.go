package tuplesync

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/go-logr/logr"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// Walker reads a store, as store.Store does.
type Walker interface {
	Walk(ctx context.Context, visit func(store.Tuple) error) error
}

// Difference is something that a start of the operator would change in the store.
type Difference struct {
	// Object, Relation and User are of the tuple. What an object holds under several names, to replace it in
	// one piece, is one difference with the first of them.
	Object   string `json:"object"`
	Relation string `json:"relation"`
	User     string `json:"user"`
	// Before and After are whether it is there, and which permissions its condition gives.
	Before Side `json:"before"`
	After  Side `json:"after"`
}

// Side is one side of a difference.
type Side struct {
	There bool `json:"there"`
	// Permissions are those of the condition, in order. One whose own conditions differ is on both sides.
	Permissions []string `json:"permissions,omitempty"`
}

// DryRun says what the store must be changed in to hold what is desired, in order. It only reads.
func DryRun(ctx context.Context, from Walker, state *state.State) ([]Difference, error) {
	s := New(nil, state, Observer{}, logr.Discard())
	found, err := s.walkOver(ctx, from)
	if err != nil {
		return nil, err
	}
	before := maps.Clone(found.cells)
	var differences []Difference
	for it := range s.differences(found) {
		d := Difference{Object: it.key.Object, Relation: it.key.Relation, User: it.key.User}
		if it.isCell() {
			d.Object, d.Relation, d.User = it.cell.Object, it.cell.Place(0).Relation, it.cell.Subject
			holds := before[it.cell]
			d.Before, d.After = sideOf(holds[:]), sideOf(state.Contexts(it.cell))
		} else {
			_, d.Before.There = found.tuples[it.key]
			d.After.There = state.Desired(it.key)
		}
		differences = append(differences, d)
	}
	slices.SortFunc(differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Relation, b.Relation), cmp.Compare(a.User, b.User))
	})
	return differences, nil
}

// sideOf says what the contexts of a cell give together.
func sideOf(contexts []*structpb.Struct) Side {
	side, permissions := Side{}, map[string]bool{}
	for _, context := range contexts {
		if context == nil {
			continue
		}
		side.There = true
		for permission := range condition.Permissions(context) {
			permissions[permission] = true
		}
	}
	side.Permissions = slices.Sorted(maps.Keys(permissions))
	return side
}
