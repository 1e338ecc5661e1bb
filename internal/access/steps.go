package access

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// The steps that are no phase.
const (
	StepRequested = "Requested"
	StepDecided   = "Decided"
)

// maxSteps is how many the schema of a request's status takes.
const maxSteps = 64

// Steps are those of a request's life: the ones that are recorded, and what has come since. The same life gives the same
// steps, so that they are written once.
func Steps(recorded []v1alpha1.AccessStep, created time.Time, requester string, life *Life, decisions []Counted, now time.Time) []v1alpha1.AccessStep {
	steps := slices.Clone(recorded)
	if len(steps) > 0 && v1alpha1.AccessRequestPhase(steps[len(steps)-1].Type).IsFinal() {
		return steps
	}
	add := func(step v1alpha1.AccessStep, at time.Time) {
		if len(steps) < maxSteps {
			step.Sequence, step.At = int64(len(steps)+1), metav1.Time{Time: at.UTC().Truncate(time.Second)}
			steps = append(steps, step)
		}
	}
	has := func(kind, by string) bool {
		return slices.ContainsFunc(steps, func(s v1alpha1.AccessStep) bool { return s.Type == kind && (by == "" || s.By == by) })
	}
	if !has(StepRequested, "") {
		add(v1alpha1.AccessStep{Type: StepRequested, By: requester}, created)
	}
	for _, d := range decisions {
		// What comes at the end needs room.
		if d.Counts() && !has(StepDecided, d.By.Username) && len(steps) < maxSteps-4 { // Approved, Active, and the last one
			add(v1alpha1.AccessStep{Type: StepDecided, By: d.By.Username, Verdict: d.Verdict}, d.At)
		}
	}
	granted := life.Grant != Window{}
	if granted && !has(string(v1alpha1.AccessApproved), "") {
		add(v1alpha1.AccessStep{Type: string(v1alpha1.AccessApproved), Reason: v1alpha1.ReasonApproved}, life.Grant.From)
	}
	if granted && !has(string(v1alpha1.AccessActive), "") {
		add(v1alpha1.AccessStep{Type: string(v1alpha1.AccessActive), Reason: v1alpha1.ReasonInForce}, life.Grant.From)
	}
	if life.Phase.IsFinal() {
		step := v1alpha1.AccessStep{Type: string(life.Phase), Reason: life.Reason}
		switch life.Reason {
		case v1alpha1.ReasonWithdrawn:
			step.By = requester
		case v1alpha1.ReasonExpired:
			now = life.Grant.Until
		case v1alpha1.ReasonNotDecided:
			now = life.DecideBy
		case v1alpha1.ReasonDenied:
			if _, denied := Tally(decisions); denied != nil {
				step.By, now = denied.By.Username, denied.At
			}
		}
		add(step, now)
	}
	return steps
}
