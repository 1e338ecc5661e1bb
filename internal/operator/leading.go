package operator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

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

// watch sees when the lease is renewed, in the requests of leader election. One that names no holder gives it back, and another
// replica may lead at once.
func (l *lease) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		writes := (request.Method == http.MethodPut || request.Method == http.MethodPost) && strings.Contains(request.URL.Path, "/leases")
		if !writes {
			return next.RoundTrip(request)
		}
		written, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, fmt.Errorf("reading a Lease that is to be written: %w", err)
		}
		request = request.Clone(request.Context())
		request.Body = io.NopCloser(bytes.NewReader(written))
		if !namesHolder(written) {
			l.renewed.Store(nil)
			return next.RoundTrip(request)
		}
		asked := l.clock.Now()
		response, err := next.RoundTrip(request)
		if err == nil && response.StatusCode < http.StatusMultipleChoices {
			l.renewed.Store(&asked)
		}
		return response, err
	})
}

// namesHolder says whether a Lease, as it is sent, has a holder.
func namesHolder(written []byte) bool {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(written, nil, nil)
	lease, ok := object.(*coordinationv1.Lease)
	return err == nil && ok && ptr.Deref(lease.Spec.HolderIdentity, "") != ""
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }
