package operator

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestALeaseHoldsFromTheRequestThatRenewedItUntilItHasRunOut(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC))
	held := &lease{duration: 15 * time.Second, clock: clock}
	leaseOf := func(holder string) string {
		encoder := scheme.Codecs.EncoderForVersion(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), coordinationv1.SchemeGroupVersion)
		return runtime.EncodeOrDie(encoder, &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}})
	}
	written := leaseOf("this one")
	send := func(method, path string, code int, failure error) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "https://api.example"+path, strings.NewReader(written))
		if err != nil {
			t.Fatal(err)
		}
		response, _ := held.watch(roundTripper(func(sent *http.Request) (*http.Response, error) {
			if body, err := io.ReadAll(sent.Body); err != nil || string(body) != written {
				t.Errorf("%s is sent, want what was written: %v", body, err)
			}
			clock.Step(2 * time.Second) // the answer takes a while
			return &http.Response{StatusCode: code, Body: http.NoBody}, failure
		})).RoundTrip(request)
		if response != nil {
			_ = response.Body.Close()
		}
	}
	expect := func(want bool, when string) {
		t.Helper()
		if held.holds() != want {
			t.Errorf("%s it holds: %t", when, !want)
		}
	}
	const path = "/apis/coordination.k8s.io/v1/namespaces/bailiwick-system/leases/bailiwick"
	expect(false, "before it was ever written")
	send(http.MethodGet, path, http.StatusOK, nil)
	send(http.MethodPut, path, http.StatusConflict, nil)
	send(http.MethodPut, path, 0, errors.New("no answer"))
	send(http.MethodPost, "/api/v1/namespaces/bailiwick-system/events", http.StatusCreated, nil)
	expect(false, "when somebody else has it")
	send(http.MethodPost, path, http.StatusCreated, nil)
	expect(true, "when it was made")
	clock.Step(12 * time.Second)
	expect(true, "14 s after it was asked for")
	clock.Step(time.Second)
	expect(false, "15 s after it was asked for, 13 s after the answer")
	send(http.MethodPut, path, http.StatusOK, nil)
	expect(true, "when it was renewed")
	written = leaseOf("")
	send(http.MethodPut, path, http.StatusOK, nil)
	expect(false, "when it was given back")
	written = leaseOf("this one")
	send(http.MethodPut, path, http.StatusOK, nil)
	expect(true, "when it was renewed")
	clock.Step(-time.Hour)
	expect(false, "when the clock was set back by more than it lasts")
	var none *lease
	if !none.holds() {
		t.Error("the only replica leads")
	}
}

// replica is what an engine knows, made up.
type replica struct {
	known *state.State
	leads bool
}

func (r *replica) State() *state.State { return r.known }

func (r *replica) LeadersState() *state.State {
	if r.leads {
		return r.known
	}
	return nil
}

func (*replica) InSync() bool { return true }

func (*replica) HasType(string) bool { return true }

func TestWhoMayAnswerFromMemory(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC))
	paused := build.Organization("paused").Obj()
	paused.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"}
	known := state.New(state.Limits{}, clock)
	known.Follow(nil, build.Organization("acme").Obj(), paused)
	granted, over := func() error { return nil }, func() error { return errors.New("the lease has ended") }
	renewed := clock.Now()
	leads, lost := &lease{duration: time.Minute, clock: clock}, &lease{duration: time.Minute, clock: clock}
	leads.renewed.Store(&renewed)
	for name, c := range map[string]struct {
		memory
		about string
		want  string
	}{
		"the only replica":                                 {memory{engine: &replica{known, true}}, "acme", ""},
		"the only replica, about what is paused":           {memory{engine: &replica{known, true}}, "paused", ""},
		"the only replica, which has loaded nothing":       {memory{engine: &replica{nil, false}}, "acme", "has not seen yet"},
		"one that leads":                                   {memory{engine: &replica{known, true}, lease: leads, mayRead: over}, "acme", ""},
		"one that leads, about what is paused":             {memory{engine: &replica{known, true}, lease: leads, mayRead: over}, "paused", ""},
		"one that can't tell":                              {memory{engine: &replica{known, true}, lease: lost, mayRead: granted}, "acme", "whether it still leads"},
		"one that does not lead, with a lease":             {memory{engine: &replica{known, false}, lease: lost, mayRead: granted}, "acme", ""},
		"the same, about nothing in particular":            {memory{engine: &replica{known, false}, lease: lost, mayRead: granted}, "", ""},
		"the same, about what is paused":                   {memory{engine: &replica{known, false}, lease: lost, mayRead: granted}, "paused", "does not know what holds"},
		"one that does not lead, without a lease":          {memory{engine: &replica{known, false}, lease: lost, mayRead: over}, "acme", "has ended"},
		"one that has a lease, and has loaded nothing yet": {memory{engine: &replica{nil, false}, lease: lost, mayRead: granted}, "acme", "has not seen yet"},
	} {
		t.Run(name, func(t *testing.T) {
			reading, err := c.Enter(c.about)
			if c.want == "" && err == nil {
				err = reading.Leave()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
		})
	}
}

// A process may stand still between the two.
func TestAnAnswerIsNotGivenThatMayHaveBecomeWrong(t *testing.T) {
	var ended error
	clock := clocktesting.NewFakeClock(time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC))
	known := state.New(state.Limits{}, clock)
	known.Follow(nil, build.Organization("acme").Obj())
	from := memory{engine: &replica{known, false}, mayRead: func() error { return ended }}
	reading, err := from.Enter("acme")
	if err != nil {
		t.Fatal(err)
	}
	if ended = errors.New("the lease has ended"); reading.Leave() == nil {
		t.Error("it is given though the lease has ended meanwhile")
	}
	ended = nil
	if reading, err = from.Enter("acme"); err != nil {
		t.Fatal(err)
	}
	paused := build.Organization("acme").Obj()
	paused.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"}
	known.Follow(nil, paused)
	if reading.Leave() == nil {
		t.Error("it is given though something was paused meanwhile")
	}
	known.Follow(nil, build.Organization("acme").Obj())
	if reading.Leave() == nil {
		t.Error("it is given though something was paused for a moment")
	}
	if reading, err = from.Enter("acme"); err != nil || reading.Leave() != nil {
		t.Error("nothing is given afterwards")
	}
}
