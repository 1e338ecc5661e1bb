package state_test

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// [T2] Who manages a group by a membership that ends does not say who is in it; who does so for good does.
func TestAGroupsAdminForATimeSaysNotWhoIsInIt(t *testing.T) {
	for name, c := range map[string]struct {
		by     *build.GroupMembershipBuilder
		covers bool
	}{
		"for good":   {build.GroupMembership("acme", "a", "ann", "crew"), true},
		"begun":      {build.GroupMembership("acme", "a", "ann", "crew").From(epoch.Add(-time.Hour)), true},
		"for a time": {build.GroupMembership("acme", "a", "ann", "crew").Until(epoch.Add(time.Hour)), false},
		"later":      {build.GroupMembership("acme", "a", "ann", "crew").From(epoch.Add(time.Hour)), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := small(c.by.As(v1alpha1.GroupAdmin).Obj())
			for _, given := range []*build.GroupMembershipBuilder{
				build.GroupMembership("acme", "m", "bob", "crew"), build.GroupMembership("acme", "m", "bob", "crew").Until(epoch.Add(time.Minute)),
			} {
				if missing := s.MissingPrivileges("ann", nil, given.Obj()); missing.Empty() != c.covers {
					t.Errorf("missing %+v, want none: %t", missing, c.covers)
				}
			}
		})
	}
}

// [T2] What names somebody and has ended gives them nothing, so that nobody has to hold it who declares them.
func TestWhatHasEndedGivesNobodyAnything(t *testing.T) {
	ended, runs := epoch.Add(-time.Hour), epoch.Add(time.Hour)
	carol := build.User("acme", "carol").KnownAs("carol").Obj()
	crew := build.Group("acme", "crew").Configures("can_run").Obj()
	admin := build.GroupMembership("acme", "m", "bob", "crew").As(v1alpha1.GroupAdmin)
	for name, c := range map[string]struct {
		named       func(end time.Time) client.Object
		old, object client.Object
	}{
		"a role": {func(end time.Time) client.Object {
			return build.RoleAssignment("acme", "given").Gives("admin").ToUser("carol").Until(end).Obj()
		}, nil, carol},
		"a permission": {func(end time.Time) client.Object {
			return build.PermissionGrant("acme", "given").ToUser("carol").Grants("P0").Until(end).Obj()
		}, nil, carol},
		"a membership": {func(end time.Time) client.Object {
			return build.GroupMembership("acme", "given", "carol", "crew").As(v1alpha1.GroupAdmin).Until(end).Obj()
		}, nil, carol},
		"a role at a new place": {func(end time.Time) client.Object {
			return build.RoleAssignment("acme", "given").Gives("admin").ToUser("bob").InWorkspace("new").Until(end).Obj()
		}, declaring(), declaring("new")},
		"an admin's": {func(end time.Time) client.Object { return admin.Until(end).Obj() }, build.Group("acme", "crew").Obj(), crew},
	} {
		t.Run(name, func(t *testing.T) {
			for end, gives := range map[time.Time]bool{ended: false, runs: true} {
				s := small(c.named(end))
				if missing := s.MissingPrivileges("ann", c.old, c.object); missing.Empty() == gives {
					t.Errorf("with an end at %s: missing %+v, want some: %t", end, missing, gives)
				}
			}
		})
	}
}

// [T1] A decision says until when it holds if nothing is edited.
func TestADecisionSaysUntilWhenItHolds(t *testing.T) {
	soon, later := epoch.Add(time.Hour), epoch.Add(2*time.Hour)
	role := func(name string) *build.RoleAssignmentBuilder {
		return build.RoleAssignment("acme", name).Gives("admin").ToUser("bob")
	}
	crew := func() *build.RoleAssignmentBuilder {
		return build.RoleAssignment("acme", "crew").Gives("admin").ToGroup("crew")
	}
	member := func() *build.GroupMembershipBuilder { return build.GroupMembership("acme", "m", "bob", "crew") }
	for name, c := range map[string]struct {
		objects []client.Object
		allowed bool
		until   time.Time
	}{
		"a role for good":                {[]client.Object{role("a").Obj()}, true, time.Time{}},
		"a role that ends":               {[]client.Object{role("a").Until(soon).Obj()}, true, soon},
		"a role that begins":             {[]client.Object{role("a").From(soon).Obj()}, false, soon},
		"a role that has ended":          {[]client.Object{role("a").Until(epoch).Obj()}, false, time.Time{}},
		"one for good beside it":         {[]client.Object{role("a").Until(soon).Obj(), role("b").Obj()}, true, time.Time{}},
		"a longer one beside it":         {[]client.Object{role("a").Until(soon).Obj(), role("b").Until(later).Obj()}, true, later},
		"a permission that ends":         {[]client.Object{build.PermissionGrant("acme", "g").ToUser("bob").Grants("P0").Until(soon).Obj()}, true, soon},
		"a membership that ends":         {[]client.Object{crew().Obj(), member().Until(soon).Obj()}, true, soon},
		"a membership that begins":       {[]client.Object{crew().Obj(), member().From(soon).Obj()}, false, soon},
		"a group's role that ends":       {[]client.Object{crew().Until(soon).Obj(), member().Obj()}, true, soon},
		"whichever of both ends first":   {[]client.Object{crew().Until(later).Obj(), member().Until(soon).Obj()}, true, soon},
		"what is never held at one time": {[]client.Object{crew().From(later).Obj(), member().Until(soon).Obj()}, false, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := small(c.objects...).Decide("acme", entitlement.Question{Subject: "bob", Permission: "P0", At: scope.Path{Organization: "acme"}})
			if answer.Allowed != c.allowed || !answer.ValidUntil.Equal(c.until) {
				t.Errorf("allowed %t until %v, want %t until %v", answer.Allowed, answer.ValidUntil, c.allowed, c.until)
			}
		})
	}
}

