package store

import "fmt"

// The relations of the authorization model: what the tuples of a store say. Their meaning is in
// docs/store.md.
const (
	RelationMember   = "member"
	RelationAdmin    = "admin"
	RelationAssignee = "assignee"
	// RelationMemberB says the same as RelationMember, which includes it; so do the others with a B.
	RelationMemberB   = "member_b"
	RelationAdminB    = "admin_b"
	RelationAssigneeB = "assignee_b"

	RelationRole   = "role"
	RelationGrantA = "grant_a"
	RelationGrantB = "grant_b"
	RelationParent = "parent"
	// RelationCan is what decisions ask.
	RelationCan = "can"
)

// Slots is how many names a binding's assignees have. A tuple can't be rewritten in place; a role
// that changes moves from some slots to others in one transaction.
const Slots = 8

// SlotRelation is the name of one slot of a binding, from 0 to Slots-1.
func SlotRelation(slot int) string { return fmt.Sprintf("slot_%d", slot) }
