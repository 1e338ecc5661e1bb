package cloudevents

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

var noon = time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)

// status is what the operator says of an object.
type status struct {
	gives  bool
	phase  v1alpha1.GrantPhase
	reason string
}

// with is an object of a kind with a status, in force from a day before noon until noon.
func with(kind string, s status) v1alpha1.Object {
	begins, ends := metav1.Time{Time: noon.Add(-24 * time.Hour)}, &metav1.Time{Time: noon}
	window := v1alpha1.WindowStatus{Phase: s.phase, ExpiresAt: ends}
	var object v1alpha1.Object
	switch kind {
	case kinds.RoleAssignment:
		o := &v1alpha1.RoleAssignment{Spec: v1alpha1.RoleAssignmentSpec{RoleRef: v1alpha1.RoleReference{Name: "editor"}}}
		o.Status.WindowStatus, o.Status.InForce, o.Status.Subject, o.Status.Scope = window, s.gives, "user/bob", "acme/prod"
		object = o
	case kinds.PermissionGrant:
		o := &v1alpha1.PermissionGrant{Spec: v1alpha1.PermissionGrantSpec{Permissions: make([]v1alpha1.PermissionEntry, 30)}}
		o.Status.WindowStatus, o.Status.InForce, o.Status.Subject = window, s.gives, "group/ops"
		object = o
	case kinds.TemporaryPermissionGrant:
		o := &v1alpha1.TemporaryPermissionGrant{Spec: v1alpha1.TemporaryPermissionGrantSpec{
			User: "bob", PermissionGrant: v1alpha1.PermissionEntry{Permission: "Invoice:View"}, AccessRequest: &v1alpha1.AccessRequestReference{Name: "asked"},
		}}
		o.Status.StartsAt, o.Status.ExpiresAt, o.Status.Phase, o.Status.InForce = &begins, ends, s.phase, s.gives
		object = o
	case kinds.GroupMembership:
		o := &v1alpha1.GroupMembership{Spec: v1alpha1.GroupMembershipSpec{User: "bob", Group: "ops"}}
		o.Status.WindowStatus, o.Status.InForce = window, s.gives
		object = o
	case kinds.User:
		object = &v1alpha1.User{Spec: v1alpha1.UserSpec{Subject: "bob@acme.example"}}
	}
	object.SetNamespace("acme")
	object.SetName("x")
	object.SetUID("u")
	object.SetCreationTimestamp(begins)
	object.CommonStatus().Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: s.reason}}
	return object
}

func TestWhatBecomesOfAccessIsAnEvent(t *testing.T) {
	active, none := status{true, v1alpha1.PhaseActive, v1alpha1.ReasonInForce}, status{false, v1alpha1.PhaseActive, v1alpha1.ReasonRoleNotFound}
	for _, kind := range []string{kinds.RoleAssignment, kinds.PermissionGrant, kinds.TemporaryPermissionGrant, kinds.GroupMembership} {
		for name, c := range map[string]struct {
			before, after status
			want          string
		}{
			"its end":                    {active, status{false, v1alpha1.PhaseExpired, v1alpha1.ReasonExpired}, typeEnded},
			"its end while suspended":    {none, status{false, v1alpha1.PhaseExpired, v1alpha1.ReasonExpired}, typeEnded},
			"what it names is gone":      {active, none, typeRevoked},
			"another reason, still none": {none, status{false, v1alpha1.PhaseActive, v1alpha1.ReasonUserNotFound}, ""},
			"the user is suspended":      {active, status{false, v1alpha1.PhaseActive, v1alpha1.ReasonUserSuspended}, ""},
			"it begins":                  {status{false, v1alpha1.PhasePending, v1alpha1.ReasonPending}, active, ""},
			"nothing":                    {active, active, ""},
		} {
			got, ok := change(with(kind, c.before), with(kind, c.after), noon)
			if ok != (c.want != "") || got.Type != c.want {
				t.Errorf("%s: %s is %q, want %q", kind, name, got.Type, c.want)
			}
		}
		if got, ok := change(with(kind, active), nil, noon); !ok || got.Type != typeRevoked || got.Data.(Access).Reason != "Deleted" {
			t.Errorf("%s: deleted in force is %+v", kind, got)
		}
		if got, ok := change(with(kind, none), nil, noon); ok {
			t.Errorf("%s: deleted without effect is %+v", kind, got)
		}
	}
	got, _ := change(with(kinds.TemporaryPermissionGrant, active), nil, noon)
	if data := got.Data.(Access); data.Subject != "user/bob" || !slices.Equal(data.Permissions, []string{"Invoice:View"}) || data.AccessRequest != "asked" {
		t.Errorf("%+v", data)
	}
	got, _ = change(with(kinds.PermissionGrant, active), nil, noon)
	if data := got.Data.(Access); len(data.Permissions) != maxPermissions || data.PermissionCount != 30 {
		t.Errorf("%+v", data)
	}
}

