package state_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// revoking is an organization that alice owns, with the roles admin and editor.
type revoking struct {
	t     *testing.T
	state *state.State
}

func newRevoking(t *testing.T) *revoking {
	r := &revoking{t, state.New(limits, clocktesting.NewFakePassiveClock(epoch))}
	r.state.Put(namespace("acme"), build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").Workspace("prod").Obj(),
		build.ResourceType("app").Permits("View").Obj(), build.User("acme", "alice").Obj(),
		build.Role("acme", "admin").Grants("View").Obj(), build.Role("acme", "editor").Grants("View").Obj())
	return r
}

// given is an assignment to alice; the younger, the greater its age.
func given(name, role string, age int) *v1alpha1.RoleAssignment {
	o := build.RoleAssignment("acme", name).Gives(role).ToUser("alice").Obj()
	o.UID, o.Finalizers = types.UID(name), []string{v1alpha1.Finalizer}
	o.CreationTimestamp = metav1.NewTime(epoch.Add(time.Duration(age) * time.Second))
	return o
}

func deleted(o *v1alpha1.RoleAssignment) *v1alpha1.RoleAssignment {
	o = o.DeepCopy()
	o.DeletionTimestamp = &metav1.Time{Time: epoch.Add(time.Hour)}
	return o
}

// stay expects these assignments to be in force.
func (r *revoking) stay(of []*v1alpha1.RoleAssignment, want ...string) {
	r.t.Helper()
	var have []string
	for _, o := range of {
		if outcome, _ := r.state.Outcome(kinds.RefOf(o)); outcome.InForce {
			have = append(have, o.Name)
		}
	}
	if !slices.Equal(have, want) {
		r.t.Errorf("in force are %q, want %q", have, want)
	}
}

func TestWhichOfSeveralDeletedAssignmentsStays(t *testing.T) {
	for name, c := range map[string]struct {
		given []*v1alpha1.RoleAssignment
		want  []string
	}{
		"the youngest":                             {[]*v1alpha1.RoleAssignment{given("a", "editor", 1), given("b", "editor", 3), given("c", "editor", 2)}, []string{"b"}},
		"of one age, the last by name":             {[]*v1alpha1.RoleAssignment{given("a", "editor", 1), given("b", "editor", 1)}, []string{"b"}},
		"an owner's admin role, though it's older": {[]*v1alpha1.RoleAssignment{given("a", "admin", 1), given("b", "editor", 2)}, []string{"a"}},
		"the youngest of two admin roles":          {[]*v1alpha1.RoleAssignment{given("a", "admin", 1), given("b", "admin", 2), given("c", "editor", 3)}, []string{"b"}},
		"none that is not in force":                {[]*v1alpha1.RoleAssignment{given("a", "nothing", 1)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRevoking(t)
			var all []client.Object
			for _, o := range c.given {
				r.state.Put(o)
				all = append(all, deleted(o))
			}
			r.state.Put(all...)
			r.stay(c.given, c.want...)
		})
	}
}

