package state

import (
	"maps"
	"time"
)

// Counts are those of now. They are kept with every change, so that asking is cheap.
func (s *State) Counts() Counts {
	all := newCounts()
	for _, t := range s.list() {
		all.add(t.counts())
	}
	return all
}

// EndingBefore counts the objects in force that end by themselves before an instant.
func (s *State) EndingBefore(instant time.Time) (count int) {
	for _, t := range s.list() {
		count += t.endingBefore(instant)
	}
	return count
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
func (t reader) counts() Counts {
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
func (t reader) endingBefore(instant time.Time) (count int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.counters.deadlines.AscendLessThan(deadline{at: instant}, func(d deadline) bool {
		count += d.objects
		return true
	})
	return count
}
