package state_test

import (
	"maps"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// expectCounted counts what a state says of each object, and expects that the state has counted the same.
func expectCounted(t *testing.T, all *state.State, said snapshot) {
	t.Helper()
	want := state.Counts{
		Objects: map[state.KindStatus]int{}, InForce: map[string]int{}, TimeBound: map[state.KindPhase]int{},
		Desired: len(said.tuples) + len(said.cells),
	}
	var deadlines []time.Time
	for ref, outcome := range said.outcomes {
		if outcome.Reason == "" {
			continue // it is being deleted, and gives nothing any more
		}
		status := state.KindStatus{Kind: ref.Kind, Status: state.StatusWaiting, Reason: outcome.Reason}
		if outcome.Stalled {
			status.Status = state.StatusStalled
		}
		if outcome.Ready {
			status.Status = state.StatusReady
		}
		want.Objects[status]++
		if outcome.InForce {
			want.InForce[ref.Kind]++
		}
		if outcome.Phase != "" {
			want.TimeBound[state.KindPhase{Kind: ref.Kind, Phase: outcome.Phase}]++
		}
		if outcome.InForce && !outcome.Life.Deadline.IsZero() {
			deadlines = append(deadlines, outcome.Life.Deadline)
		}
	}
	for _, deadline := range deadlines {
		if want.NextDeadline.IsZero() || deadline.Before(want.NextDeadline) {
			want.NextDeadline = deadline
		}
	}
	got := all.Counts()
	if !maps.Equal(got.Objects, want.Objects) || !maps.Equal(got.InForce, want.InForce) || !maps.Equal(got.TimeBound, want.TimeBound) ||
		!got.NextDeadline.Equal(want.NextDeadline) || got.Desired != want.Desired {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	for _, instant := range append(deadlines, epoch, epoch.Add(time.Hour), epoch.Add(24*time.Hour)) {
		ending := 0
		for _, deadline := range deadlines {
			if deadline.Before(instant) {
				ending++
			}
		}
		if got := all.EndingBefore(instant); got != ending {
			t.Errorf("%d end before %s, want %d", got, instant, ending)
		}
	}
}
