package state_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// elevated are two replicas, one of which carries out the state, with a policy by which mallory may ask for the role viewer.
type elevated struct {
	*testing.T
	clock          *clocktesting.FakePassiveClock
	leader, reader *state.State
}

func newElevated(t *testing.T, policy *build.AccessPolicyBuilder) *elevated {
	t.Helper()
	clock := clocktesting.NewFakePassiveClock(epoch)
	e := &elevated{t, clock, state.New(state.Limits{ConditionCost: 1000}, clock), state.New(state.Limits{ConditionCost: 1000}, clock)}
	p := policy.Obj()
	p.UID = "policy"
	e.leader.Put(organizationOf(p.DeepCopy())...)
	e.reader.Follow(nil, organizationOf(p.DeepCopy())...)
	return e
}

// both have the same objects, one after the other.
func (e *elevated) both(objects ...client.Object) {
	for _, o := range objects {
		e.leader.Put(o.DeepCopyObject().(client.Object))
		e.follow(o)
	}
}

func (e *elevated) follow(objects ...client.Object) {
	for _, o := range objects {
		e.reader.Follow(nil, o.DeepCopyObject().(client.Object))
	}
}

func (e *elevated) expect(of *state.State, r *v1alpha1.AccessRequest, want v1alpha1.AccessRequestPhase) {
	e.Helper()
	outcome, _ := of.Outcome(kinds.RefOf(r))
	if outcome.Access == nil || outcome.Access.Phase != want {
		e.Fatalf("%s: %+v, want %s", r.Name, outcome, want)
	}
	holds := len(of.HeldAnywhere(types.NamespacedName{Namespace: "acme", Name: "mallory"})) > 0
	if active := want == v1alpha1.AccessActive; holds != active {
		e.Errorf("%s is %s, and something is held: %v", r.Name, want, holds)
	}
}

func requested(name string, at time.Time) *v1alpha1.AccessRequest {
	r := build.AccessRequest("acme", name, "mallory").Role("viewer").Obj()
	r.UID, r.CreationTimestamp = types.UID("12345678-"+name), metav1.NewTime(at)
	return r
}

// activated is a request as it is recorded once something was made for it, and that.
func (e *elevated) activated(r *v1alpha1.AccessRequest, at time.Time) (*v1alpha1.AccessRequest, *v1alpha1.RoleAssignment) {
	e.Helper()
	made, err := access.Grant(r, "mallory", at)
	if err != nil {
		e.Fatal(err)
	}
	a := made.(*v1alpha1.RoleAssignment)
	a.UID, a.CreationTimestamp = types.UID("of-"+r.Name), metav1.NewTime(at)
	r = r.DeepCopy()
	r.Status.Phase = v1alpha1.AccessActive
	r.Status.GrantRef = &v1alpha1.AccessGrantReference{Kind: "RoleAssignment", Name: a.Name, UID: a.UID}
	return r, a
}

// active is a request that was made and carried out at the epoch, and that both have seen since.
func (e *elevated) active(name string) *v1alpha1.AccessRequest {
	r := requested(name, epoch)
	e.both(r)
	r, given := e.activated(r, epoch)
	e.both(given, r)
	return r
}

func (e *elevated) decision(r *v1alpha1.AccessRequest, name string, verdict v1alpha1.AccessVerdict, at time.Time) *v1alpha1.AccessDecision {
	d := build.AccessDecision(r, name, "alice", verdict)
	d.UID, d.CreationTimestamp = types.UID(name), metav1.NewTime(at)
	return d
}

func TestWhatIsAskedForAgainAtItsEndIsActiveForWhoeverFollows(t *testing.T) {
	e := newElevated(t, build.AccessPolicy("acme", "p").For("mallory").Offers("viewer"))
	first := e.active("r1")
	e.expect(e.reader, first, v1alpha1.AccessActive)
	end := epoch.Add(30 * time.Minute)
	e.clock.SetTime(end.Add(10 * time.Millisecond))
	second := requested("r2", end)
	e.both(second) // nobody has looked at the first one since it has ended
	e.expect(e.leader, second, v1alpha1.AccessApproved)
	e.expect(e.reader, second, v1alpha1.AccessApproved)
	second, given := e.activated(second, end)
	e.both(given, second)
	e.expect(e.leader, second, v1alpha1.AccessActive)
	e.expect(e.reader, second, v1alpha1.AccessActive)
}

