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
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// memory implements decision.Memory: for the replica that leads, since what its engine knows is never behind what it has let
// go, and for one that the leader waits for.
type memory struct {
	engine knowing
	lease  *lease
	// mayRead says why this replica may not answer while it does not lead; nil where there is one replica.
	mayRead func() error
}

// knowing is what memory needs of engine.Engine.
type knowing interface {
	State() *state.State
	LeadersState() *state.State
	InSync() bool
	HasType(resourceType string) bool
}

// reading is a state that answers about an organization, for as long as this replica may.
type reading struct {
	*state.State

	may func() error
}

// Leave implements decision.Reading.
func (r reading) Leave() error { return r.may() }

// Enter implements decision.Memory.
func (m memory) Enter(organization string) (decision.Reading, error) {
	if known := m.engine.LeadersState(); known != nil {
		return reading{known, m.leads}.entered()
	}
	known := m.engine.State()
	if known == nil || m.mayRead == nil {
		return nil, errors.New("this replica has not seen yet all that there is in the cluster, or does not lead")
	}
	mark, same := known.SameHistory(organization)
	return reading{known, func() error {
		if now, still := known.SameHistory(organization); !same || !still || now != mark {
			return decision.ErrHistoryUnknown
		}
		return m.mayRead()
	}}.entered()
}

// mayAnswer says why this replica may answer about nothing, if so.
func (m memory) mayAnswer() error {
	_, err := m.Enter("")
	return err
}

func (r reading) entered() (decision.Reading, error) {
	if err := r.may(); err != nil {
		return nil, err
	}
	return r, nil
}

func (m memory) leads() error {
	if !m.lease.holds() {
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
