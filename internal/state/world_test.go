package state_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// choices are made by a random source, or by the bytes of a fuzzer.
type choices interface {
	// IntN is one of n numbers from 0.
	IntN(n int) int
}

type bytesAsChoices struct{ left []byte }

// IntN is 0 once the bytes are used up.
func (b *bytesAsChoices) IntN(n int) int {
	if len(b.left) == 0 {
		return 0
	}
	chosen := int(b.left[0]) % n
	b.left = b.left[1:]
	return chosen
}

// maker makes objects of a world so small that they often name each other, claim the same, and miss what
// they name.
type maker struct{ choices }

func pick[T any](m maker, from ...T) T { return from[m.IntN(len(from))] }

func (m maker) oneIn(n int) bool { return m.IntN(n) == n-1 }

func (m maker) name(kind string, count int) string { return fmt.Sprint(kind, m.IntN(count)) }

func (m maker) namespace() string {
	return pick(m, "acme", "acme", "acme", "acme", "acme", "acme", "acme", "zoo")
}

// epoch is before all that happens.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func (m maker) meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(epoch.Add(time.Duration(m.IntN(3)) * time.Second))}
}

// beginning is what much depends on: without it, most sequences would grant nothing.
func (m maker) beginning() []client.Object {
	objects := []client.Object{namespace("acme"), m.organization(), m.organization(), m.resourceType(), m.resourceType()}
	for range 4 {
		objects = append(objects, m.user(), m.group(), m.role(), m.assignment(), m.temporaryGrant(), m.membership())
	}
	return objects
}

// object is any object; things that much depends on come seldom.
func (m maker) object() client.Object {
	switch m.IntN(24) {
	case 0:
		return namespace(m.namespace())
	case 1:
		return m.resourceType()
	case 2:
		return m.organization()
	case 3, 4:
		return m.user()
	case 5:
		return m.group()
	case 6, 7, 8, 9:
		return m.role()
	case 10, 11, 12, 13:
		return m.assignment()
	case 14, 15, 16:
		return m.grant()
	case 17, 18, 19:
		return m.membership()
	case 20:
		return m.invitation()
	default:
		return m.temporaryGrant()
	}
}

func namespace(name string) client.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func (m maker) resourceType() client.Object {
	object := &v1alpha1.ResourceType{ObjectMeta: m.meta("", m.name("rt", 3))}
	object.Spec.Type = pick(m, "flow", "flow", "app")
	for i := range 4 {
		if m.oneIn(5) {
			continue
		}
		permission := v1alpha1.Permission{Name: fmt.Sprint("P", i)}
		if !m.oneIn(6) {
			kind := pick(m, v1alpha1.AttributeString, v1alpha1.AttributeString, v1alpha1.AttributeString, v1alpha1.AttributeNumber)
			permission.Attributes = []v1alpha1.Attribute{{Name: "color", Type: kind}, {Name: "size", Type: v1alpha1.AttributeNumber}}
		}
		object.Spec.Permissions = append(object.Spec.Permissions, permission)
	}
	return object
}

func (m maker) organization() client.Object {
	object := &v1alpha1.Organization{ObjectMeta: m.meta("", m.namespace())}
	object.Spec.Owners, object.Spec.AdminRole = []string{m.name("u", 3)}, m.name("r", 3)
	if !m.oneIn(4) {
		object.Spec.Workspaces = append(object.Spec.Workspaces, v1alpha1.Workspace{Name: "w0", Projects: []v1alpha1.Project{{Name: "p0"}, {Name: "p1"}}})
	}
	if !m.oneIn(4) {
		object.Spec.Workspaces = append(object.Spec.Workspaces, v1alpha1.Workspace{Name: "w1"})
	}
	if m.oneIn(3) {
		longest := pick[v1alpha1.Duration](m, "PT4H", "90m")
		object.Spec.TemporaryGrants.MaxDuration = &longest
	}
	return object
}

func (m maker) user() client.Object {
	object := &v1alpha1.User{ObjectMeta: m.meta(m.namespace(), m.name("u", 3))}
	object.Spec.Subject = pick(m, "ann", "bob", "cid", "dan", "eve")
	object.Spec.Suspended = m.oneIn(4)
	return object
}

func (m maker) role() client.Object {
	object := &v1alpha1.Role{ObjectMeta: m.meta(m.namespace(), m.name("r", 4))}
	object.Spec.Type = pick(m, v1alpha1.RoleStandard, v1alpha1.RoleStandard, v1alpha1.RoleBase, v1alpha1.RoleShare)
	if m.oneIn(4) {
		object.Spec.AssignableAt = []v1alpha1.ScopeLevel{pick(m, v1alpha1.LevelWorkspace, v1alpha1.LevelResource)}
	}
	for range m.IntN(5) {
		object.Spec.PermissionGrants = append(object.Spec.PermissionGrants, m.entry(60))
	}
	for m.oneIn(3) {
		if parent := m.name("r", 5); !slices.Contains(object.Spec.Inherits, parent) {
			object.Spec.Inherits = append(object.Spec.Inherits, parent)
		}
	}
	if m.oneIn(6) {
		object.Spec.PermissionGrants = append(object.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: "P0", Conditions: bulky(200)})
	}
	return object
}

