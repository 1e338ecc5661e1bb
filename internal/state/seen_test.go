package state_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// A grant whose status says that its deadline has passed does not come back where the clock of the operator's
// next machine is behind; one that has got another deadline since does.
func TestWhatHasBeenSeenToEndStaysEndedOnAnotherMachine(t *testing.T) {
	deadline := epoch.Add(time.Hour)
	for name, c := range map[string]struct {
		phase   v1alpha1.GrantPhase
		noted   time.Time
		inForce bool
	}{
		"never seen to end":      {v1alpha1.PhaseActive, deadline, true},
		"seen to end":            {v1alpha1.PhaseExpired, deadline, false},
		"seen to end, extended":  {v1alpha1.PhaseExpired, deadline.Add(-time.Minute), true},
		"seen to end, shortened": {v1alpha1.PhaseExpired, deadline.Add(time.Minute), true},
	} {
		t.Run(name, func(t *testing.T) {
			grant := build.TemporaryPermissionGrant("acme", "t").ToUser("ann").Grants("P0").Until(deadline).Obj()
			grant.Status.Phase, grant.Status.ExpiresAt = c.phase, &metav1.Time{Time: c.noted}
			state := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
			state.Put(append(governed(), grant)...)
			outcome, _ := state.Outcome(kinds.RefOf(grant))
			if outcome.InForce != c.inForce {
				t.Errorf("in force: %t, %s: %s", outcome.InForce, outcome.Reason, outcome.Message)
			}
			if ended := outcome.Phase == v1alpha1.PhaseExpired; ended == c.inForce {
				t.Errorf("its phase is %s", outcome.Phase)
			}
		})
	}
}
