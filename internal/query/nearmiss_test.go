package query_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func temporary() *build.TemporaryPermissionGrantBuilder {
	return build.TemporaryPermissionGrant("acme", "tmp").ToUser("alice").Grants("View")
}

func deleting[T v1alpha1.Object](object T) T {
	now := metav1.NewTime(noon)
	object.SetDeletionTimestamp(&now)
	return object
}

func created[T v1alpha1.Object](ago time.Duration, object T) T {
	object.SetCreationTimestamp(metav1.NewTime(noon.Add(-ago)))
	return object
}

// Each world lacks one thing, and says which.
func TestTheNearestMissSaysWhatIsMissing(t *testing.T) {
	view := query.Question{User: "alice", Permission: "View", At: prod}
	edit := query.Question{User: "alice", Permission: "Edit", At: prod, Attributes: map[string]any{"color": "blue"}}
	alice := func() *build.UserBuilder {
		return build.User("acme", "alice").KnownAs("alice@acme").ReachedAt("alice@acme.example")
	}
	var long []string // more than the store takes
	for n := range 200 {
		long = append(long, fmt.Sprint(n, strings.Repeat("x", 200)))
	}
	for name, c := range map[string]struct {
		objects []v1alpha1.Object
		asked   query.Question
		via     string
		but     []string
	}{
		"a condition":           {with(toAlice().Obj()), edit, "RoleAssignment given", []string{"color Equals red is not met: color is blue"}},
		"an attribute":          {with(toAlice().Obj()), query.Question{User: "alice", Permission: "Edit", At: prod}, "RoleAssignment given", []string{"color is not given"}},
		"the place":             {with(toAlice().InWorkspace("lab").Obj()), view, "RoleAssignment given", []string{"held at acme/lab, and not at acme/prod"}},
		"a place below":         {with(toAlice().InProject("prod", "vision").Obj()), view, "RoleAssignment given", []string{"held at acme/prod/vision"}},
		"the place and more":    {with(toAlice().InWorkspace("lab").Obj()), edit, "RoleAssignment given", []string{"acme/lab", "color is blue"}},
		"a grant's object":      {with(build.PermissionGrant("acme", "g").ToUser("alice").Grants("View").OnResource("doc", "1").Obj()), view, "PermissionGrant g", []string{"acme/doc/1"}},
		"a suspended user":      {with(toAlice().Obj(), alice().Suspended().Obj()), view, "RoleAssignment given", []string{"the User alice is suspended"}},
		"a grant that ended":    {with(temporary().From(noon.Add(-time.Hour)).Until(noon.Add(-3 * time.Minute)).Obj()), view, "TemporaryPermissionGrant tmp", []string{"expired 3m ago (at 2030-01-01T11:57:00Z)"}},
		"one that is to come":   {with(temporary().From(noon.Add(2 * time.Hour)).For("1h").Obj()), view, "TemporaryPermissionGrant tmp", []string{"begins in 120m (at 2030-01-01T14:00:00Z)"}},
		"one by its duration":   {with(created(2*time.Hour, temporary().For("1h").Obj())), view, "TemporaryPermissionGrant tmp", []string{"expired 60m ago"}},
		"a role that ended":     {with(toAlice().Until(noon.Add(-3 * time.Minute)).Obj()), view, "RoleAssignment given", []string{"the RoleAssignment given expired 3m ago (at 2030-01-01T11:57:00Z)"}},
		"a permission to come":  {with(build.PermissionGrant("acme", "g").ToUser("alice").Grants("View").From(noon.Add(2 * time.Hour)).Obj()), view, "PermissionGrant g", []string{"the PermissionGrant g begins in 120m (at 2030-01-01T14:00:00Z)"}},
		"a member no longer":    {with(build.Group("acme", "ops").Obj(), build.GroupMembership("acme", "m", "alice", "ops").Until(noon.Add(-time.Hour)).Obj(), build.PermissionGrant("acme", "g").ToGroup("ops").Grants("View").Obj()), view, "PermissionGrant g", []string{"the GroupMembership m expired 60m ago (at 2030-01-01T11:00:00Z)"}},
		"an invitation":         {with(invited("i")...), view, "RoleAssignment given", []string{"the Invitation i has not been accepted"}},
		"a late acceptance":     {with(tooLate("i")...), view, "RoleAssignment given", []string{"the Invitation i was not accepted before it expired 24h ago"}},
		"a role that is not":    {with(toAlice().Gives("none").Obj()), view, "RoleAssignment given", []string{"RoleAssignment given has no effect: RoleNotFound: spec.roleRef: there is no Role none"}},
		"a role of other level": {with(build.Role("acme", "share").OfType(v1alpha1.RoleShare).Grants("View").Obj(), toAlice().Gives("share").Obj()), view, "RoleAssignment given", []string{"ScopeLevelNotAllowed"}},
		"a role that is broken": {with(build.Role("acme", "editor").Grants("View").GrantsIf("Edit", build.In("color", long...)).Obj(), toAlice().Obj()), view, "RoleAssignment given", []string{"RoleInvalid"}},
		"a parent that is not":  {with(build.Role("acme", "editor").Inherits("none").Obj(), toAlice().Obj()), view, "RoleAssignment given", []string{"the Role editor does not inherit from the Role none: there is no Role none"}},
		"a parent in a cycle":   {with(build.Role("acme", "editor").Inherits("loop").Obj(), build.Role("acme", "loop").Inherits("editor").Grants("View").Obj(), toAlice().Obj()), view, "RoleAssignment given", []string{"the Role editor does not inherit from the Role loop"}},
		"a fault in a role":     {with(build.Role("acme", "editor").GrantsIf("View", build.Equals("shade", "red")).Obj(), toAlice().Obj()), view, "RoleAssignment given", []string{"the Role editor has a fault: AttributeNotFound"}},
		"a fault in a grant":    {with(build.PermissionGrant("acme", "g").ToUser("alice").GrantsIf("View", build.Equals("shade", "red")).Obj()), view, "PermissionGrant g", []string{"the PermissionGrant g has a fault: AttributeNotFound"}},
		"a fault for a time":    {with(temporary().Grants("Edit", build.Equals("floor", "high")).Until(noon.Add(time.Hour)).Obj()), edit, "TemporaryPermissionGrant tmp", []string{"the TemporaryPermissionGrant tmp has a fault: ValueInvalid"}},
		"a group":               {with(build.GroupMembership("acme", "m", "alice", "ops").Obj(), build.PermissionGrant("acme", "g").ToGroup("ops").Grants("View").Obj()), view, "PermissionGrant g", []string{"GroupMembership m has no effect: GroupNotFound"}},
		"a deletion":            {with(deleting(toAlice().Obj()), build.RoleAssignment("acme", "other").Gives("editor").ToUser("alice").InWorkspace("lab").Obj()), view, "RoleAssignment given", []string{"the RoleAssignment given is being deleted"}},
		"another deletion":      {with(deleting(build.PermissionGrant("acme", "g").ToUser("alice").Grants("View").Obj())), view, "PermissionGrant g", []string{"the PermissionGrant g is being deleted"}},
		"nothing":               {with(toAlice().Obj()), query.Question{User: "alice", Permission: "Delete", At: prod}, "", nil},
		"nothing of one's own":  {with(toAlice().Obj()), query.Question{User: "bob", Permission: "View", At: prod}, "", nil},
	} {
		world := worldOf(embedded(c.objects))
		answer := world.Ask(c.asked)
		if again := world.Ask(c.asked); !reflect.DeepEqual(answer, again) {
			t.Errorf("%s: asking has changed the answer from %+v to %+v", name, answer, again)
		}
		if c.but == nil {
			if answer.Verdict != query.No || len(answer.Misses) > 0 {
				t.Errorf("%s: got %+v", name, answer)
			}
			continue
		}
		expectMiss(t, name, answer, c.via, c.but)
	}
}

