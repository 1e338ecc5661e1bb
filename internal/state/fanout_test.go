package state_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// many is how many objects hang on one.
const many = 1000

// each makes many objects.
func each[O client.Object](object func(n int) O) (objects []client.Object) {
	for n := range many {
		objects = append(objects, object(n))
	}
	return objects
}

// [F8] Where many objects hang on one, a write looks at each that it concerns once, and at no other.
func TestF8AWriteLooksOnceAtWhatItConcerns(t *testing.T) {
	number := func(prefix string, n int) string { return fmt.Sprintf("%s-%04d", prefix, n) }
	alone, another := build.Role("acme", "alone").Grants("P001").Obj(), build.User("acme", "another").KnownAs("another").Obj()
	squatters := each(func(n int) *v1alpha1.RoleAssignment {
		return by(mallory, build.RoleAssignment("acme", number("refused", n)).Gives("alone").ToUser("another").Obj())
	})
	nobodys := each(func(n int) *v1alpha1.RoleAssignment {
		return by(policy.Author{Username: "without the prefix"}, build.RoleAssignment("acme", number("nobodys", n)).Gives("alone").ToUser("another").Obj())
	})
	requests := each(func(n int) *v1alpha1.AccessRequest {
		return build.AccessRequest("acme", number("asks", n), "another").Permission(v1alpha1.PermissionEntry{Permission: permission(n % 250)}).InWorkspace(number("w", n/250)).For("1h").Obj()
	})
	team, inTeam := build.Group("acme", "team").Configures("Invite").Obj(), each(func(n int) *v1alpha1.GroupMembership {
		return build.GroupMembership("acme", number("member", n), number("u", n), "team").As(v1alpha1.GroupAdmin).Obj()
	})
	users := each(func(n int) *v1alpha1.User {
		return build.User("acme", number("u", n)).KnownAs(number("u", n)).ReachedAt(number("u", n) + "@acme.example").Obj()
	})
	scopes := func(count int) *v1alpha1.Organization {
		organization := build.Organization("acme").WarnsOfLastRoles()
		for n := range count {
			organization.Workspace(number("w", n))
		}
		return organization.Obj()
	}
	inScopes := each(func(n int) *v1alpha1.RoleAssignment {
		return build.RoleAssignment("acme", number("scoped", n)).Gives("alone").ToUser("another").InWorkspace(number("w", n)).Obj()
	})
	ofTeam := each(func(n int) *v1alpha1.RoleAssignment {
		return build.RoleAssignment("acme", number("of-team", n)).Gives("alone").ToGroup("team").Until(epoch.AddDate(1, 0, n)).Obj()
	})
	together := func(lists ...[]client.Object) (all []client.Object) {
		for _, list := range lists {
			all = append(all, list...)
		}
		return append(all, alone, another)
	}
	for name, c := range map[string]struct {
		objects []client.Object
		write   func(c costs)
		// evaluated and checked are the most that the write may cost.
		evaluated, checked int64
	}{
		"another's assignment, beside refused ones": {together(squatters), func(c costs) {
			c.Put(build.RoleAssignment("acme", "x").Gives("alone").ToUser("another").Obj())
		}, 3, 0},
		"a Role of another, beside refused ones": {together(squatters), func(c costs) {
			c.Put(build.Role("acme", "x").Grants("P002").Obj())
		}, 3, 0},
		"a User, beside those of who stands for nobody": {together(nobodys), func(c costs) {
			c.Put(build.User("acme", "x").KnownAs("x").Obj())
		}, 3, 0},
		"a Role that is refused to many": {together(squatters), func(c costs) {
			c.Put(build.Role("acme", "alone").Grants("P001", "P002").Obj())
		}, many + 3, many},
		"what the author of refused ones lacks": {together(squatters), func(c costs) {
			c.Put(build.RoleAssignment("acme", "x").Gives("alone").ToUser("mallory").Obj())
		}, many + 3, many},
		"a text of a Group with many members": {together(users, inTeam, []client.Object{team}), func(c costs) {
			now := team.DeepCopy()
			now.Spec.Description = "another text"
			c.Put(now)
		}, 2, 0},
		"what the admins of a Group may do": {together(users, inTeam, []client.Object{team}), func(c costs) {
			c.Put(build.Group("acme", "team").Configures("Invite", "Remove").Obj())
		}, many + 2, 0},
		"a role for a Group with many members": {together(users, inTeam, []client.Object{team}), func(c costs) {
			c.Put(build.RoleAssignment("acme", "x").Gives("alone").ToGroup("team").Obj())
		}, 2, 0},
		"one of many memberships of one User in one Group": {together(each(func(n int) *v1alpha1.GroupMembership {
			return build.GroupMembership("acme", number("same", n), "another", "team").Obj()
		}), []client.Object{team}), func(c costs) {
			c.Remove(kinds.RefOf(build.GroupMembership("acme", number("same", 0), "another", "team").Obj()))
		}, many + 1, 0},
		"an edit of a Role in use at many scopes": {together(inScopes, []client.Object{scopes(many)}), func(c costs) {
			c.Put(build.Role("acme", "alone").Grants("P001", "P002").Obj())
		}, 2, 0},
		"one of many scopes": {together(inScopes, []client.Object{scopes(many)}), func(c costs) { c.Put(scopes(many - 1)) }, 4, 0},
		"a suspension of a User with many roles": {together(inScopes, []client.Object{scopes(many)}), func(c costs) {
			c.Put(build.User("acme", "another").KnownAs("another").Suspended().Obj())
		}, many + 2, 0},
		"many roles that end at once, of a User in a Group with as many": {together(inScopes, ofTeam, []client.Object{
			scopes(many), team, build.GroupMembership("acme", "m", "another", "team").Obj(),
		}), func(c costs) {
			var all []client.Object
			for _, object := range inScopes {
				gone := deleted(object.(*v1alpha1.RoleAssignment))
				gone.Finalizers = []string{v1alpha1.Finalizer}
				all = append(all, gone)
			}
			c.Put(all...)
		}, 2*many + 2, many},
		"a User, beside many requests of one": {together(requests, []client.Object{scopes(many)}), func(c costs) {
			c.Put(build.User("acme", "x").KnownAs("x").Obj())
		}, many + 3, many},
		"the twins of one of many Users": {together(users), func(c costs) {
			twins := c.TwinsOf(build.User("acme", "x").KnownAs("U-0001").ReachedAt("U-0001@acme.example").Obj())
			if len(twins.SameSubject) != 1 || len(twins.SameAddress) != 1 {
				t.Errorf("the twins are %+v", twins)
			}
		}, 0, 2},
		"who of many may be meant": {together(users), func(c costs) {
			if near := c.NearSubjects("acme", "oidc:u-0001"); len(near) != 1 {
				t.Errorf("near is %v", near)
			}
		}, 0, 1},
		"who of many has an address": {together(users), func(c costs) {
			if reached := c.UsersWithAddress("acme", "U-0001@acme.example"); len(reached) != 1 {
				t.Errorf("%v have the address", reached)
			}
		}, 0, 1},
		"what one of many invitations is for": {together(each(func(n int) *v1alpha1.Invitation {
			invitation := build.Invitation("acme", number("i", n)).Obj()
			invitation.CreationTimestamp = metav1.NewTime(epoch)
			invitation.Spec.Email = number("u", n) + "@acme.example"
			return invitation
		})), func(c costs) {
			if c.MissingPrivileges("another", nil, build.User("acme", "x").KnownAs("x").ReachedAt("U-0001@acme.example").Obj()).Empty() {
				t.Error("whoever is invited is let in by anybody")
			}
		}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			counted := newCosts(t, c.objects...)
			checked := counted.Checked("acme")
			evaluated, _ := counted.counting(func() { c.write(counted) })
			if checked = counted.Checked("acme") - checked; evaluated > c.evaluated || checked > c.checked {
				t.Errorf("%d objects are evaluated and %d looked at, want at most %d and %d", evaluated, checked, c.evaluated, c.checked)
			}
		})
	}
}
