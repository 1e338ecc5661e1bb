package state

import (
	"fmt"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// evaluateWindow says when an object begins and ends and, if it has ended, what there is to say: that it is expired is
// all, whatever else became of what it names. Seen means that its status has noted the end already.
func (t *tenant) evaluateWindow(window v1alpha1.Window, seen bool) (policy.Lifetime, *Outcome) {
	life := policy.LifetimeIn(window)
	if life.PhaseAt(t.now) != v1alpha1.PhaseExpired && !seen {
		return life, nil
	}
	return life, &Outcome{Reason: v1alpha1.ReasonExpired, Ready: true, Message: fmt.Sprintf("expired at %s", instant(life.Deadline)),
		Life: life, Phase: v1alpha1.PhaseExpired}
}

// seenToEnd says whether a status has noted already that this deadline has passed. Then it has, whatever the clock of
// a machine says where the operator is started later.
func seenToEnd(window v1alpha1.Window, status v1alpha1.WindowStatus) bool {
	return window.ExpiresAt != nil && status.Phase == v1alpha1.PhaseExpired && status.ExpiresAt != nil &&
		status.ExpiresAt.Time.Equal(policy.LifetimeIn(window).Deadline.Truncate(time.Second))
}

// sameEndSeen says whether two statuses say the same of that.
func sameEndSeen(window v1alpha1.Window, was, is v1alpha1.WindowStatus) bool {
	return seenToEnd(window, was) == seenToEnd(window, is)
}

// inWindow is the outcome of an object that is valid, as its window has it.
func (t *tenant) inWindow(outcome Outcome, life policy.Lifetime) Outcome {
	outcome = t.withLife(outcome, life)
	switch {
	case outcome.Phase == v1alpha1.PhasePending:
		outcome.InForce = false
		if outcome.Ready {
			outcome.Reason, outcome.Message = v1alpha1.ReasonPending, begins(life)
		}
	case outcome.Ready && !life.Deadline.IsZero():
		outcome.Message += " until " + instant(life.Deadline)
	}
	return outcome
}

// begins says when what has not begun will.
func begins(life policy.Lifetime) string {
	if life.Deadline.IsZero() {
		return fmt.Sprintf("begins at %s", instant(life.Start))
	}
	return fmt.Sprintf("begins at %s and ends at %s", instant(life.Start), instant(life.Deadline))
}

// endEarlier ends a window where another one ends, if that is earlier.
func endEarlier(kept *v1alpha1.Window, written v1alpha1.Window) {
	if written.ExpiresAt != nil && (kept.ExpiresAt == nil || written.ExpiresAt.Before(kept.ExpiresAt)) {
		kept.ExpiresAt = written.ExpiresAt
	}
}

// withLife adds to an outcome when it changes by itself.
func (t *tenant) withLife(outcome Outcome, life policy.Lifetime) Outcome {
	outcome.Life, outcome.Phase, outcome.Next = life, life.PhaseAt(t.now), life.Next(t.now)
	return outcome
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