func expectMiss(t *testing.T, name string, answer query.Answer, via string, but []string) {
	t.Helper()
	if answer.Verdict != query.No || len(answer.Misses) == 0 {
		t.Errorf("%s: got %+v", name, answer)
		return
	}
	nearest := answer.Misses[0]
	if got := nearest.Via[0].Kind + " " + nearest.Via[0].Name; got != via || len(nearest.But) != len(but) {
		t.Errorf("%s: the nearest miss is %+v", name, nearest)
		return
	}
	for n, want := range but {
		if !strings.Contains(nearest.But[n], want) {
			t.Errorf("%s: %q does not say %q", name, nearest.But[n], want)
		}
	}
}

// invited is alice with a role that she would have by an invitation.
func invited(name string) []v1alpha1.Object {
	return []v1alpha1.Object{
		created(time.Hour, emailed(name)), build.RoleAssignment("acme", "given").Gives("editor").ToInvitation(name).Obj(),
	}
}

func emailed(name string) *v1alpha1.Invitation {
	invitation := build.Invitation("acme", name).Obj()
	invitation.Spec.Email = "alice@acme.example"
	return invitation
}

func tooLate(name string) []v1alpha1.Object {
	objects := invited(name)
	invitation := created(8*24*time.Hour, emailed(name))
	invitation.Spec.AcceptedBy = "alice"
	objects[0] = invitation
	return objects
}

func TestTheNearestMissComesFirst(t *testing.T) {
	answer := worldOf(embedded(with(
		toAlice().InWorkspace("lab").Obj(),
		build.PermissionGrant("acme", "near").ToUser("alice").GrantsIf("Edit", build.Equals("color", "red")).Obj(),
	))).Ask(query.Question{User: "alice", Permission: "Edit", At: prod})
	expectMiss(t, "two", answer, "PermissionGrant near", []string{"color is not given"})
	if len(answer.Misses) != 2 || len(answer.Misses[1].But) != 2 {
		t.Errorf("got %+v", answer.Misses)
	}
}

func TestWhoMayMissesNothing(t *testing.T) {
	answer := worldOf(embedded(with(toAlice().Obj(), temporary().Until(noon.Add(-time.Hour)).Obj()))).
		Ask(query.Question{User: "alice", Permission: "View", At: prod})
	if answer.Verdict != query.Yes || len(answer.Misses) > 0 {
		t.Errorf("got %+v", answer)
	}
}
