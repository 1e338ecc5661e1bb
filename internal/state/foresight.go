package state

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// ClosesCycle says what a role that is written takes away by closing a cycle of roles that inherit from each other;
// nothing if it closes none.
func (s *State) ClosesCycle(old, object *v1alpha1.Role) string {
	return s.tenant(object.Namespace).closesCycle(old, object)
}

func (s *tenant) closesCycle(old, object *v1alpha1.Role) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	// The role may not be there yet, and be named all the same.
	heirs := s.withHeirs(s.named.heirs[key])
	closes := func(name string) bool {
		return (name == key.Name || heirs.has(sibling(key, name))) && (old == nil || !slices.Contains(old.Spec.Inherits, name))
	}
	if object.Spec.Type == v1alpha1.RoleBase || !slices.ContainsFunc(object.Spec.Inherits, closes) {
		return ""
	}
	after := s.withRole(key, object)
	for _, lost := range after.roles[key].lost {
		if lost.because.Reason != v1alpha1.ReasonInheritanceCycle || !closes(lost.name) {
			continue
		}
		message := "spec.inherits: this closes a cycle: " + lost.because.Message
		if takes := s.takes(after, after.withHeirs(set[types.NamespacedName]{key: {}})); len(takes) > 0 {
			message += "; this takes away: " + some(takes)
		}
		return message
	}
	return ""
}

// takes are the permissions that roles give now and do not give after.
func (s *tenant) takes(after *tenant, roles set[types.NamespacedName]) (takes []string) {
	for key := range roles {
		lost := set[string]{}
		for _, grant := range s.roles[key].effect() { // none of a role that is not there yet
			lost.add(grant.Permission)
		}
		for _, grant := range after.roles[key].effect() {
			lost.remove(grant.Permission)
		}
		for permission := range lost {
			takes = append(takes, fmt.Sprintf("%s from who has the Role %s", permission, key.Name))
		}
	}
	slices.Sort(takes)
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
