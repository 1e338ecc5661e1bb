package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// [F8] However often others change, an object says other words or numbers once in an interval, some of each organization at a time.
func TestF8WhatIsRestatedIsLookedAtOnceAndSomeAtATime(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	e := New(Options{Clock: clock, CountEvery: time.Second, Log: logr.Discard()})
	e.later = workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[kinds.Ref]{Clock: clock})
	defer e.later.ShutDown()
	role := func(organization string, n int) kinds.Ref {
		return kinds.Ref{Kind: kinds.Role, Namespace: organization, Name: fmt.Sprint("r", n)}
	}
	const more = 10
	for range 20 {
		for n := range restatedAtOnce + more {
			e.restate([]kinds.Ref{role("acme", n)})
		}
		e.restate([]kinds.Ref{role("globex", 0)})
	}
	for _, step := range []struct {
		organization string
		first, count int
		more         bool
	}{
		{"acme", 0, restatedAtOnce, true},
		{"globex", 0, 1, false},
		{"acme", restatedAtOnce, more, false},
		{"acme", 0, 0, false},
	} {
		some, left := e.takeRestatements(step.organization)
		if len(some) != step.count || left != step.more {
			t.Fatalf("%+v: got %d, and that more are left is %t", step, len(some), left)
		}
		for n, ref := range some {
			if want := role(step.organization, step.first+n); ref != want {
				t.Errorf("%+v: got %v, want %v", step, ref, want)
			}
		}
	}
	if len(e.restatements) != 0 {
		t.Errorf("%d organizations are remembered though nothing of them waits", len(e.restatements))
	}
	// What has been looked at waits again when it changes again.
	e.restate([]kinds.Ref{role("acme", 1)})
	if some, _ := e.takeRestatements("acme"); len(some) != 1 {
		t.Errorf("got %v", some)
	}
}
