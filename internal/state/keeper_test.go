package state

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

func TestEachKindHasItsKeeper(t *testing.T) {
	for _, kind := range kinds.All {
		k, known := keepers[kind.Name]
		if !known {
			t.Errorf("internal/state/keeper.go: nothing keeps a %s", kind.Name)
			continue
		}
		// What an object gives, it gives by names that have to be confirmed.
		if kind.InForce && k.receivers(kind.New()) == nil {
			t.Errorf("internal/state: it is not said to whom a %s gives something", kind.Name)
		}
		// Whatever has a verb is held against what its author holds.
		if object := kind.New(); panics(func() {
			k.escalates(&escalationCheck{tenant: newTenant("acme", Limits{}, nil, &catalogue{})}, object, object)
		}) != (kind.Verb == "") {
			t.Errorf("internal/state: a %s has the verb %q, and an escalation check does not go by that", kind.Name, kind.Verb)
		}
		s := newTenant("acme", Limits{}, nil, &catalogue{})
		e := emptyEvaluation(s)
		object := kind.New()
		object.SetName("x")
		ref := kinds.RefOf(object)
		e.set(ref, object)
		if s.isEmpty() || s.effective(ref) == nil {
			t.Errorf("a %s that was set is not there", kind.Name)
		}
		e.delete(ref)
		if s.effective(ref) != nil {
			t.Errorf("a %s that was deleted is there", kind.Name)
		}
	}
	if len(keepers) != len(kinds.All) {
		t.Errorf("there are %d keepers of %d kinds", len(keepers), len(kinds.All))
	}
}

func panics(do func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	do()
	return false
}