func TestWhoeverFollowsGoesByWhatWasMadeForARequest(t *testing.T) {
	decided := func() *build.AccessPolicyBuilder {
		return build.AccessPolicy("acme", "p").For("mallory").Offers("viewer").DecidedBy(1, "alice")
	}
	t.Run("approved in time and seen too late", func(t *testing.T) {
		e := newElevated(t, decided())
		r := requested("r", epoch)
		e.follow(r)
		outcome, _ := e.reader.Outcome(kinds.RefOf(r))
		by := outcome.Access.DecideBy
		e.clock.SetTime(by.Add(50 * time.Millisecond))
		e.follow(e.decision(r, "yes", v1alpha1.VerdictApprove, by.Add(-time.Second)))
		e.expect(e.reader, r, v1alpha1.AccessExpired)
		r, given := e.activated(r, by.Add(-time.Second))
		e.follow(given)
		e.expect(e.reader, r, v1alpha1.AccessActive)
		e.follow(r)
		e.expect(e.reader, r, v1alpha1.AccessActive)
	})
	t.Run("not over for whoever leads", func(t *testing.T) {
		e := newElevated(t, build.AccessPolicy("acme", "p").For("mallory").Offers("viewer"))
		older, r := requested("r1", epoch), requested("r2", epoch.Add(time.Second))
		e.clock.SetTime(epoch.Add(time.Second))
		e.follow(older, r)
		e.expect(e.reader, r, v1alpha1.AccessDenied)
		older.Spec.Withdrawn = true // whoever leads has seen that first
		e.follow(older)
		r, given := e.activated(r, epoch.Add(time.Second))
		e.follow(given, r)
		e.expect(e.reader, r, v1alpha1.AccessActive)
	})
	t.Run("denied, and something was made at the same time", func(t *testing.T) {
		e := newElevated(t, decided())
		r := requested("r", epoch)
		e.follow(r, e.decision(r, "no", v1alpha1.VerdictDeny, epoch))
		e.expect(e.reader, r, v1alpha1.AccessDenied)
		recorded, given := e.activated(r, epoch)
		e.follow(given)
		e.expect(e.reader, r, v1alpha1.AccessDenied) // which of both counts is not recorded yet
		e.follow(recorded)
		e.expect(e.reader, r, v1alpha1.AccessActive)
	})
}

func TestWhoeverCarriesOutARequestTakesItsEndBackForNothing(t *testing.T) {
	e := newElevated(t, build.AccessPolicy("acme", "p").For("mallory").Offers("viewer").DecidedBy(1, "alice"))
	r := requested("r", epoch)
	e.leader.Put(r.DeepCopy())
	e.clock.SetTime(epoch.Add(48 * time.Hour))
	e.leader.Put(r.DeepCopy())
	e.expect(e.leader, r, v1alpha1.AccessExpired)
	_, given := e.activated(r, epoch.Add(48*time.Hour))
	e.leader.Put(given)
	e.expect(e.leader, r, v1alpha1.AccessExpired)
}

func TestARequestIsLookedAtForEveryWordOfWhatWasMadeForIt(t *testing.T) {
	e := newElevated(t, build.AccessPolicy("acme", "p").For("mallory").Offers("viewer"))
	r := e.active("r1")
	ref := kinds.RefOf(r)
	elsewhere := build.Role("acme", "viewer").Grants("P001").AssignableAt("Project").Obj()
	if change := e.leader.Put(elsewhere); !slices.Contains(change.Outcomes, ref) {
		t.Errorf("that it gives nothing is to be said at once: %+v", change)
	}
	shared := build.Role("acme", "viewer").Grants("P001").OfType(v1alpha1.RoleShare).Obj()
	if change := e.leader.Put(shared); slices.Contains(change.Outcomes, ref) || !slices.Contains(change.Restated, ref) {
		t.Errorf("why it gives nothing, in other words, is to be said later: %+v", change)
	}
}
