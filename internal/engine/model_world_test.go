package engine_test

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// dice are the bytes by which a sequence is made: all zeros once they are used up, which is the least that can
// happen.
type dice struct {
	left []byte
	// fragile worlds are those where a role can be somebody's last.
	fragile bool
}

// of is one of n numbers from 0.
func (d *dice) of(n int) int {
	if len(d.left) == 0 {
		return 0
	}
	chosen := int(d.left[0]) % n
	d.left = d.left[1:]
	return chosen
}

// oneIn is seldom true, and never once the bytes are used up.
func (d *dice) oneIn(n int) bool { return d.of(n) == n-1 }

func pick[T any](d *dice, from ...T) T { return from[d.of(len(from))] }

func (d *dice) name(kind string, count int) string { return fmt.Sprint(kind, d.of(count)) }

// epoch is when the oldest objects were made.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// aged gives an object an age, of which there are few, so that names decide too.
func aged[T client.Object](d *dice, object T) T {
	object.SetCreationTimestamp(metav1.NewTime(epoch.Add(time.Duration(d.of(3)) * time.Second)))
	object.SetFinalizers([]string{v1alpha1.Finalizer})
	return object
}

// foundation is what much depends on. Unless the world is fragile each user has a role that nobody takes away, so
// that none of the others is their last, which would be protected: then any number of things may change at once.
func foundation(d *dice) []client.Object {
	objects := []client.Object{
		namespace("acme"), aged(d, organizationOf(d)), aged(d, typeOf(d)),
		aged(d, build.ResourceType("standing").OfType("standing").Permits("Stand").Obj()),
		aged(d, build.Role("acme", "standing").Grants("Stand").Obj()),
		aged(d, build.User("acme", "owner").KnownAs("owner").Obj()),
	}
	for n := range 3 {
		name := fmt.Sprint("u", n)
		objects = append(objects, aged(d, build.User("acme", name).KnownAs([]string{"ann", "bob", "cid"}[n]).Obj()))
	}
	for n := range 3 {
		role := roleOf(d)
		role.Name = fmt.Sprint("r", n)
		objects = append(objects, aged(d, role), aged(d, assignmentOf(d, epoch)), aged(d, grantOf(d, epoch)), aged(d, membershipOf(d, epoch)), aged(d, temporaryOf(d, epoch.Add(2*time.Hour))))
	}
	for n := range 3 {
		name := fmt.Sprint("u", n)
		given := build.RoleAssignment("acme", "standing-"+name).Gives("standing").ToUser(name).InWorkspace("hall").Obj()
		if d.fragile {
			given = build.RoleAssignment("acme", fmt.Sprint("a", n)).Gives("r0").ToUser(name).Obj()
		}
		objects = append(objects, aged(d, given))
	}
	if d.fragile {
		objects = append(objects, aged(d, build.Role("acme", "r0").Grants("P1").Obj()))
	}
	return append(objects, aged(d, configuringGroup("g0")), invitationOf(d, epoch.Add(time.Hour)), aged(d, invitedOf(d, epoch)))
}

// configuringGroup is a group whose admins have what questions ask about.
func configuringGroup(name string) *v1alpha1.Group {
	return build.Group("acme", name).Configures("can_run_reports", "can_edit_accounts").Obj()
}

// anyObject is one of a world so small that they often name each other and claim the same.
func anyObject(d *dice, now time.Time) client.Object {
	switch d.of(27) {
	case 0:
		return aged(d, typeOf(d))
	case 1:
		return aged(d, organizationOf(d))
	case 2, 3:
		user := build.User("acme", d.name("u", 3)).KnownAs(pick(d, "ann", "bob", "cid"))
		if d.oneIn(3) {
			user.Suspended()
		}
		return aged(d, user.Obj())
	case 4:
		return aged(d, configuringGroup(d.name("g", 2)))
	case 5, 6:
		return aged(d, roleOf(d))
	case 7, 8, 9:
		return aged(d, assignmentOf(d, now))
	case 10, 11:
		return aged(d, grantOf(d, now))
	case 12, 13:
		return aged(d, temporaryOf(d, now))
	case 14, 15:
		return aged(d, membershipOf(d, now))
	case 16:
		return namespace("acme")
	case 17, 18, 19:
		return aged(d, roleOf(d))
	case 20, 21:
		return aged(d, temporaryOf(d, now))
	case 22, 23:
		return invitationOf(d, now)
	case 24:
		return aged(d, invitedOf(d, now))
	default:
		return aged(d, assignmentOf(d, now))
	}
}

