package state_test

import (
	"testing"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// expectHistoric expects that nobody who has not been told answers about an organization.
func expectHistoric(t *testing.T, s *state.State, organization string, want bool, when string) {
	t.Helper()
	if _, same := s.SameHistory(organization); same == want {
		t.Errorf("%s the answers about %s depend on history: %t", when, organization, !want)
	}
}

func TestWhileADeletedAssignmentStaysAnswersDependOnHistory(t *testing.T) {
	r := newRevoking(t)
	r.state.Put(namespace("globex"), build.Organization("globex").Obj())
	first, last := given("first", "editor", 1), given("last", "editor", 2)
	r.state.Put(first, last)
	expectHistoric(t, r.state, "acme", false, "with nothing deleted")
	r.state.Remove(kinds.RefOf(first))
	expectHistoric(t, r.state, "acme", false, "when one of two is gone")
	r.state.Put(deleted(last))
	r.stay([]*v1alpha1.RoleAssignment{last}, "last")
	expectHistoric(t, r.state, "acme", true, "while the last one stays")
	expectHistoric(t, r.state, "globex", false, "meanwhile")
	another := given("another", "editor", 3)
	r.state.Put(another)
	r.stay([]*v1alpha1.RoleAssignment{last})
	expectHistoric(t, r.state, "acme", false, "when it may go")
	r.state.Put(deleted(another))
	expectHistoric(t, r.state, "acme", true, "while the other one stays")
	r.state.Remove(kinds.RefOf(another))
	expectHistoric(t, r.state, "acme", false, "when it was removed by force")
}

func TestWhileSomethingIsPausedAnswersDependOnHistory(t *testing.T) {
	for name, of := range map[string]struct {
		object         client.Object
		acme, everyone bool
	}{
		"a role":          {build.Role("acme", "editor").Grants("View").Obj(), true, false},
		"an organization": {build.Organization("acme").Workspace("prod").Obj(), true, false},
		"a type":          {build.ResourceType("app").Permits("View").Obj(), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
			s.Put(
				namespace("acme"), namespace("globex"), build.Organization("acme").Workspace("prod").Obj(), build.Organization("globex").Obj(),
				build.ResourceType("app").Permits("View").Obj(), build.Role("acme", "editor").Grants("View").Obj(),
			)
			expectHistoric(t, s, "acme", false, "before")
			paused := of.object.DeepCopyObject().(client.Object)
			paused.SetAnnotations(map[string]string{v1alpha1.AnnotationPaused: "true"})
			s.Put(paused)
			expectHistoric(t, s, "acme", of.acme, "while it is paused")
			expectHistoric(t, s, "globex", of.everyone, "while it is paused")
			s.Put(of.object)
			expectHistoric(t, s, "acme", false, "afterwards")
			expectHistoric(t, s, "globex", false, "afterwards")
		})
	}
}
