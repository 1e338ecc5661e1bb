package state_test

import (
	"testing"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestATypeIsThereWhileAResourceTypeDeclaresIt(t *testing.T) {
	state := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
	expect := func(want bool) {
		t.Helper()
		if got := state.HasType("flow"); got != want {
			t.Errorf("there is a type flow: %t, want %t", got, want)
		}
	}
	expect(false)
	other := build.ResourceType("other").OfType("other").Permits("P0").Obj()
	state.Put(other)
	expect(false)
	one, two := build.ResourceType("one").OfType("flow").Permits("P1").Obj(), build.ResourceType("two").OfType("flow").Permits("P2").Obj()
	state.Put(one)
	expect(true)
	state.Put(two)
	state.Remove(kinds.RefOf(one))
	expect(true)
	state.Remove(kinds.RefOf(two))
	expect(false)
}
