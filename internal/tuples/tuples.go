package tuples

import (
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

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
// place of old, and a decision sees either. Everything else that holds for a time or under conditions is a cell of
// one tuple: what is granted to a user or a group directly, who has a role, and who is in a group. Its subject has no
// second name, so there are two relations for it, its sides, and a decision reads one after the other: see Switches.
type Cell struct {
	// Object is the scope, the binding or the group; Subject is the binding that has a role there, or the user or
	// group that the cell is about.
	Object, Subject string
	// Says is what the cell says of the subject.
	Says Says
}

// Says is what a cell says of its subject.
type Says uint8

const (
	// GivesRole is what a role gives at a scope, to the assignees of its binding.
	GivesRole Says = iota
	// IsGranted is what is granted to a user or a group directly.
	IsGranted
	// HasRole says that a user, or a group's members, have the role of a binding.
	HasRole
	// IsMember says that a user is in a group.
	IsMember
	// IsAdmin says that a user is an admin of a group.
	IsAdmin
)

// sides are the relations that may hold a cell of one tuple.
var sides = [...][2]string{
	IsGranted: {store.RelationGrantA, store.RelationGrantB},
	HasRole:   {store.RelationAssignee, store.RelationAssigneeB},
	IsMember:  {store.RelationMember, store.RelationMemberB},
	IsAdmin:   {store.RelationAdmin, store.RelationAdminB},
}

// RoleCell is what a role gives at a scope.
func RoleCell(scope, binding string) Cell { return Cell{Object: scope, Subject: binding} }

// GrantCell is what is granted to a subject directly at a scope.
func GrantCell(scope, subject string) Cell { return Cell{scope, subject, IsGranted} }

// Assignee is when a subject has the role of a binding.
func Assignee(binding, subject string) Cell { return Cell{binding, subject, HasRole} }

// Member is when a user is a member of a group.
func Member(group, subject string) Cell { return Cell{group, subject, IsMember} }

// Admin is when a user is an admin of a group.
func Admin(group, subject string) Cell { return Cell{group, subject, IsAdmin} }

// Switches says how the cell is replaced: where it does, the new is written beside the old, which goes when every
// decision that may not have seen the new one has ended; else both change places in one Write.
func (c Cell) Switches() bool { return c.Says != GivesRole }

// Places is how many tuples the cell may have.
func (c Cell) Places() int {
	if c.Switches() {
		return len(sides[c.Says])
	}
	return store.Slots
}

// Place is the key of one of the tuples that may hold the cell.
func (c Cell) Place(n int) store.Key {
	if c.Switches() {
		return store.Key{Object: c.Object, Relation: sides[c.Says][n], User: c.Subject}
	}
	return store.Key{Object: c.Object, Relation: store.RelationRole, User: c.Subject + "#" + slots[n]}
}

// CellOf is the cell, and the place in it, that a tuple belongs to; false for every other tuple.
func CellOf(key store.Key) (cell Cell, place int, ok bool) {
	if key.Relation != store.RelationRole {
		for says := IsGranted; int(says) < len(sides); says++ {
			if side := slices.Index(sides[says][:], key.Relation); side >= 0 {
				return Cell{key.Object, key.User, says}, side, true
			}
		}
		return Cell{}, 0, false
	}
	binding, relation, _ := strings.Cut(key.User, "#")
	slot := slices.Index(slots[:], relation)
	if slot < 0 {
		return Cell{}, 0, false
	}
	return RoleCell(key.Object, binding), slot, true
}
