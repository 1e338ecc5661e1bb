package state_test

import (
	"math/rand/v2"
	"testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// The leader waits for what it finds changed, and a replica that only answers says at once only what it finds changed.
func TestWhatHasChangedForTheLeaderHasForAReplicaThatOnlyAnswers(t *testing.T) {
	compared := map[bool]int{}
	for seed := range seeds.Of(t, 200) {
		m := maker{rand.New(rand.NewPCG(seed, seed))}
		before, ok := m.inCluster(m.object(), 1).(v1alpha1.Object)
		if !ok {
			continue
		}
		now := before.DeepCopyObject().(v1alpha1.Object)
		switch m.IntN(5) {
		case 0:
			now.GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"] = "{ }"
		case 1:
			for n := range now.CommonStatus().Conditions {
				now.CommonStatus().Conditions[n].Message = "something else"
			}
		case 2:
			now.CommonStatus().Conditions = nil
		case 3:
			now.CommonStatus().ObservedGeneration++
		case 4:
			now.GetAnnotations()[v1alpha1.AnnotationConfirmed] = "another"
		}
		want := state.Unchanged(before, now)
		var reducer state.Reducer
		reducer.Reduce(before)
		reducer.Reduce(now)
		compared[want]++
		if got := state.Unchanged(before, now); got != want {
			t.Errorf("seed %d: %T: unchanged is %t for a replica that only answers, and %t for the leader", seed, before, got, want)
		}
	}
	if compared[true] < 20 || compared[false] < 20 {
		t.Errorf("%d were unchanged, %d were not", compared[true], compared[false])
	}
}
