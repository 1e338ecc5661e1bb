package cloudevents

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

func about(name string) Event {
	return Event{ID: name, Type: typeRevoked, At: time.Now(), About: kinds.Ref{Kind: kinds.RoleAssignment, Namespace: "acme", Name: name}}
}

// started runs something until the end of the test.
func started(t *testing.T, start func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- start(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestAQueueWaitsForASinkThatIsAwayForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{t: t, does: away}
		q := NewQueue(r.sink(), logr.Discard())
		defer started(t, q.Start)()
		before := testutil.ToFloat64(lost.WithLabelValues(lostOld))
		q.Offer(about("one"), about("two"))
		<-time.After(5 * time.Minute)
		if told := r.told(); len(told) != 0 {
			t.Errorf("told %v while it was away", told)
		}
		r.set(slow(9 * time.Second))
		<-time.After(time.Minute)
		if told, want := r.told(), []string{"one access.revoked", "two access.revoked"}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		if now := testutil.ToFloat64(lost.WithLabelValues(lostOld)); now != before {
			t.Errorf("%v were lost", now-before)
		}
	})
}

func TestAQueueCountsWhatItLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{t: t, does: answers(http.StatusServiceUnavailable)}
		q := NewQueue(r.sink(), logr.Discard())
		counted := func() (counts [3]float64) {
			for n, reason := range []string{lostFull, lostOld, lostRefused} {
				counts[n] = testutil.ToFloat64(lost.WithLabelValues(reason))
			}
			return counts
		}
		before := counted()
		for n := range queueLength + 3 { // nobody waits for it
			q.Offer(about(fmt.Sprint(n)))
		}
		defer started(t, q.Start)()
		<-time.After(time.Hour)
		now := counted()
		if got := [3]float64{now[0] - before[0], now[1] - before[1], now[2] - before[2]}; got != [3]float64{3, queueLength, 0} {
			t.Errorf("lost %v", got)
		}

		// What a sink refuses for good holds up nothing else.
		before = counted()
		r.set(func(_ context.Context, event cloudevents.Event) int {
			if event.Subject() == "refused" {
				return http.StatusUnprocessableEntity
			}
			return http.StatusNoContent
		})
		q.Offer(about("refused"), about("taken"))
		synctest.Wait()
		now = counted()
		if told := r.told(); !slices.Equal(told, []string{"taken access.revoked"}) || now[2]-before[2] != 1 || now[0] != before[0] || now[1] != before[1] {
			t.Errorf("told %v, lost %v after %v", told, now, before)
		}
	})
}