func (m maker) assignment() client.Object {
	object := &v1alpha1.RoleAssignment{ObjectMeta: m.meta(m.namespace(), m.name("a", 5))}
	object.Spec.RoleRef.Name = m.name("r", 5)
	switch m.IntN(5) {
	case 0, 1, 2:
		object.Spec.Subject.User = m.name("u", 3)
	case 3:
		object.Spec.Subject.Group = m.name("g", 2)
	default:
		object.Spec.Subject.Invitation = m.name("i", 2)
	}
	object.Spec.Scope = m.scope(3)
	if object.Spec.Scope.Resource != nil {
		object.Spec.Scope.Resource.ID = m.name("id", 2)
	}
	object.Spec.Window = m.window()
	return object
}

// window is often none; others meet, overlap, and have ended.
func (m maker) window() (window v1alpha1.Window) {
	starts := m.IntN(6)
	if m.oneIn(5) {
		window.StartsAt = &metav1.Time{Time: epoch.Add(time.Duration(starts) * time.Hour)}
	}
	if m.oneIn(3) {
		window.ExpiresAt = &metav1.Time{Time: epoch.Add(time.Duration(starts+1+m.IntN(8)) * time.Hour)}
	}
	return window
}

// scope is often one that is declared; one in some is a resource.
func (m maker) scope(resourceOneIn int) v1alpha1.Scope {
	written := pick(m,
		v1alpha1.Scope{},
		v1alpha1.Scope{},
		v1alpha1.Scope{},
		v1alpha1.Scope{Workspace: "w0"},
		v1alpha1.Scope{Workspace: "w1"},
		v1alpha1.Scope{Workspace: "w0", Project: "p0"},
		v1alpha1.Scope{Workspace: "w1", Project: "p0"})
	if m.oneIn(resourceOneIn) {
		written.Resource = &v1alpha1.ResourceReference{Type: pick(m, "flow", "flow", "app", "none")}
		if m.oneIn(2) {
			written.Resource.ID = m.name("id", 2)
		}
	}
	return written
}

func (m maker) grant() client.Object {
	object := &v1alpha1.PermissionGrant{ObjectMeta: m.meta(m.namespace(), m.name("t", 3))}
	if m.oneIn(4) {
		object.Spec.Subject.Group = m.name("g", 2)
	} else {
		object.Spec.Subject.User = m.name("u", 2)
	}
	for range 1 + m.IntN(3) {
		object.Spec.Permissions = append(object.Spec.Permissions, m.entry(pick(m, 110, 110, 200)))
	}
	object.Spec.Scope, object.Spec.Window = m.scope(3), m.window()
	return object
}

func (m maker) temporaryGrant() client.Object {
	object := &v1alpha1.TemporaryPermissionGrant{ObjectMeta: m.meta(m.namespace(), m.name("t", 4))}
	object.Spec.User = m.name("u", 2)
	object.Spec.PermissionGrant = m.entry(pick(m, 110, 110, 200))
	object.Spec.Scope = m.scope(3)
	starts := m.IntN(6)
	if m.oneIn(2) {
		object.Spec.StartsAt = &metav1.Time{Time: epoch.Add(time.Duration(starts) * time.Hour)}
	}
	switch {
	case m.oneIn(8): // refused by the schema, and grants nothing
	case m.oneIn(2):
		object.Spec.ExpiresAt = &metav1.Time{Time: epoch.Add(time.Duration(starts+2+m.IntN(8)) * time.Hour)}
	default:
		lasts := pick[v1alpha1.Duration](m, "PT3H", "90m", "P1D")
		object.Spec.Duration = &lasts
	}
	if m.oneIn(4) {
		rest := v1alpha1.Duration("1h")
		object.Spec.TTLAfterExpired = &rest
	}
	return object
}

// entry gives a permission that may not be declared, under conditions that may not fit it, or are bulky.
func (m maker) entry(bulk int) v1alpha1.PermissionEntry {
	entry := v1alpha1.PermissionEntry{Permission: pick(m, "P0", "P0", "P0", "P1", "P2", "P3", "P4")}
	switch m.IntN(8) {
	case 0, 1, 2:
	case 6:
		operator := pick(m, v1alpha1.ConditionLessThan, v1alpha1.ConditionLessThanOrEqual, v1alpha1.ConditionGreaterThan, v1alpha1.ConditionGreaterThanOrEqual)
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"size": {Type: operator, Value: new(pick(m, "2", "3"))}}
	case 3:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"color": equals(pick(m, "red", "3")), "size": equals("2")}
	case 4:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"none": equals("red")}
	case 5:
		entry.Conditions = bulky(bulk)
	default:
		entry.Conditions = map[string]v1alpha1.AttributeCondition{"color": equals(pick(m, "red", "blue", "3"))}
	}
	return entry
}

// bulky is a list of so many long values. Few such go into one tuple, and one of 200 does not.
func bulky(count int) map[string]v1alpha1.AttributeCondition {
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprint(i, strings.Repeat("x", 180))
	}
	return map[string]v1alpha1.AttributeCondition{"color": {Type: v1alpha1.ConditionIn, Values: values}}
}

func equals(value string) v1alpha1.AttributeCondition {
	return v1alpha1.AttributeCondition{Type: v1alpha1.ConditionEquals, Value: &value}
}

// anyRef names an object, of those that are there as of others.
func (m maker) anyRef(there []client.Object) kinds.Ref {
	if len(there) == 0 || m.oneIn(2) {
		return kinds.RefOf(m.object())
	}
	ref := kinds.RefOf(there[m.IntN(len(there))])
	if ref.Namespace == "" && !m.oneIn(4) {
		return m.anyRef(nil) // without these, nothing is granted: they should not be gone all the time
	}
	return ref
}
