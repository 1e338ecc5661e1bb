package query

import (
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Role is a Role, and what it gives.
type Role struct {
	Name, DisplayName, Description string
	Type                           v1alpha1.RoleType
	// Inherits are the Roles that it names, and NotInherited why nothing comes from some of them. Children are those that name it.
	Inherits     []string
	NotInherited map[string]string
	Children     []string
	// Gives are the entries of the Role and of those that it inherits from, the nearest first.
	Gives []Entry
	Standing
	Message string
}

// Entry is a permission entry of a Role.
type Entry struct {
	Permission string
	Conditions []Condition
	// From is the Role whose entry it is.
	From string
	// Fault is why it gives nothing; empty if it does.
	Fault string
}

// Role is one Role; false if there is none of the name.
func (w *World) Role(name string) (Role, bool) {
	ref := w.ref(kinds.Role, name)
	object, there := w.objects[ref].(*v1alpha1.Role)
	if !there {
		return Role{}, false
	}
	outcome, _ := w.state.Outcome(ref)
	role := Role{
		Name: name, DisplayName: object.Spec.DisplayName, Description: object.Spec.Description, Type: object.Spec.Type,
		Inherits: object.Spec.Inherits, NotInherited: map[string]string{}, Gives: w.entries(name),
		Standing: Standing{InForce: outcome.Ready, Reason: outcome.Reason}, Message: outcome.Message,
	}
	for _, lost := range outcome.NotInherited {
		role.NotInherited[lost.Role] = lost.Message
	}
	for _, other := range w.Roles() {
		if slices.Contains(other.Inherits, name) {
			role.Children = append(role.Children, other.Role)
		}
	}
	return role, true
}

// entries are those of a role and of all that it inherits from, each role once, the nearest first.
func (w *World) entries(name string) (entries []Entry) {
	next, seen := []string{name}, map[string]bool{name: true}
	for len(next) > 0 {
		ref := w.ref(kinds.Role, next[0])
		next = next[1:]
		role, there := w.objects[ref].(*v1alpha1.Role)
		if !there {
			continue
		}
		outcome, _ := w.state.Outcome(ref)
		for _, entry := range role.Spec.PermissionGrants {
			entries = append(entries, Entry{
				Permission: entry.Permission, Conditions: ConditionsOf(entry.Conditions), From: role.Name, Fault: faultOf(outcome, entry.Permission),
			})
		}
		for _, parent := range role.Spec.Inherits {
			lost := slices.ContainsFunc(outcome.NotInherited, func(lost state.NotInherited) bool { return lost.Role == parent })
			if !lost && !seen[parent] {
				seen[parent] = true
				next = append(next, parent)
			}
		}
	}
	return entries
}

// ConditionsOf are the conditions of an entry as it stands, by attribute.
func ConditionsOf(entry map[string]v1alpha1.AttributeCondition) (conditions []Condition) {
	for attribute, condition := range entry {
		c := Condition{Attribute: attribute, Type: condition.Type, Values: condition.Values}
		if condition.Value != nil {
			c.Values = []string{*condition.Value}
		}
		conditions = append(conditions, c)
	}
	slices.SortFunc(conditions, func(a, b Condition) int { return strings.Compare(a.Attribute, b.Attribute) })
	return conditions
}