func typeOf(d *dice) *v1alpha1.ResourceType {
	kind := build.ResourceType(d.name("rt", 2)).OfType(pick(d, "flow", "flow", "flow", "app")).Permits("P0", build.String("color"), build.Number("size")).Permits("P1")
	if !d.oneIn(3) {
		kind.Permits("P2")
	}
	return kind.Obj()
}

func organizationOf(d *dice) *v1alpha1.Organization {
	organization := build.Organization("acme").OwnedBy("owner").AdministeredBy("nobodys").Workspace("hall")
	if d.fragile {
		organization.OwnedBy(pick(d, []string{"u0"}, []string{"u0", "u1"}, []string{"u2"})...).AdministeredBy(pick(d, "r0", "r0", "r1"))
	}
	if !d.oneIn(8) {
		organization.Workspace("w0", "p0")
	}
	if !d.oneIn(8) {
		organization.Workspace("w1")
	}
	o := organization.Obj()
	if d.oneIn(4) {
		o.Spec.TemporaryGrants.MaxDuration = new(v1alpha1.Duration("2h"))
	}
	return o
}

func roleOf(d *dice) *v1alpha1.Role {
	role := build.Role("acme", d.name("r", 3)).OfType(pick(d, v1alpha1.RoleStandard, v1alpha1.RoleStandard, v1alpha1.RoleBase, v1alpha1.RoleShare)).Obj()
	for range 1 + d.of(3) {
		role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, entryOf(d))
	}
	if d.oneIn(4) {
		role.Spec.Inherits = []string{d.name("r", 3)}
	}
	if d.oneIn(5) {
		role.Spec.AssignableAt = []v1alpha1.ScopeLevel{v1alpha1.LevelWorkspace}
	}
	return role
}

func assignmentOf(d *dice, now time.Time) *v1alpha1.RoleAssignment {
	given := build.RoleAssignment("acme", d.name("a", 4)).Gives(d.name("r", 3)).ToUser(d.name("u", 3)).Obj()
	if d.oneIn(3) {
		given.Spec.Subject = v1alpha1.AssignmentSubject{Group: d.name("g", 2)}
	}
	if given.Spec.Scope = scopeOf(d); given.Spec.Scope.Resource != nil {
		given.Spec.Scope.Resource.ID = "x"
	}
	if given.Spec.Window = windowOf(d, now); d.fragile {
		given.Spec.StartsAt = nil // what begins may lift a protection, whoever looks first
	}
	return given
}

// windowOf is often none. Others begin or end within hours of now, so that they meet.
func windowOf(d *dice, now time.Time) (window v1alpha1.Window) {
	starts := now.Add(time.Duration(d.of(4)-2) * time.Hour)
	if d.oneIn(5) {
		window.StartsAt = &metav1.Time{Time: starts}
	}
	if d.oneIn(3) {
		window.ExpiresAt = &metav1.Time{Time: starts.Add(time.Duration(1+d.of(3)) * time.Hour)}
	}
	return window
}

func scopeOf(d *dice) v1alpha1.Scope {
	written := pick(d, v1alpha1.Scope{}, v1alpha1.Scope{}, v1alpha1.Scope{Workspace: "w0"}, v1alpha1.Scope{Workspace: "w0", Project: "p0"}, v1alpha1.Scope{Workspace: "w1"})
	if d.oneIn(4) {
		written.Resource = &v1alpha1.ResourceReference{Type: pick(d, "flow", "flow", "app")}
		if !d.oneIn(3) {
			written.Resource.ID = "x"
		}
	}
	return written
}

func grantOf(d *dice, now time.Time) *v1alpha1.PermissionGrant {
	grant := build.PermissionGrant("acme", d.name("p", 3)).ToUser(d.name("u", 3)).Obj()
	if d.oneIn(3) {
		grant.Spec.Subject.User, grant.Spec.Subject.Group = "", d.name("g", 2)
	}
	for range 1 + d.of(2) {
		grant.Spec.Permissions = append(grant.Spec.Permissions, entryOf(d))
	}
	grant.Spec.Scope, grant.Spec.Window = scopeOf(d), windowOf(d, now)
	return grant
}

