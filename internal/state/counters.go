package state

import (
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
