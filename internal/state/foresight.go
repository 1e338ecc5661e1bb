package state

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// ClosesCycle says what a role that is written takes away by closing a cycle of roles that inherit from each other;
// nothing if it closes none.
func (s *State) ClosesCycle(old, object *v1alpha1.Role) string {
	return s.tenant(object.Namespace).closesCycle(old, object)
}

func (s *tenant) closesCycle(old, object *v1alpha1.Role) string {
	s.mu.Lock() // it is tried, and undone
	defer s.mu.Unlock()
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	// The role may not be there yet, and be named all the same.
	heirs := s.withHeirs(s.named.heirs[key])
	closes := func(name string) bool {
		return (name == key.Name || heirs.has(sibling(key, name))) && (old == nil || !slices.Contains(old.Spec.Inherits, name))
	}
	if object.Spec.Type == v1alpha1.RoleBase || !slices.ContainsFunc(object.Spec.Inherits, closes) {
		return ""
	}
	var takes []string
	undo := s.tryRole(key, object, func(before map[types.NamespacedName]*role, evaluated set[types.NamespacedName]) bool {
		for role := range evaluated {
			takes = append(takes, takenFrom(role, before[role].effect(), s.roles[role].effect())...)
		}
		return true
	})
	defer undo()
	for _, lost := range s.roles[key].lost {
		if lost.because.Reason != v1alpha1.ReasonInheritanceCycle || !closes(lost.name) {
			continue
		}
		message := "spec.inherits: this closes a cycle: " + lost.because.Message
		if len(takes) > 0 {
			slices.Sort(takes)
			message += "; this takes away: " + some(takes)
		}
		return message
	}
	return ""
}

// takenFrom are the permissions that a role gives before, and not after.
func takenFrom(role types.NamespacedName, before, after []policy.Grant) (takes []string) {
	lost := set[string]{}
	for _, grant := range before { // none of a role that is not there yet
		lost.add(grant.Permission)
	}
	for _, grant := range after {
		lost.remove(grant.Permission)
	}
	for permission := range lost {
		takes = append(takes, fmt.Sprintf("%s from who has the Role %s", permission, role.Name))
	}
	return takes
}

// shown is how many of many things a message names.
const shown = 10

// some are the first of many things, and how many more there are.
func some(things []string) string {
	if len(things) <= shown {
		return strings.Join(things, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(things[:shown], ", "), len(things)-shown)
}
