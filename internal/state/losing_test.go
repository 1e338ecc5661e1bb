package state_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestWhatLosesIsNamedWithPlaceAndField(t *testing.T) {
	smaller := build.Organization("acme").Obj()
	whole := build.Organization("acme").Workspace("prod").Obj()
	kind := build.ResourceType("flow").OfType("flow").Permits("P0").Permits("P1").Obj()
	accepted := build.Invitation("acme", "guest").AcceptedBy("ann").Obj()
	accepted.Annotations = map[string]string{v1alpha1.AnnotationAcceptedAt: epoch.Format(time.RFC3339)}
	accepted.CreationTimestamp = metav1.NewTime(epoch)
	s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	s.Put(
		namespace("acme"), namespace("other"), kind, whole, build.Organization("other").Obj(),
		build.User("acme", "ann").KnownAs("ann").Obj(), build.User("acme", "ben").KnownAs("ben").Obj(), build.User("other", "ann").KnownAs("ann").Obj(),
		build.Group("acme", "devs").Obj(), build.GroupMembership("acme", "member", "ann", "devs").Obj(), accepted,
		build.Role("acme", "parent").Grants("P0").Obj(), build.Role("acme", "child").Inherits("parent").Grants("P1").Obj(),
		build.Role("acme", "sharer").OfType(v1alpha1.RoleShare).Grants("P0").Obj(),
		build.RoleAssignment("acme", "direct").Gives("parent").ToUser("ann").InWorkspace("prod").Obj(),
		build.RoleAssignment("acme", "inherited").Gives("child").ToGroup("devs").Obj(),
		build.RoleAssignment("acme", "invited").Gives("child").ToInvitation("guest").Obj(),
		build.RoleAssignment("acme", "shared").Gives("sharer").ToUser("ben").OnResource("flow", "1").Obj(),
		build.RoleAssignment("acme", "none").Gives("missing").ToUser("ann").Obj(),
		build.PermissionGrant("acme", "granted").ToGroup("devs").Grants("P0").Obj(),
		build.PermissionGrant("acme", "typed").ToUser("ben").Grants("P0", "P1").OnEvery("flow").Obj(),
		build.TemporaryPermissionGrant("acme", "soon").ToUser("ann").Grants("P1").InWorkspace("prod").Until(epoch.Add(time.Hour)).Obj(),
		build.PermissionGrant("other", "elsewhere").ToUser("ann").Grants("P0").Obj(),
	)
	for name, c := range map[string]struct {
		old, object client.Object
		want        []string
	}{
		"a role": {old: build.Role("acme", "parent").Obj(), want: []string{
			"RoleAssignment direct at acme/prod (spec.roleRef)", "RoleAssignment inherited at acme (spec.roleRef, as the Role child inherits it)",
			"RoleAssignment invited at acme (spec.roleRef, as the Role child inherits it)"}},
		"a role that nobody has": {old: build.Role("acme", "missing").Obj()},
		"a group": {old: build.Group("acme", "devs").Obj(), want: []string{
			"GroupMembership member at acme (spec.group)", "PermissionGrant granted at acme (spec.subject.group)", "RoleAssignment inherited at acme (spec.subject.group)"}},
		"a user": {old: build.User("acme", "ann").Obj(), want: []string{
			"GroupMembership member at acme (spec.user)", "RoleAssignment direct at acme/prod (spec.subject.user)",
			"RoleAssignment invited at acme (spec.subject.invitation)", "TemporaryPermissionGrant soon at acme/prod (spec.user)"}},
		"another user": {old: build.User("acme", "ben").Obj(), want: []string{
			"PermissionGrant typed at acme/flow/* (spec.subject.user)", "RoleAssignment shared at acme/flow/1 (spec.subject.user)"}},
		"a scope":         {old: whole, object: smaller, want: []string{"RoleAssignment direct at acme/prod (spec.scope)", "TemporaryPermissionGrant soon at acme/prod (spec.scope)"}},
		"no scope":        {old: whole, object: whole},
		"one more scope":  {old: smaller, object: whole},
		"an organization": {old: build.Organization("other").Obj(), want: []string{"PermissionGrant elsewhere at other (metadata.namespace)"}},
		"a type": {old: kind, want: []string{
			"PermissionGrant granted at acme (spec.permissions)", "PermissionGrant typed at acme/flow/* (spec.permissions)", "PermissionGrant elsewhere at other (spec.permissions)",
			"Role child at acme (spec.permissionGrants)", "Role parent at acme (spec.permissionGrants)", "Role sharer at acme (spec.permissionGrants)",
			"RoleAssignment shared at acme/flow/1 (spec.scope.resource)", "TemporaryPermissionGrant soon at acme/prod (spec.permissionGrant)"}},
		"an assignment": {old: build.RoleAssignment("acme", "direct").Obj()},
	} {
		var got []string
		for _, loss := range s.Losing(c.old, c.object) {
			got = append(got, loss.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%q, want\n%q", name, got, c.want)
		}
	}
}
