package state

import (
	"reflect"
	"unique"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// keptOutcome is an outcome as it is kept of a kind with many objects. Most of these say what many others say, and share it.
type keptOutcome struct {
	plain unique.Handle[plainOutcome]
	// whole is set instead where it says more than a plain one.
	whole *Outcome
}

// plainOutcome is what most outcomes consist of.
type plainOutcome struct {
	reason, message         string
	ready, stalled, inForce bool
}

func keep(o Outcome) keptOutcome {
	rest := o
	rest.Reason, rest.Message, rest.Ready, rest.Stalled, rest.InForce = "", "", false, false, false
	if !reflect.ValueOf(rest).IsZero() {
		return keptOutcome{whole: &o}
	}
	return keptOutcome{plain: unique.Make(plainOutcome{o.Reason, o.Message, o.Ready, o.Stalled, o.InForce})}
}

// outcome is the outcome, which says nothing where none is kept.
func (k keptOutcome) outcome() Outcome {
	switch {
	case k.whole != nil:
		return *k.whole
	case k == keptOutcome{}:
		return Outcome{}
	}
	p := k.plain.Value()
	return Outcome{Reason: p.reason, Message: p.message, Ready: p.ready, Stalled: p.stalled, InForce: p.inForce}
}

// isInForce says whether it says so.
func (k keptOutcome) isInForce() bool {
	switch {
	case k.whole != nil:
		return k.whole.InForce
	case k == keptOutcome{}:
		return false
	}
	return k.plain.Value().inForce
}

// setOutcomeKept is setOutcome for an outcome that is kept so.
func (e *evaluation) setOutcomeKept(ref kinds.Ref, kept *keptOutcome, now Outcome) {
	before := kept.outcome()
	outcome := before
	if e.setOutcome(ref, &outcome, now); !outcome.equal(before) {
		*kept = keep(outcome)
	}
}

// keptDesired is what an assignment yields, as it is kept, of which there are many more than of the others.
type keptDesired struct {
	binding *entitlement.Binding
	// inStore is nil where it wants nothing in the store, or the replica only answers.
	inStore *desiredTuples
}

func keepDesired(c desired) keptDesired {
	kept := keptDesired{binding: c.facts.Binding}
	if c.tuples != nil || c.shares != nil || c.cell != nil {
		kept.inStore = &c.desiredTuples
	}
	return kept
}

func (k keptDesired) desired() desired {
	all := desired{facts: entitlement.Facts{Binding: k.binding}}
	if k.inStore != nil {
		all.desiredTuples = *k.inStore
	}
	return all
}

// setDesiredKept is setDesired for what is kept so.
func (e *evaluation) setDesiredKept(by kinds.Ref, kept *keptDesired, now desired) {
	all := kept.desired()
	e.setDesired(by, &all, now)
	*kept = keepDesired(all)
}
