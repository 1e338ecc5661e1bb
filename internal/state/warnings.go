package state

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// ClosesCycle says what a role that is written takes away by closing a cycle of roles that inherit from each other;
// nothing if it closes none.
func (s *State) ClosesCycle(old, object *v1alpha1.Role) string {
	return s.reader(object.Namespace).closesCycle(old, object)
}

func (t reader) closesCycle(old, object *v1alpha1.Role) string {
	t.mu.Lock() // it is tried, and undone
	defer t.mu.Unlock()
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	// The role may not be there yet, and be named all the same.
	descendants := t.withDescendants(t.named.children[key])
	closes := func(name string) bool {
		return (name == key.Name || descendants.has(sibling(key, name))) && (old == nil || !slices.Contains(old.Spec.Inherits, name))
	}
	if object.Spec.Type == v1alpha1.RoleBase || !slices.ContainsFunc(object.Spec.Inherits, closes) {
		return ""
	}
	var takes []string
	undo := t.tryRole(key, object, func(before map[types.NamespacedName]*role, evaluated set[types.NamespacedName]) bool {
		for role := range evaluated {
			takes = append(takes, takenFrom(role, before[role].effect(), t.roles[role].effect())...)
		}
		return true
	})
	defer undo()
	for _, skipped := range t.roles[key].skipped {
		if skipped.outcome.Reason != v1alpha1.ReasonInheritanceCycle || !closes(skipped.name) {
			continue
		}
		message := "spec.inherits: this closes a cycle: " + skipped.outcome.Message
		if len(takes) > 0 {
			slices.Sort(takes)
			message += "; this takes away: " + enumerate.Some(takes, shown, ", ")
		}
		return message
	}
	return ""
}

// takenFrom are the permissions that a role gives before, and not after.
func takenFrom(role types.NamespacedName, before, after []entitlement.RoleGrant) (takes []string) {
	lost := set[string]{}
	for _, given := range before { // none of a role that is not there yet
		lost.add(given.Grant.Permission)
	}
	for _, given := range after {
		lost.remove(given.Grant.Permission)
	}
	for permission := range lost {
		takes = append(takes, fmt.Sprintf("%s from who has the Role %s", permission, role.Name))
	}
	return takes
}

// shown is how many of many things a message names.
const shown = 10

// Warnings is what somebody will have to edit of an object that is written; nothing if it can take effect as it is.
func (s *State) Warnings(object client.Object) []string {
	return s.reader(object.GetNamespace()).warnings(object)
}

func (t reader) warnings(object client.Object) (says []string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		if outcome, _ := t.evaluateAssignment(client.ObjectKeyFromObject(o), &o.Spec, false); outcome.Stalled {
			return []string{fmt.Sprintf("%s: this gives nothing: %s", outcome.Reason, outcome.Message)}
		}
	case *v1alpha1.Role:
		return t.entryWarnings("spec.permissionGrants", o.Spec.PermissionGrants)
	case *v1alpha1.PermissionGrant:
		return t.entryWarnings("spec.permissions", o.Spec.Permissions)
	case *v1alpha1.AccessPolicy:
		return t.entryWarnings("spec.permissions", o.Spec.Permissions)
	case *v1alpha1.TemporaryPermissionGrant:
		return t.entryWarnings("spec.permissionGrant", []v1alpha1.PermissionEntry{o.Spec.PermissionGrant})
	}
	return nil
}

// entryWarnings are those entries that no other object can put right, and those whose permission differs from one that
// there is in the case of letters only.
func (t *tenant) entryWarnings(field string, entries []v1alpha1.PermissionEntry) (says []string) {
	for _, entry := range entries {
		_, fault := policy.ParseEntry(entry, t.catalogue, "")
		if fault == nil || len(says) == shown {
			continue
		}
		near := t.catalogue.near(entry.Permission)
		switch {
		case fault.Reason == v1alpha1.ReasonPermissionNotFound && near != "":
			says = append(says, fmt.Sprintf("%s: no ResourceType declares the permission %q: did you mean %s?", field, entry.Permission, near))
		case !policy.CanComeByItself(fault.Reason):
			says = append(says, fmt.Sprintf("%s: %s gives nothing: %s", field, entry.Permission, fault.Message))
		}
	}
	return says
}

// NearPermission is the permission whose name differs from one that is not declared in the case of letters only, empty if
// there is none.
func (s *State) NearPermission(name string) string { return s.declared.Load().near(name) }
