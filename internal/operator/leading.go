package operator

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/elapsed"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
)

// leading implements decision.Memory for the replica that leads: what its engine knows is never behind what it has
// let go.
type leading struct {
	engine *engine.Engine
	lease  *lease
}

// Enter implements decision.Memory.
func (l leading) Enter() (decision.State, error) {
	known := l.engine.LeadersState()
	if known == nil {
		return nil, errors.New("this replica does not lead, or has not seen yet all that there is in the cluster")
	}
	return known, l.Leave()
}

// Leave implements decision.Memory.
func (l leading) Leave() error {
	if !l.lease.holds() {
		return errors.New("this replica can't tell whether it still leads")
	}
	return nil
}

// lease is whether this replica leads for certain: until the lease that it last renewed has run out by its own clock, counted
// from when it asked for it. A process that was stopped meanwhile finds out here, before leader election ends it.
type lease struct {
	duration time.Duration
	clock    clock.PassiveClock
	renewed  atomic.Pointer[time.Time]
}

// holds says whether it does. Without leader election, which is a nil lease, the only replica leads.
func (l *lease) holds() bool {
	if l == nil {
		return true
	}
	renewed := l.renewed.Load()
	return renewed != nil && elapsed.Within(l.duration, *renewed, l.clock.Now())
}

// watch sees when the lease is renewed, in the requests of leader election.
func (l *lease) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		asked := l.clock.Now()
		response, err := next.RoundTrip(request)
		writes := request.Method == http.MethodPut || request.Method == http.MethodPost
		if err == nil && writes && response.StatusCode < http.StatusMultipleChoices && strings.Contains(request.URL.Path, "/leases") {
			l.renewed.Store(&asked)
		}
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }
