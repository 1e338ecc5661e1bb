package state_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// [G12] A write is held against its author for what it can come to, and not only for what somebody holds by it now: whoever
// holds nothing is refused, and whoever holds all of it is not.
func TestG12AWriteIsHeldAgainstItsAuthorForWhatItCanComeTo(t *testing.T) {
	later := &metav1.Time{Time: epoch.Add(time.Hour)}
	assigned := func() *build.RoleAssignmentBuilder { return build.RoleAssignment("acme", "a").Gives("editor") }
	granted := func() *build.PermissionGrantBuilder { return build.PermissionGrant("acme", "g").Grants("P0") }
	toInvited := assigned().Obj()
	toInvited.Spec.Subject = v1alpha1.AssignmentSubject{Invitation: "i"}
	assignedLater, grantedLater := assigned().ToUser("bob").Obj(), granted().ToUser("bob").Obj()
	assignedLater.Spec.StartsAt, grantedLater.Spec.StartsAt = later, later
	below := build.Role("acme", "below").Grants("P0").Obj()
	below.Spec.AssignableAt = []v1alpha1.ScopeLevel{v1alpha1.LevelProject}
	member := build.GroupMembership("acme", "m", "newcomer", "crew").Obj()
	memberLater := member.DeepCopy()
	memberLater.Spec.StartsAt = later
	temporary := build.TemporaryPermissionGrant("acme", "t").ToUser("bob").Grants("P0").Obj()
	temporary.Spec.StartsAt, temporary.Spec.ExpiresAt = &metav1.Time{Time: epoch.Add(-90 * time.Minute)}, &metav1.Time{Time: epoch.Add(90 * time.Minute)}
	capped, readministered := declaring(), declaring()
	capped.Spec.TemporaryGrants.MaxDuration = new(v1alpha1.Duration("1h"))
	readministered.Spec.AdminRole = "editor"
	newcomer, sue := build.User("acme", "newcomer").KnownAs("newcomer").Obj(), build.User("acme", "sue").KnownAs("sue").Suspended().Obj()
	same := func(name string) client.Object { return build.User("acme", name).KnownAs("same").Obj() }
	for name, c := range map[string]struct {
		there       []client.Object
		old, object client.Object
		// unresolved is refused to everybody: what it will give is not known.
		unresolved bool
	}{
		"a role":                                  {nil, nil, assigned().ToUser("bob").Obj(), false},
		"a role that begins later":                {nil, nil, assignedLater, false},
		"a role for a suspended user":             {[]client.Object{sue}, nil, assigned().ToUser("sue").Obj(), false},
		"a role for a group without members":      {nil, nil, assigned().ToGroup("crew").Obj(), false},
		"a role for whom accepts an invitation":   {[]client.Object{build.Invitation("acme", "i").Obj()}, nil, toInvited, false},
		"a role at a level that it does not have": {[]client.Object{below}, nil, build.RoleAssignment("acme", "a").Gives("below").ToUser("bob").Obj(), false},
		"a role for nobody":                       {nil, nil, assigned().ToUser("zoe").Obj(), true},
		"a role that is not there":                {nil, nil, build.RoleAssignment("acme", "a").Gives("none").ToUser("bob").Obj(), true},
		"a permission":                            {nil, nil, granted().ToUser("bob").Obj(), false},
		"a permission that begins later":          {nil, nil, grantedLater, false},
		"a permission for a group":                {nil, nil, granted().ToGroup("crew").Obj(), false},
		"a permission that is not declared":       {nil, nil, build.PermissionGrant("acme", "g").ToUser("bob").Grants("P9").Obj(), true},
		"a permission for a time":                 {nil, nil, temporary, false},
		"a member":                                {nil, nil, build.GroupMembership("acme", "m", "bob", "crew").Obj(), false},
		"a user who has a role":                   {[]client.Object{assigned().ToUser("newcomer").Obj()}, nil, newcomer, false},
		"a user whose group has one":              {[]client.Object{member, assigned().ToGroup("crew").Obj()}, nil, newcomer, false},
		"a user whose group will have one":        {[]client.Object{memberLater, assigned().ToGroup("crew").Obj()}, nil, newcomer, false},
		"a user who may ask for one":              {[]client.Object{build.AccessPolicy("acme", "p").For("newcomer").Offers("editor").Obj()}, nil, newcomer, false},
		"the next user but one of a subject":      {[]client.Object{same("x1"), same("x2"), same("x3"), assigned().ToUser("x3").Obj()}, same("x1"), nil, false},
		"a group that has a role":                 {[]client.Object{build.RoleAssignment("acme", "a").Gives("editor").ToGroup("new").Obj()}, nil, build.Group("acme", "new").Obj(), false},
		"an invitation that has one":              {[]client.Object{toInvited}, nil, build.Invitation("acme", "i").Obj(), false},
		"a policy":                                {nil, nil, build.AccessPolicy("acme", "p").For("bob").Offers("editor").Obj(), false},
		"a longer maximum":                        {[]client.Object{capped, temporary}, capped, declaring(), false},
		"another admin role":                      {nil, declaring(), readministered, false},
		"a place":                                 {[]client.Object{assigned().ToUser("bob").InWorkspace("new").Obj()}, declaring(), declaring("new"), false},
		"a place for a suspended user":            {[]client.Object{sue, assigned().ToUser("sue").InWorkspace("new").Obj()}, declaring(), declaring("new"), false},
		"a place where a policy offers something": {[]client.Object{build.AccessPolicy("acme", "p").For("bob").Offers("editor").In("new").Obj()}, declaring(), declaring("new"), false},
	} {
		s := small(append(c.there, build.Role("acme", "editor").Grants("P0").Obj(), build.RoleAssignment("acme", "ann").Gives("admin").ToUser("ann").Obj())...)
		if s.MissingPrivileges("bob", c.old, c.object).Empty() {
			t.Errorf("%s: bob, who holds nothing, lacks nothing", name)
		}
		if missing := s.MissingPrivileges("ann", c.old, c.object); missing.Empty() == c.unresolved || len(missing.Privileges) > 0 {
			t.Errorf("%s: ann, who holds all of it, lacks %+v", name, missing)
		}
	}
}
