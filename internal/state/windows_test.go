package state_test

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

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
				s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
				s.Put(namespace("acme"), build.ResourceType("flows").OfType("flow").Permits("P0").Obj(),
					build.Organization("acme").OwnedBy("ann").AdministeredBy("admin").Obj(), build.Role("acme", "admin").Grants("P0").Obj(),
					build.User("acme", "ann").KnownAs("ann").Obj(), build.User("acme", "bob").KnownAs("bob").Obj(),
					build.Group("acme", "crew").Obj(), held.by)
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
