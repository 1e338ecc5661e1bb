package state

import (
	"maps"
	"time"

	"github.com/google/btree"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Whether an object is ready, in one word each, as kstatus has them.
const (
	// StatusReady is valid, and all that it needs is there.
	StatusReady = "ready"
	// StatusWaiting is not ready, and waits for something that can come by itself.
	StatusWaiting = "waiting"
	// StatusStalled is not ready until someone edits it.
	StatusStalled = "stalled"
)

// KindStatus is what objects are counted by.
type KindStatus struct {
	Kind string
	// Status is one of the constants above, Reason one of v1alpha1's.
	Status, Reason string
}

// KindPhase is what objects that begin or end by themselves are counted by.
type KindPhase struct {
	Kind  string
	Phase v1alpha1.GrantPhase
}

// Counts are how much there is of what.
type Counts struct {
	// Objects has no entry for what there is none of.
	Objects map[KindStatus]int
	// InForce counts, by kind, the objects that give something now.
	InForce map[string]int
	// TimeBound counts the objects that begin or end by themselves.
	TimeBound map[KindPhase]int
	// NextDeadline is when the next object that is in force ends by itself; zero where there is none. One
	// that has passed is that of an object whose end is still to be noted: access ended when it passed.
	NextDeadline time.Time
	// Desired are the facts that the store should hold: what a role gives at a scope, and what a subject
	// is granted there, are one each, in however many tuples.
	Desired int
}

func newCounts() Counts {
	return Counts{Objects: map[KindStatus]int{}, InForce: map[string]int{}, TimeBound: map[KindPhase]int{}}
}

// add adds the counts of another organization.
func (c *Counts) add(other Counts) {
	for of, count := range other.Objects {
		addTo(c.Objects, of, count)
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
	c.Desired += other.Desired
}

// counts are those of now. They are kept with every change, so that asking is cheap.
func (t *tenant) counts() Counts {
	t.mu.RLock()
	defer t.mu.RUnlock()
	counts := Counts{
		Objects:   maps.Clone(t.counters.objects),
		InForce:   maps.Clone(t.counters.inForce),
		TimeBound: maps.Clone(t.counters.timeBound),
		Desired:   len(t.refCounts) + len(t.cells) + len(t.shared) + t.counters.grantCells,
	}
	if next, ok := t.counters.deadlines.Min(); ok {
		counts.NextDeadline = next.at
	}
	for ref, found := range t.pauses {
		if !found.waits {
			continue
		}
		// It is counted by its effective spec, and its status says that something waits.
		effective, _ := t.effectiveOutcome(ref)
		says := found.outcome(ref, effective)
		if effective.Reason != "" {
			addTo(counts.Objects, KindStatus{ref.Kind, statusOf(&effective), effective.Reason}, -1)
		} else if says.Phase != "" {
			addTo(counts.TimeBound, KindPhase{ref.Kind, says.Phase}, 1)
		}
		addTo(counts.Objects, KindStatus{ref.Kind, statusOf(&says), says.Reason}, 1)
	}
	return counts
}

// EndingBefore counts the objects in force that end by themselves before an instant.
func (t *tenant) endingBefore(instant time.Time) (count int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.counters.deadlines.AscendLessThan(deadline{at: instant}, func(d deadline) bool {
		count += d.objects
		return true
	})
	return count
}

// counters count outcomes as they change, so that nobody has to walk over all objects.
type counters struct {
	objects   map[KindStatus]int
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

func newCounters() counters {
	return counters{
		objects:   map[KindStatus]int{},
		inForce:   map[string]int{},
		timeBound: map[KindPhase]int{},
		deadlines: btree.NewG(16, func(a, b deadline) bool { return a.at.Before(b.at) }),
	}
}

// add counts an outcome, or with -1 no longer. One without a reason is that of no object, or of one that is
// being deleted and gives nothing any more.
func (c *counters) add(kind string, outcome *Outcome, more int) {
	if outcome.Reason == "" {
		return
	}
	addTo(c.objects, KindStatus{kind, statusOf(outcome), outcome.Reason}, more)
	if outcome.InForce {
		addTo(c.inForce, kind, more)
	}
	if outcome.Phase != "" {
		addTo(c.timeBound, KindPhase{kind, outcome.Phase}, more)
	}
	if !outcome.InForce || outcome.Life.Deadline.IsZero() {
		return
	}
	at := deadline{at: outcome.Life.Deadline}
	if known, ok := c.deadlines.Get(at); ok {
		at = known
	}
	if at.objects += more; at.objects == 0 {
		c.deadlines.Delete(at)
		return
	}
	c.deadlines.ReplaceOrInsert(at)
}

func statusOf(outcome *Outcome) string {
	switch {
	case outcome.Ready:
		return StatusReady
	case outcome.Stalled:
		return StatusStalled
	default:
		return StatusWaiting
	}
}

func addTo[K comparable](counts map[K]int, key K, more int) {
	if counts[key] += more; counts[key] == 0 {
		delete(counts, key)
	}
}
