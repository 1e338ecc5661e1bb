package state

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// reader answers questions about a tenant. Its methods take the tenant's lock; those of the tenant itself are for whoever has it,
// so that none of these can wait for a lock that it holds.
type reader struct{ *tenant }

// Outcome is what there is to say about an object; false when it is not part of the state.
func (t reader) outcome(ref kinds.Ref) (Outcome, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.outcomeLocked(ref)
}

// isDesired says whether a tuple without a condition should be in the store.
func (t reader) isDesired(key store.Key) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.refCounts[key] > 0
}

// desiredTuples are all tuples without a condition that should be in the store.
func (t reader) desiredTuples() []store.Key {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Keys(t.refCounts))
}

// contextsOf are the conditions that a cell should hold, none when it should be empty.
func (t reader) contextsOf(cell tuples.Cell) []*structpb.Struct {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if held, ok := t.grantCells[cell]; ok {
		return held.contexts
	}
	if cell.Says != tuples.GivesRole {
		shared := t.shared[cell]
		return shared.contexts()
	}
	counted, ok := t.cells[cell]
	if !ok {
		return nil
	}
	if role, ok := t.roles[counted.role]; ok {
		return role.contexts
	}
	return nil
}

// desiredCells are all cells that should hold something.
func (t reader) desiredCells() []tuples.Cell {
	t.mu.RLock()
	defer t.mu.RUnlock()
	cells := slices.AppendSeq(slices.Collect(maps.Keys(t.cells)), maps.Keys(t.shared))
	for cell, held := range t.grantCells {
		if len(held.contexts) > 0 {
			cells = append(cells, cell)
		}
	}
	return cells
}

// Due are the objects whose outcome should have changed by itself by now.
func (t reader) due() []kinds.Ref {
	t.mu.RLock()
	defer t.mu.RUnlock()
	now := t.clock.Now()
	var due []kinds.Ref
	for _, k := range keepers {
		for ref, found := range k.each(t.tenant) {
			if next := found.lastOutcome().Next; !next.IsZero() && !next.After(now) {
				due = append(due, ref)
			}
		}
	}
	return due
}

// has says whether there is an object, whatever it gives.
func (t reader) has(ref kinds.Ref) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, known := t.effectiveOutcome(ref)
	return known
}

// WaitsFor names the annotation that keeps an object's spec from being carried out; nothing if none does.
func (t reader) waitsFor(object v1alpha1.Object) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	ref := kinds.RefOf(object)
	by := t.pausedBy(ref, object)
	if by == "" {
		return ""
	}
	return annotationOf(ref, by)
}

// Reached are the names of the Users of an organization who have an address, in order: they can accept what
// it is invited to.
func (t reader) withAddress(email string) (names []string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for key := range t.named.usersAt[policy.Spelling(email)] {
		t.checked.Add(1)
		names = append(names, key.Name)
	}
	slices.Sort(names)
	return names
}

// Accepted is the name of the User who has accepted an invitation, empty while nobody has.
func (t reader) acceptedBy(organization, invitation string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	node := t.invitations[types.NamespacedName{Namespace: organization, Name: invitation}]
	if node == nil || node.object == nil {
		return ""
	}
	return node.object.spec.AcceptedBy
}
