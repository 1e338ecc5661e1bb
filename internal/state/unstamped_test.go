package state_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// What is written while the operator is away nobody has stamped. A ServiceAccount has created it that need not hold it, but one
// of somebody who is suspended gives nothing, whatever verbs it has.
func TestWhatNobodyHasStampedIsNotThatOfASuspendedServiceAccount(t *testing.T) {
	const robot = "system:serviceaccount:acme:robot"
	suspended := func(subject string) *v1alpha1.User {
		user := by(git, build.User("acme", "machine").KnownAs(subject).Obj())
		user.Spec.Suspended = true
		return user
	}
	mapped := build.Organization("acme").AdministeredBy("admin").OwnedBy("root").Workspace("prod").Obj()
	mapped.Spec.Usernames = []v1alpha1.UsernameMapping{{Username: robot, Subject: "somebody-else"}}
	team := by(git, build.Group("acme", "team").Obj())
	for kind, x := range map[string]v1alpha1.Object{
		"an assignment":     build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj(),
		"a grant":           build.PermissionGrant("acme", "x").ToUser("new").Grants("View").Obj(),
		"a temporary grant": build.TemporaryPermissionGrant("acme", "x").ToUser("new").Grants("View").For("1h").Obj(),
		"a membership":      build.GroupMembership("acme", "x", "new", "team").Obj(),
	} {
		x.SetUID("x")
		x.SetGeneration(1)
		x.SetCreationTimestamp(metav1.NewTime(epoch))
		carriedOut := saidToBeInForce(x)
		waited := x.DeepCopyObject().(v1alpha1.Object)
		waited.CommonStatus().ObservedGeneration = 1
		waited.CommonStatus().Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonUserNotFound}}
		refused := x.DeepCopyObject().(v1alpha1.Object)
		refused.CommonStatus().ObservedGeneration = 1
		refused.CommonStatus().Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotHeld}}
		stamped := by(git, x.DeepCopyObject().(v1alpha1.Object))
		own := by(policy.Author{Username: robot, Subject: "root", Verb: "bind", Generation: 1}, x.DeepCopyObject().(v1alpha1.Object))
		expect := func(s *state.State, name string, inForce bool) {
			t.Helper()
			if outcome, _ := s.Outcome(kinds.RefOf(x)); outcome.InForce != inForce || !inForce && outcome.Reason != v1alpha1.ReasonNotHeld {
				t.Errorf("[F9] %s, %s: %s, in force %v: %s", kind, name, outcome.Reason, outcome.InForce, outcome.Message)
			}
		}
		for name, c := range map[string]struct {
			x       v1alpha1.Object
			others  []client.Object
			inForce bool
		}{
			"nobody is suspended":              {x, nil, true},
			"a person is":                      {x, []client.Object{suspended("somebody-else")}, true},
			"a ServiceAccount is":              {x, []client.Object{suspended(robot)}, false},
			"the User is that it is mapped to": {x, []client.Object{suspended("somebody-else"), mapped}, false},
			"it was carried out before":        {carriedOut, []client.Object{suspended(robot)}, true},
			"it was refused before":            {refused, []client.Object{suspended(robot)}, false},
			"it waited for something else":     {waited, []client.Object{suspended(robot)}, false},
			"it is stamped":                    {stamped, []client.Object{suspended(robot)}, true},
			"by a stamp of its own":            {own, []client.Object{suspended(robot)}, false},
			"by its own, mapped":               {own, []client.Object{suspended("somebody-else"), mapped}, false},
			"by its own, and another one is":   {own, []client.Object{suspended(robot + "2")}, true},
			"by its own, carried out before":   {saidToBeInForce(own), []client.Object{suspended(robot)}, true},
		} {
			for who, s := range map[string]*state.State{"who leads": squatted(newcomerOf(), team), "who follows, and then leads": state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))} {
				objects := append([]client.Object{c.x.DeepCopyObject().(client.Object)}, c.others...)
				if who == "who leads" {
					s.Put(objects...)
				} else {
					s.Follow(nil, organizationOf(append(objects, newcomerOf(), team)...)...)
					s.Judge()
				}
				expect(s, name+": "+who, c.inForce)
			}
		}
		s := squatted(newcomerOf(), team, x.DeepCopyObject().(client.Object), suspended("somebody-else"))
		robots := suspended(robot)
		robots.Name = "robot"
		s.Put(robots)
		s.Put(build.Role("acme", "viewer").Grants("View", "Edit").Obj(), newcomerOf())
		s.Put(x.DeepCopyObject().(client.Object))
		expect(s, "suspended after it took effect", true)
		s.Remove(kinds.RefOf(x))
		s.Put(x.DeepCopyObject().(client.Object))
		expect(s, "made anew", false)
		robots.Spec.Suspended = false
		s.Put(robots)
		expect(s, "no longer suspended", true)
		s.Remove(kinds.RefOf(x))
		robots.Spec.Suspended = true
		s.Put(robots, x.DeepCopyObject().(client.Object))
		expect(s, "suspended again, and made anew", false)
		s.Remove(kinds.RefOf(robots))
		expect(s, "the User is gone", true)
		if state.Unchanged(x, carriedOut) || state.Unchanged(carriedOut, refused) {
			t.Errorf("[F9] %s: whoever follows does not learn whether it was carried out", kind)
		}
		if by(git, carriedOut); !state.Unchanged(stamped, carriedOut) {
			t.Errorf("[F9] %s: what is stamped is evaluated again when its status is written", kind)
		}
	}
}