// declaring is the organization of small, with workspaces.
func declaring(workspaces ...string) *v1alpha1.Organization {
	organization := build.Organization("acme").OwnedBy("ann").AdministeredBy("admin")
	for _, name := range workspaces {
		organization.Workspace(name)
	}
	return organization.Obj()
}

// small is an organization with ann, who has nothing but what these objects give her, bob, and the group crew.
func small(objects ...client.Object) *state.State {
	s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	s.Put(append([]client.Object{
		namespace("acme"), build.ResourceType("flows").OfType("flow").Permits("P0").Obj(),
		declaring(), build.Role("acme", "admin").Grants("P0").Obj(),
		build.User("acme", "ann").KnownAs("ann").Obj(), build.User("acme", "bob").KnownAs("bob").Obj(),
		build.Group("acme", "crew").Obj(),
	}, objects...)...)
	return s
}

// [T2] What is held with an end covers neither what its holder gives nor any right over groups; what is given for longer
// gives something, and what is given for less time is none.
func TestWhatHasAnEndCoversNothing(t *testing.T) {
	soon, later := epoch.Add(time.Hour), epoch.Add(2*time.Hour)
	admin := func() *build.RoleAssignmentBuilder {
		return build.RoleAssignment("acme", "admin").Gives("admin").ToUser("ann")
	}
	given := func() *build.RoleAssignmentBuilder {
		return build.RoleAssignment("acme", "given").Gives("admin").ToUser("bob")
	}
	changes := map[string]struct {
		old, object client.Object
		gives       bool
	}{
		"a role":           {nil, given().Obj(), true},
		"a role with end":  {nil, given().Until(soon).Obj(), true},
		"a membership":     {nil, build.GroupMembership("acme", "m", "bob", "crew").Until(soon).Obj(), true},
		"a permission":     {nil, build.PermissionGrant("acme", "g").ToUser("bob").Grants("P0").Until(soon).Obj(), true},
		"an extension":     {given().Until(soon).Obj(), given().Until(later).Obj(), true},
		"no end any more":  {given().Until(soon).Obj(), given().Obj(), true},
		"a shortening":     {given().Until(later).Obj(), given().Until(soon).Obj(), false},
		"an end":           {given().Obj(), given().Until(soon).Obj(), false},
		"an earlier end":   {build.PermissionGrant("acme", "g").ToUser("bob").Grants("P0").Obj(), build.PermissionGrant("acme", "g").ToUser("bob").Grants("P0").Until(soon).Obj(), false},
		"a longer one too": {build.PermissionGrant("acme", "g").ToUser("bob").Grants("P0").Until(soon).Obj(), build.PermissionGrant("acme", "g").ToUser("bob").Grants("P0").Until(later).Obj(), true},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			for _, held := range []struct {
				by     *v1alpha1.RoleAssignment
				covers bool
			}{{admin().Obj(), true}, {admin().From(epoch).Obj(), true}, {admin().Until(later.Add(time.Hour)).Obj(), false}, {admin().From(soon).Obj(), false}} {
				s := small(held.by)
				if change.old != nil {
					s.Put(change.old.DeepCopyObject().(client.Object))
				}
				missing := s.MissingPrivileges("ann", change.old, change.object)
				if want := !change.gives || held.covers; missing.Empty() != want {
					t.Errorf("held from %v until %v: missing %+v, want none: %t", held.by.Spec.StartsAt, held.by.Spec.ExpiresAt, missing, want)
				}
			}
		})
	}
}