func TestZ9ALastRoleGoesWhereTheUserHasOneThroughAGroupOrTheOrganizationWarns(t *testing.T) {
	member := func() *v1alpha1.GroupMembership { return build.GroupMembership("acme", "m", "alice", "devs").Obj() }
	toGroup := func() *v1alpha1.RoleAssignment {
		return build.RoleAssignment("acme", "g").Gives("editor").ToGroup("devs").Obj()
	}
	until := v1alpha1.Window{ExpiresAt: &metav1.Time{Time: epoch.Add(time.Hour)}}
	timedMember, timedRole, waiting := member(), toGroup(), member()
	timedMember.Spec.Window, timedRole.Spec.Window = until, until
	paused(waiting, true)
	waiting.Spec.Group = "others"
	warns := build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").Workspace("prod").WarnsOfLastRoles().Obj()
	for name, c := range map[string]struct {
		also    []client.Object
		stays   bool
		warning string
	}{
		"a role of the group":                       {[]client.Object{toGroup(), member()}, false, ""},
		"one that ends":                             {[]client.Object{timedRole, member()}, true, ""},
		"a membership that ends":                    {[]client.Object{toGroup(), timedMember}, true, ""},
		"a membership with an edit that waits":      {[]client.Object{toGroup(), member(), waiting}, true, ""},
		"a group without a role":                    {[]client.Object{member()}, true, ""},
		"a role of a group that the user is not in": {[]client.Object{toGroup()}, true, ""},
		"an Organization that warns":                {[]client.Object{warns}, false, "the RoleAssignment a is the last role of the User alice"},
	} {
		t.Run(name, func(t *testing.T) {
			r, a := newRevoking(t), given("a", "editor", 1)
			r.state.Put(build.Group("acme", "devs").Obj(), a)
			r.state.Put(c.also...)
			why, warning := r.state.Protected(a, nil)
			if (why != "") != c.stays || warning != c.warning {
				t.Errorf("refused: %q, warned: %q", why, warning)
			}
			r.state.Put(deleted(a))
			if c.stays {
				r.stay([]*v1alpha1.RoleAssignment{a}, "a")
			} else {
				r.stay([]*v1alpha1.RoleAssignment{a})
			}

			before := newRevoking(t) // what is deleted already goes when that comes to be
			before.state.Put(build.Group("acme", "devs").Obj(), a, deleted(a))
			before.stay([]*v1alpha1.RoleAssignment{a}, "a")
			before.state.Put(c.also...)
			if c.stays {
				before.stay([]*v1alpha1.RoleAssignment{a}, "a")
			} else {
				before.stay([]*v1alpha1.RoleAssignment{a})
			}
		})
	}
}

func TestZ9ARefusalNamesEveryWayOut(t *testing.T) {
	r, a := newRevoking(t), given("a", "editor", 1)
	r.state.Put(a)
	why, _ := r.state.Protected(a, nil)
	for _, words := range []string{"the RoleAssignment a", "last role of the User alice", "assign another one first", "to a Group that the User is in", "suspend or delete the User", "the verb escalate on the Organization acme", "spec.lastRolePolicy to Warn"} {
		if !strings.Contains(why, words) {
			t.Errorf("%q is missing in %q", words, why)
		}
	}
}

func TestAnOwnersAdministrationStaysWhateverIsWarnedOf(t *testing.T) {
	r, a := newRevoking(t), given("a", "admin", 1)
	r.state.Put(build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").WarnsOfLastRoles().Obj(), a)
	if why, _ := r.state.Protected(a, nil); !strings.Contains(why, "owns the organization, and the RoleAssignment a") {
		t.Errorf("[Z8] it says %q", why)
	}
	r.state.Put(deleted(a))
	r.stay([]*v1alpha1.RoleAssignment{a}, "a")
}

func TestWhatHasBeenLetGoNeverComesBack(t *testing.T) {
	r := newRevoking(t)
	older, younger := given("older", "editor", 1), given("younger", "editor", 2)
	both := []*v1alpha1.RoleAssignment{older, younger}
	r.state.Put(older, younger)
	r.state.Put(deleted(younger)) // the older stands: its finalizer may be gone in the next moment
	r.stay(both, "older")
	r.state.Put(deleted(older))
	r.stay(both, "older")
	r.state.Put(deleted(younger))
	r.stay(both, "older")

	another := given("younger", "editor", 3)
	another.UID = "another"
	r.state.Put(another) // of the same name, and free to hold
	r.stay(both, "younger")
}

func TestWhatHasNoFinalizerGivesNothingWhileItIsDeleted(t *testing.T) {
	r := newRevoking(t)
	only := deleted(given("only", "editor", 1))
	only.Finalizers = []string{"example.com/hold"}
	r.state.Put(only)
	r.stay([]*v1alpha1.RoleAssignment{only})
}

func TestAUserMadeAnewTakesOverWhatAnInvitationGives(t *testing.T) {
	r := newRevoking(t)
	toGuest := build.RoleAssignment("acme", "guest").Gives("editor").ToInvitation("guest").Obj()
	invited := build.Invitation("acme", "guest").AcceptedBy("alice").Obj()
	invited.CreationTimestamp = metav1.NewTime(epoch)
	r.state.Put(invited, toGuest)
	before := r.state.DesiredTuples()
	r.state.Put(build.User("acme", "alice").KnownAs("zoe").Obj())
	for _, key := range r.state.DesiredTuples() {
		if slices.Contains(before, key) && key.Relation == "assignee" {
			t.Errorf("%v is still wanted", key)
		}
	}
}
