package state

import (
	"maps"
	"time"

	"github.com/google/btree"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Whether an object is ready, in one word each, as kstatus has them.
const (
	// StandingReady is valid, and all that it needs is there.
	StandingReady = "ready"
	// StandingWaiting is not ready, and waits for something that can come by itself.
	StandingWaiting = "waiting"
	// StandingStalled is not ready until someone edits it.
	StandingStalled = "stalled"
)

// Standing is what objects are counted by.
type Standing struct {
	Kind string
	// State is one of the constants above, Reason one of v1alpha1's.
	State, Reason string
}

// KindPhase is what objects that begin or end by themselves are counted by.
type KindPhase struct {
	Kind  string
	Phase v1alpha1.GrantPhase
}

// Counts are how much there is of what.
type Counts struct {
	// Objects has no entry for what there is none of.
	Objects map[Standing]int
	// InForce counts, by kind, the objects that give something now.
	InForce map[string]int
	// TimeBound counts the objects that begin or end by themselves.
	TimeBound map[KindPhase]int
	// NextDeadline is when the next object that is in force ends by itself; zero where there is none. One
	// that has passed is that of an object whose end is still to be noted: access ended when it passed.
	NextDeadline time.Time
	// Wanted are the facts that the store should hold: what a role gives at a scope, and what a subject
	// is granted there, are one each, in however many tuples.
	Wanted int
}

func newCounts() Counts {
	return Counts{Objects: map[Standing]int{}, InForce: map[string]int{}, TimeBound: map[KindPhase]int{}}
}

// add adds the counts of another organization.
func (c *Counts) add(other Counts) {
	for standing, count := range other.Objects {
		addTo(c.Objects, standing, count)
	}
	for kind, count := range other.InForce {
		addTo(c.InForce, kind, count)
	}
	for phase, count := range other.TimeBound {
		addTo(c.TimeBound, phase, count)
	}
	if next := other.NextDeadline; !next.IsZero() && (c.NextDeadline.IsZero() || next.Before(c.NextDeadline)) {
		c.NextDeadline = next
	}
	c.Wanted += other.Wanted
}

// counts are those of now. They are kept with every change, so that asking is cheap.
func (t *tenant) counts() Counts {
	t.mu.RLock()
	defer t.mu.RUnlock()
	counts := Counts{
		Objects:   maps.Clone(t.tally.objects),
		InForce:   maps.Clone(t.tally.inForce),
		TimeBound: maps.Clone(t.tally.timeBound),
		Wanted:    len(t.refCounts) + len(t.cells) + len(t.shared) + t.tally.grantCells,
	}
	if next, ok := t.tally.deadlines.Min(); ok {
		counts.NextDeadline = next.at
	}
	for ref, found := range t.pauses {
		if !found.waits {
			continue
		}
		// It is counted by what stands, and says that something waits.
		stands, _ := t.outcomeOf(ref)
		says := found.says(ref, stands)
		if stands.Reason != "" {
			addTo(counts.Objects, Standing{ref.Kind, standing(&stands), stands.Reason}, -1)
		} else if says.Phase != "" {
			addTo(counts.TimeBound, KindPhase{ref.Kind, says.Phase}, 1)
		}
		addTo(counts.Objects, Standing{ref.Kind, standing(&says), says.Reason}, 1)
	}
	return counts
}

// EndingBefore counts the objects in force that end by themselves before an instant.
func (t *tenant) endingBefore(instant time.Time) (count int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.tally.deadlines.AscendLessThan(deadline{at: instant}, func(d deadline) bool {
		count += d.objects
		return true
	})
	return count
}

// tally counts outcomes as they change, so that nobody has to walk over all objects.
type tally struct {
	objects   map[Standing]int
	inForce   map[string]int
	timeBound map[KindPhase]int
	// deadlines are those of the objects in force that have one, in order.
	deadlines *btree.BTreeG[deadline]
	// grantCells are those that hold something.
	grantCells int
}

// deadline is an instant, and how many objects end then.
type deadline struct {
	at      time.Time
	objects int
}

func newTally() tally {
	return tally{
		objects:   map[Standing]int{},
		inForce:   map[string]int{},
		timeBound: map[KindPhase]int{},
		deadlines: btree.NewG(16, func(a, b deadline) bool { return a.at.Before(b.at) }),
	}
}

// add counts an outcome, or with -1 no longer. One without a reason is that of no object, or of one that is
// being deleted and gives nothing any more.
func (t *tally) add(kind string, outcome *Outcome, more int) {
	if outcome.Reason == "" {
		return
	}
	addTo(t.objects, Standing{kind, standing(outcome), outcome.Reason}, more)
	if outcome.InForce {
		addTo(t.inForce, kind, more)
	}
	if outcome.Phase != "" {
		addTo(t.timeBound, KindPhase{kind, outcome.Phase}, more)
	}
	if !outcome.InForce || outcome.Life.Deadline.IsZero() {
		return
	}
	at := deadline{at: outcome.Life.Deadline}
	if known, ok := t.deadlines.Get(at); ok {
		at = known
	}
	if at.objects += more; at.objects == 0 {
		t.deadlines.Delete(at)
		return
	}
	t.deadlines.ReplaceOrInsert(at)
}

func standing(outcome *Outcome) string {
	switch {
	case outcome.Ready:
		return StandingReady
	case outcome.Stalled:
		return StandingStalled
	default:
		return StandingWaiting
	}
}

func addTo[K comparable](counts map[K]int, key K, more int) {
	if counts[key] += more; counts[key] == 0 {
		delete(counts, key)
	}
}
