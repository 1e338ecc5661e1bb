package state

import (
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// evaluation evaluates what a change has touched. Kinds depend on each other in one direction only, so each
// is evaluated once, after all that it depends on.
type evaluation struct {
	tenant *tenant
	change Change
	// carriedOut means that what the state holds has been carried out, so that paused objects are held to it.
	carriedOut bool

	// marked are the objects to evaluate, by kind. Not all of them need be there.
	marked map[string]set[types.NamespacedName]
	// declared is the catalogue, where it has been made anew.
	declared *catalogue
	// used is by how many more, or fewer, objects of a kind a role is named.
	used map[use]int
	// timed are the cells that assignments for a time share, of which more or fewer do so now.
	timed set[tuples.Cell]
	// cells are the cells that grants fill together, and the grants that want something else there now.
	cells map[tuples.Cell]set[kinds.Ref]
	// protection marks the users whose assignments that are being deleted may have to stay now, or may go.
	protection set[types.NamespacedName]
	// protectionOfAll marks all of them: somebody may have a role through a group now.
	protectionOfAll bool
	// entitlements are the updates of the index, applied at once when the evaluation is over.
	entitlements []entitlement.Update
	// historyOf marks the objects whose history may have changed.
	historyOf set[kinds.Ref]
	// recatalogued means that the catalogue is another one now.
	recatalogued bool
	// unjudged are objects that were evaluated and whose authors have to be judged, touched is what may make a difference to the
	// judgement of others, and judgesAll means that all are judged again.
	unjudged  set[kinds.Ref]
	touched   set[dependency]
	judgesAll bool
	// judged are those that are evaluated because of what was found of their authors.
	judged set[kinds.Ref]
	// encoder makes what the store holds of roles.
	encoder tuples.Encoder
	// journal is set for an evaluation that is undone.
	journal *journal
}

func newEvaluation(t *tenant) *evaluation {
	// What has ended stays ended when the clock is set back.
	if now := t.clock.Now(); now.After(t.now) {
		t.now = now
		t.seen.Store(&now)
	}
	return emptyEvaluation(t)
}

// emptyEvaluation has nothing to evaluate, at the time of the last evaluation.
func emptyEvaluation(t *tenant) *evaluation {
	return &evaluation{
		tenant:     t,
		marked:     map[string]set[types.NamespacedName]{},
		used:       map[use]int{},
		timed:      set[tuples.Cell]{},
		cells:      map[tuples.Cell]set[kinds.Ref]{},
		protection: set[types.NamespacedName]{},
		historyOf:  set[kinds.Ref]{},
		unjudged:   set[kinds.Ref]{},
		touched:    set[dependency]{},
		judged:     set[kinds.Ref]{},
	}
}

// mark notes that an object must be evaluated.
func (e *evaluation) mark(ref kinds.Ref) { e.markedOf(ref.Kind).add(ref.Key()) }

// markAll marks objects of one kind, markRefs of any.
func (e *evaluation) markAll(kind string, keys set[types.NamespacedName]) {
	maps.Copy(e.markedOf(kind), keys)
}

func (e *evaluation) markRefs(refs set[kinds.Ref]) {
	for ref := range refs {
		e.mark(ref)
	}
}

func (e *evaluation) markedOf(kind string) set[types.NamespacedName] {
	if e.marked[kind] == nil {
		e.marked[kind] = set[types.NamespacedName]{}
	}
	return e.marked[kind]
}

// use is that objects of a kind name a role.
type use struct {
	role types.NamespacedName
	by   string
}

// use notes that an object names roles, or does no more.
func (e *evaluation) use(by kinds.Ref, present bool, roles ...string) {
	more := 1
	if !present {
		more = -1
	}
	for _, name := range roles {
		e.used[use{types.NamespacedName{Namespace: by.Namespace, Name: name}, by.Kind}] += more
	}
}

// setOutcome replaces the outcome of an object and notes whether it is another one now.
func (e *evaluation) setOutcome(ref kinds.Ref, outcome *Outcome, now Outcome) {
	e.tenant.evaluated.Add(1)
	if e.journal != nil {
		*outcome = now
		return
	}
	if outcome.equal(now) {
		return
	}
	e.tenant.counters.add(ref.Kind, outcome, -1)
	e.tenant.counters.add(ref.Kind, &now, 1)
	if now.restates(*outcome) {
		e.change.Restated = append(e.change.Restated, ref)
	} else {
		e.change.Outcomes = append(e.change.Outcomes, ref)
	}
	*outcome = now
}

// desired is what an object yields: entitlements, and the tuples that say the same in the store.
type desired struct {
	facts entitlement.Facts
	desiredTuples
}

// desiredTuples are what an object wants in the store.
type desiredTuples struct {
	tuples []store.Key
	shares []share
	cell   *tuples.Cell
	role   types.NamespacedName // fills the cell
}

// setDesired replaces what an object yields. What is new is counted before what is old is given up, so that
// what is in both is not touched.
func (e *evaluation) setDesired(by kinds.Ref, old *desired, now desired) {
	e.entitle(by, old, now.facts)
	if e.tenant.common.onlyAnswers {
		return
	}
	counts := e.tenant.refCounts
	balance := map[store.Key]int{}
	for _, key := range now.tuples {
		balance[key]++
	}
	for _, key := range old.tuples {
		balance[key]--
	}
	for key, more := range balance {
		if more == 0 {
			continue
		}
		before := counts[key]
		if counts[key] += more; counts[key] == 0 {
			delete(counts, key)
		}
		joined := before > 0 && counts[key] > 0
		e.change.Tuples = append(e.change.Tuples, Touched[store.Key]{What: key, By: by, Joined: joined})
	}
	e.share(by, old.shares, now.shares)
	if !old.sameCell(now) {
		e.countCell(by, now, 1)
		e.countCell(by, *old, -1)
	}
	*old = now
}

// entitle replaces the entitlements of an object.
func (e *evaluation) entitle(by kinds.Ref, old *desired, now entitlement.Facts) {
	if !reflect.DeepEqual(old.facts, now) {
		e.entitlements = append(e.entitlements, entitlement.Update{By: by, Old: old.facts, New: now})
		old.facts = now
	}
}

// sameCell says whether both want the same cell.
func (c *desired) sameCell(other desired) bool {
	if c.cell == nil || other.cell == nil {
		return c.cell == other.cell
	}
	return *c.cell == *other.cell
}

func (e *evaluation) countCell(by kinds.Ref, c desired, more int) {
	if c.cell == nil {
		return
	}
	t, cell := e.tenant, *c.cell
	if t.cells[cell] == nil {
		t.cells[cell] = &countedCell{role: c.role}
		t.cellsOf.add(c.role, cell)
	}
	before := t.cells[cell].count
	t.cells[cell].count += more
	after := t.cells[cell].count
	if after == 0 {
		delete(t.cells, cell)
		t.cellsOf.remove(c.role, cell)
	}
	e.change.Cells = append(e.change.Cells, Touched[tuples.Cell]{What: cell, By: by, Joined: before > 0 && after > 0})
}

// changedScopes are the paths that are declared in one tree and not in the other.
func changedScopes(old, now set[scope.Path]) set[scope.Path] {
	changed := set[scope.Path]{}
	for path := range old {
		if !now.has(path) {
			changed.add(path)
		}
	}
	for path := range now {
		if !old.has(path) {
			changed.add(path)
		}
	}
	return changed
}