// temporaryOf begins or ends within hours of now.
func temporaryOf(d *dice, now time.Time) *v1alpha1.TemporaryPermissionGrant {
	grant := build.TemporaryPermissionGrant("acme", d.name("t", 4)).ToUser(pick(d, "u0", "u0", "u0", "u1", "u2")).Grants("P0").Obj()
	grant.Spec.PermissionGrant, grant.Spec.Scope = entryOf(d), scopeOf(d)
	if d.oneIn(2) { // so that windows meet
		grant.Spec.PermissionGrant, grant.Spec.Scope = v1alpha1.PermissionEntry{Permission: "P1"}, v1alpha1.Scope{}
	}
	starts := now.Add(time.Duration(d.of(4)-2) * time.Hour)
	grant.Spec.StartsAt = &metav1.Time{Time: starts}
	if d.oneIn(2) {
		grant.Spec.Duration = new(v1alpha1.Duration("PT3H"))
	} else {
		grant.Spec.ExpiresAt = &metav1.Time{Time: starts.Add(time.Duration(1+d.of(3)) * time.Hour)}
	}
	return grant
}

func membershipOf(d *dice, now time.Time) *v1alpha1.GroupMembership {
	membership := build.GroupMembership("acme", d.name("m", 4), d.name("u", 3), d.name("g", 2))
	if d.oneIn(3) {
		membership.As(v1alpha1.GroupAdmin).Configured(v1alpha1.ConfigurableCustom, map[string]bool{"can_run_reports": d.oneIn(2)})
	}
	object := membership.Obj()
	if object.Spec.Window = windowOf(d, now); d.fragile {
		object.Spec.StartsAt = nil // as an assignment's
	}
	return object
}

func entryOf(d *dice) v1alpha1.PermissionEntry {
	entry := v1alpha1.PermissionEntry{Permission: d.name("P", 3)}
	switch d.of(9) {
	case 0, 1, 2:
	case 8:
		operator := pick(d, v1alpha1.ConditionLessThan, v1alpha1.ConditionLessThanOrEqual, v1alpha1.ConditionGreaterThan, v1alpha1.ConditionGreaterThanOrEqual)
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"size": {Type: operator, Value: new(pick(d, "2", "3", "3.5"))}}
	case 3:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"color": equalTo("red"), "size": equalTo("2")}
	case 4:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"color": {Type: v1alpha1.ConditionNotEquals, Value: new("red")}}
	case 5:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"size": {Type: v1alpha1.ConditionIn, Values: []string{"2", "3.5"}}}
	case 6:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"size": equalTo("two")}
	default:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"color": equalTo("red")}
	}
	return entry
}

func equalTo(value string) v1alpha1.AttributeCondition {
	return v1alpha1.AttributeCondition{Type: v1alpha1.ConditionEquals, Value: &value}
}

// question is who may do what where: at a place, or as an admin with a group.
type question struct {
	subject, permission string
	place               scope.Path
	group               string
	attributes          map[string]any
}

// questions are all that a sequence asks.
var questions = func() (all []question) {
	acme := scope.Path{Organization: "acme"}
	places := []scope.Path{acme}
	for _, path := range []scope.Path{{Workspace: "w0"}, {Workspace: "w0", Project: "p0"}, {Workspace: "w1"}, {Workspace: "w2"},
		{ResourceType: "flow", ResourceID: "x"}, {Workspace: "w0", Project: "p0", ResourceType: "flow", ResourceID: "x"},
		{Workspace: "w0", Project: "p0", ResourceType: "flow", ResourceID: "y"}} {
		path.Organization = "acme"
		places = append(places, path)
	}
	for _, subject := range []string{"ann", "bob", "cid"} {
		for _, group := range []string{"g0", "g1"} {
			for _, permission := range []string{"can_run_reports", "can_edit_accounts"} {
				all = append(all, question{subject: subject, permission: permission, group: group})
			}
		}
		for _, place := range places {
			all = append(all,
				question{subject: subject, permission: "P1", place: place},
				question{subject: subject, permission: "P2", place: place, attributes: map[string]any{"color": "red", "size": 2.0}},
				question{subject: subject, permission: "P0", place: place, attributes: map[string]any{"color": "red", "size": 2.0}},
				question{subject: subject, permission: "P0", place: place, attributes: map[string]any{"color": "blue", "size": 3.5}},
				question{subject: subject, permission: "P0", place: place, attributes: map[string]any{"color": 2.0, "size": "2"}},
				question{subject: subject, permission: "P0", place: place, attributes: map[string]any{"color": nil}})
		}
	}
	return all
}()