// saidToBeInForce is an object of which the status says that it is in force as it is written.
func saidToBeInForce(object v1alpha1.Object) v1alpha1.Object {
	said := object.DeepCopyObject().(v1alpha1.Object)
	said.CommonStatus().ObservedGeneration = said.GetGeneration()
	switch o := said.(type) {
	case *v1alpha1.RoleAssignment:
		o.Status.InForce = true
	case *v1alpha1.PermissionGrant:
		o.Status.InForce = true
	case *v1alpha1.TemporaryPermissionGrant:
		o.Status.InForce = true
	case *v1alpha1.GroupMembership:
		o.Status.InForce = true
	}
	return said
}

func TestWhatNobodyHasStampedMeansThePersonOfTheMoment(t *testing.T) {
	newcomer := func(uid types.UID, subject string) *v1alpha1.User {
		user := by(git, build.User("acme", "new").KnownAs(subject).Obj())
		user.UID = uid
		return user
	}
	s := squatted(newcomer("first", "first"), by(git, build.Group("acme", "team").Obj()))
	stamped := func(object v1alpha1.Object) v1alpha1.Object {
		object.SetUID("x")
		if err := s.StampUnstamped(object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	for kind, x := range map[string]v1alpha1.Object{
		"an assignment":     build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj(),
		"a grant":           build.PermissionGrant("acme", "x").ToUser("new").Grants("View").Obj(),
		"a temporary grant": build.TemporaryPermissionGrant("acme", "x").ToUser("new").Grants("View").For("1h").Obj(),
		"a membership":      build.GroupMembership("acme", "x", "new", "team").Obj(),
	} {
		x.SetCreationTimestamp(metav1.NewTime(epoch))
		stamped(x)
		for name, c := range map[string]struct {
			user    *v1alpha1.User
			inForce bool
		}{
			"the person": {newcomer("first", "first"), true}, "another name, by an edit that nobody has stamped": {nil, true}, "the person, made anew": {newcomer("second", "first"), true}, "another person": {newcomer("second", "second"), false},
		} {
			x := x.DeepCopyObject().(v1alpha1.Object)
			if c.user == nil {
				renamed, err := json.Marshal(x)
				if err != nil || json.Unmarshal([]byte(strings.Replace(string(renamed), `"user":"new"`, `"user":"mallory"`, 1)), x) != nil {
					t.Fatal(err)
				}
				c.user = newcomer("second", "second")
			}
			after := squatted(c.user, by(git, build.Group("acme", "team").Obj()), x)
			if outcome, _ := after.Outcome(kinds.RefOf(x)); outcome.InForce != c.inForce || !c.inForce && outcome.Reason != v1alpha1.ReasonNameNotConfirmed {
				t.Errorf("[F9] %s: %s: %s, in force %v: %s", kind, name, outcome.Reason, outcome.InForce, outcome.Message)
			}
		}
	}
	gits := by(git, build.RoleAssignment("acme", "y").Gives("viewer").ToUser("new").Obj())
	for name, x := range map[string]v1alpha1.Object{
		"what is stamped": gits, "what names nobody yet": build.RoleAssignment("acme", "y").Gives("viewer").ToUser("later").Obj(), "a Role": build.Role("acme", "r").Obj(),
	} {
		before := maps.Clone(x.GetAnnotations())
		if stamped(x); !maps.Equal(before, x.GetAnnotations()) {
			t.Errorf("[F9] %s is stamped: %v", name, x.GetAnnotations())
		}
	}
}
