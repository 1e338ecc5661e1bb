package liveness_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/internal/liveness"
)

func TestWhereWorkHasStoppedTheProbeFails(t *testing.T) {
	const limit = time.Minute
	by := clocktesting.NewFakeClock(time.Now())
	for name, test := range map[string]struct {
		// begin begins turns, and lets time pass.
		begin func(ctx context.Context)
		// want is what the probe names; empty where it does not fail.
		want string
	}{
		"nothing is at work": {begin: func(context.Context) { by.Step(time.Hour) }},
		"a turn takes as long as it may": {begin: func(ctx context.Context) {
			liveness.Begin(ctx, "a loop")
			by.Step(limit)
		}},
		"a turn takes longer": {want: "a loop", begin: func(ctx context.Context) {
			liveness.Begin(ctx, "a loop")
			by.Step(limit + 1)
		}},
		"a turn has ended": {begin: func(ctx context.Context) {
			_, end := liveness.Begin(ctx, "a loop")
			end()
			by.Step(time.Hour)
		}},
		"a call to the outside is under way": {begin: func(ctx context.Context) {
			turn, _ := liveness.Begin(ctx, "a loop")
			liveness.Outside(context.WithoutCancel(turn))
			by.Step(time.Hour)
		}},
		"a call to the outside was long, and is over": {begin: func(ctx context.Context) {
			turn, _ := liveness.Begin(ctx, "a loop")
			back := liveness.Outside(turn)
			by.Step(time.Hour)
			back()
			by.Step(limit)
		}},
		"it stopped behind a call to the outside": {want: "a loop", begin: func(ctx context.Context) {
			turn, _ := liveness.Begin(ctx, "a loop")
			liveness.Outside(turn)()
			by.Step(limit + 1)
		}},
		"one of two calls to the outside is over": {begin: func(ctx context.Context) {
			turn, _ := liveness.Begin(ctx, "a loop")
			liveness.Outside(turn)
			liveness.Outside(turn)()
			by.Step(time.Hour)
		}},
		"another turn waits for the outside": {want: "a loop", begin: func(ctx context.Context) {
			liveness.Begin(ctx, "a loop")
			turn, _ := liveness.Begin(ctx, "another")
			liveness.Outside(turn)
			by.Step(limit + 1)
		}},
		"two turns of a loop and one of another": {want: "a loop, another", begin: func(ctx context.Context) {
			liveness.Begin(ctx, "another")
			liveness.Begin(ctx, "a loop")
			liveness.Begin(ctx, "a loop")
			by.Step(limit + 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			monitor := liveness.NewMonitor(by, logr.Discard())
			test.begin(monitor.Watch(t.Context()))
			switch err := monitor.Check(nil); {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+test.want)):
				t.Errorf("got %v, want one that names %s", err, test.want)
			}
		})
	}
}

func TestWithoutAMonitorNothingIsWatched(t *testing.T) {
	turn, end := liveness.Begin(t.Context(), "a loop")
	liveness.Outside(turn)()
	end()
}