func TestASuspensionIsAnEvent(t *testing.T) {
	fine, suspended := with(kinds.User, status{reason: v1alpha1.ReasonValid}), with(kinds.User, status{reason: v1alpha1.ReasonSuspended})
	for name, c := range map[string]struct {
		before, after v1alpha1.Object
		want          string
	}{
		"suspended":       {fine, suspended, typeSuspended},
		"reinstated":      {suspended, fine, typeReinstated},
		"still suspended": {suspended, suspended, ""},
		"deleted":         {suspended, nil, ""},
	} {
		if got, ok := change(c.before, c.after, noon); ok != (c.want != "") || got.Type != c.want {
			t.Errorf("%s is %q, want %q", name, got.Type, c.want)
		}
	}
}

func TestWhatEndsSoonIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(noon.Add(-3 * time.Hour))) // in 36 minutes a tenth of the day is left
		active := status{true, v1alpha1.PhaseActive, v1alpha1.ReasonInForce}
		kind := &v1alpha1.RoleAssignment{}
		r := &receiver{t: t}
		queue := NewQueue(r.sink(), logr.Discard())
		scheme := runtime.NewScheme()
		if err := v1alpha1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		informers := &informertest.FakeInformers{Scheme: scheme}
		informer, err := informers.FakeInformerFor(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		defer started(t, queue.Start)()
		defer started(t, NewWatcher(informers, queue, clock.RealClock{}).Start)()
		synctest.Wait()

		ends, stays, longer := with(kinds.RoleAssignment, active), with(kinds.RoleAssignment, active), with(kinds.RoleAssignment, active)
		stays.SetUID("v")
		stays.(*v1alpha1.RoleAssignment).Status.ExpiresAt = nil
		longer.SetUID("w")
		for _, object := range []v1alpha1.Object{ends, stays, longer} {
			informer.Add(object)
		}
		later := longer.DeepCopyObject().(v1alpha1.Object)
		later.(*v1alpha1.RoleAssignment).Status.ExpiresAt = &metav1.Time{Time: noon.Add(100 * 24 * time.Hour)}
		informer.Update(longer, later)
		<-time.After(35 * time.Minute)
		expectTold(t, r)
		<-time.After(2 * time.Minute)
		expectTold(t, r, "x access.ending")

		// Another status changes nothing; the end is another event, and that of the other one is the day before it.
		same := ends.DeepCopyObject().(v1alpha1.Object)
		meta.SetStatusCondition(&same.CommonStatus().Conditions, metav1.Condition{Type: v1alpha1.ConditionReady, Message: "else"})
		informer.Update(ends, same)
		<-time.After(time.Until(noon))
		over := with(kinds.RoleAssignment, status{false, v1alpha1.PhaseExpired, v1alpha1.ReasonExpired})
		informer.Update(same, over)
		<-time.After(99*24*time.Hour - time.Hour)
		expectTold(t, r, "x access.ending", "x access.ended")
		<-time.After(2 * time.Hour)
		expectTold(t, r, "x access.ending", "x access.ended", "x access.ending")
		informer.Delete(later)
		expectTold(t, r, "x access.ending", "x access.ended", "x access.ending", "x access.revoked")
	})
}
