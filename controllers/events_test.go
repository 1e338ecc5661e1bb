package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// [F8] [K10] However many objects stall, there are few Events of one organization, and others have theirs.
func TestF8K10EventsOfAnOrganizationAreBounded(t *testing.T) {
	recorder, clock := events.NewFakeRecorder(10*eventsAtOnce), clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0))
	r := &reconciler{recorder: recorder, clock: clock}
	stall := func(namespace string, count int) (told int) {
		before := len(recorder.Events)
		for n := range count {
			was := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("u", n)}}
			now := was.DeepCopy()
			setCondition(now, v1alpha1.ConditionStalled, true, v1alpha1.ReasonSubjectTaken, "taken")
			r.announce(was, now)
			r.announce(now, now)
		}
		return len(recorder.Events) - before
	}
	for _, step := range []struct {
		namespace   string
		later       time.Duration
		count, told int
	}{
		{"acme", 0, eventsAtOnce - 1, eventsAtOnce - 1},
		{"acme", 0, 800, 1},
		{"globex", 0, 3, 3},
		{"acme", time.Second, 800, eventsPerSecond},
		{"", 0, 2 * eventsAtOnce, 2 * eventsAtOnce},
		{"acme", allAgain, 800, eventsAtOnce},
		{"initech", allAgain, 1, 1},
	} {
		clock.SetTime(clock.Now().Add(step.later))
		if told := stall(step.namespace, step.count); told != step.told {
			t.Errorf("%d objects of %q that stall %s later: %d events, want %d", step.count, step.namespace, step.later, told, step.told)
		}
	}
	if len(r.events.limits) != 1 {
		t.Errorf("there are limits of %d organizations, want those that were asked lately", len(r.events.limits))
	}
}
