package render

import (
	"fmt"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// The relations of the authorization model.
const (
	RelationAssignee = "assignee"
	RelationParent   = "parent"
	RelationRole     = "role"
	RelationMember   = "member"
	// RelationCan is what decisions ask.
	RelationCan = "can"
)

// Slots is how many names the model has for a binding's assignees.
const Slots = 2 * MaxContexts

// User is the subject of tuples about a user.
func User(subject string) string { return objectid.User(subject) }

// GroupMembers is the subject of tuples about the members of a group.
func GroupMembers(organization, name string) string {
	return objectid.Group(organization, name) + "#" + RelationMember
}

// Assignee says that a subject has the role of a binding.
func Assignee(binding, subject string) store.Key {
	return store.Key{Object: binding, Relation: RelationAssignee, User: subject}
}

// Parent puts a path below what is directly above it; false for an organization.
func Parent(path scope.Path) (store.Key, bool) {
	above, ok := path.Parent()
	if !ok {
		return store.Key{}, false
	}
	return store.Key{Object: objectid.Scope(path), Relation: RelationParent, User: objectid.Scope(above)}, true
}

// Cell is a place in the store whose conditions change while decisions are made: what a binding's
// assignees may do at a scope. It is held by up to MaxContexts of Slots tuples, which differ in the
// name under which they speak of the assignees, so that one Write can put new ones beside old.
type Cell struct {
	// Object is the scope, Binding the role there.
	Object, Binding string
}

// Slot is the key of one of the tuples that may hold the cell.
func (c Cell) Slot(n int) store.Key {
	return store.Key{Object: c.Object, Relation: RelationRole, User: fmt.Sprintf("%s#slot_%d", c.Binding, n)}
}

// CellOf is the cell, and the slot in it, that a tuple belongs to; false for every other tuple.
func CellOf(key store.Key) (cell Cell, slot int, ok bool) {
	if key.Relation != RelationRole {
		return Cell{}, 0, false
	}
	binding, name, ok := strings.Cut(key.User, "#slot_")
	if !ok || len(name) != 1 || name[0] < '0' || name[0] >= '0'+Slots {
		return Cell{}, 0, false
	}
	return Cell{Object: key.Object, Binding: binding}, int(name[0] - '0'), true
}
