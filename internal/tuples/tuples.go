package tuples

import (
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// sides are the relations that may hold what is granted to a subject directly.
var sides = [...]string{store.RelationGrantA, store.RelationGrantB}

// slots are the names under which a binding's assignees may hold what their role gives.
var slots = func() (names [store.Slots]string) {
	for n := range names {
		names[n] = store.SlotRelation(n)
	}
	return names
}()

// User is the subject of tuples about a user.
func User(subject string) string { return objectid.User(subject) }

// GroupMembers is the subject of tuples about the members of a group.
func GroupMembers(organization, name string) string {
	return objectid.Group(organization, name) + "#" + store.RelationMember
}

// Assignee says that a subject has the role of a binding.
func Assignee(binding, subject string) store.Key {
	return store.Key{Object: binding, Relation: store.RelationAssignee, User: subject}
}

// Member says that a user is a member of a group.
func Member(group, subject string) store.Key {
	return store.Key{Object: group, Relation: store.RelationMember, User: subject}
}

// Admin says that a user is an admin of a group.
func Admin(group, subject string) store.Key {
	return store.Key{Object: group, Relation: store.RelationAdmin, User: subject}
}

// Parent puts a path below what is directly above it; false for an organization.
func Parent(path scope.Path) (store.Key, bool) {
	above, ok := path.Parent()
	if !ok {
		return store.Key{}, false
	}
	return store.Key{Object: objectid.Scope(path), Relation: store.RelationParent, User: objectid.Scope(above)}, true
}

// Cell is a place in the store whose conditions change while decisions are made.
//
// What a role gives at a scope is a cell of up to MaxContexts of Slots tuples, all of one relation, which
// differ in the name under which they speak of the binding's assignees: one Write can put new ones in the
// place of old, and a decision sees either. What is granted to a user or a group directly is a cell of
// one tuple; a user has no second name, so there are two relations for it, its sides, and a decision
// reads one after the other: see Switch.
type Cell struct {
	// Object is the scope; Subject is the binding, or the user or group that something is granted to.
	Object, Subject string
	// Switch is how the content is replaced.
	Switch Switch
}

// Switch is a way to replace the content of a cell.
type Switch uint8

const (
	// AtOnce means that new and old change places in one Write.
	AtOnce Switch = iota
	// AfterDecisions means that the new is written beside the old, which goes when every decision that may not
	// have seen the new one has ended.
	AfterDecisions
)

// RoleCell is what a role gives at a scope.
func RoleCell(scope, binding string) Cell { return Cell{Object: scope, Subject: binding} }

// GrantCell is what is granted to a subject directly at a scope.
func GrantCell(scope, subject string) Cell {
	return Cell{Object: scope, Subject: subject, Switch: AfterDecisions}
}

// Places is how many tuples the cell may have.
func (c Cell) Places() int {
	if c.Switch == AfterDecisions {
		return len(sides)
	}
	return store.Slots
}

// Place is the key of one of the tuples that may hold the cell.
func (c Cell) Place(n int) store.Key {
	if c.Switch == AfterDecisions {
		return store.Key{Object: c.Object, Relation: sides[n], User: c.Subject}
	}
	return store.Key{Object: c.Object, Relation: store.RelationRole, User: c.Subject + "#" + slots[n]}
}

// CellOf is the cell, and the place in it, that a tuple belongs to; false for every other tuple.
func CellOf(key store.Key) (cell Cell, place int, ok bool) {
	if side := slices.Index(sides[:], key.Relation); side >= 0 {
		return GrantCell(key.Object, key.User), side, true
	}
	if key.Relation != store.RelationRole {
		return Cell{}, 0, false
	}
	binding, relation, _ := strings.Cut(key.User, "#")
	slot := slices.Index(slots[:], relation)
	if slot < 0 {
		return Cell{}, 0, false
	}
	return RoleCell(key.Object, binding), slot, true
}
