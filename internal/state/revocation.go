package state

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// protectedBy says why an object can't be deleted, if old is given alone, or not be replaced by another one;
// nothing when it can. It is what the finalizer holds a deletion for, and the Role that owners administer
// with. Where it can, warning says what of that it takes.
func (t reader) protectedBy(old, object client.Object) (why, warning string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch o := old.(type) {
	case *v1alpha1.RoleAssignment:
		return t.protectedAssignment(o, cast[*v1alpha1.RoleAssignment](object))
	case *v1alpha1.Role:
		if object == nil {
			return t.protectedRole(o), ""
		}
	}
	return "", ""
}

func (t *tenant) protectedAssignment(old, object *v1alpha1.RoleAssignment) (why, warning string) {
	if !old.DeletionTimestamp.IsZero() {
		if object == nil {
			return "", ""
		}
		// Whomever it names now: what is written there could have to stay, as the last role of somebody else.
		return "the object is being deleted, and in force until it can go: make another one instead of changing it", ""
	}
	key := types.NamespacedName{Namespace: old.Namespace, Name: old.Name}
	if t.assignments[key] == nil || old.Spec.Subject.User == "" {
		return "", ""
	}
	user := sibling(key, old.Spec.Subject.User)
	kept := t.keptBy(user)
	for other := range t.named.assignedToUser[user] {
		// One that is being deleted and protected stays. One that is paused while an edit waits may not.
		if held := t.assignments[other]; other != key && held.outcome.isInForce() && !held.endsByItself() && !t.waits(kinds.Named(kinds.RoleAssignment, other)) {
			kept.add(held.object)
		}
	}
	if object != nil {
		if stays, _ := t.evaluateAssignment(key, &object.Spec, false); stays.InForce && object.Spec.ExpiresAt == nil && object.Spec.Subject.User == user.Name {
			organization := t.organizations[key.Namespace]
			if organization.administers(user, &object.Spec) || !organization.administers(user, &old.Spec) {
				return "", ""
			}
		}
	}
	return t.evaluateRevocation(user, key, kept)
}

// protectedRole: the owners of an organization administer it with its admin role.
func (t *tenant) protectedRole(o *v1alpha1.Role) string {
	organization := t.organizations[o.Namespace]
	if t.namespaces[o.Namespace].terminating || organization == nil || organization.object == nil || organization.object.Spec.AdminRole != o.Name {
		return ""
	}
	for _, owner := range organization.object.Spec.Owners {
		if node := t.users[types.NamespacedName{Namespace: o.Namespace, Name: owner}]; node != nil && node.object != nil {
			return fmt.Sprintf("this is the admin role of the Organization %s, which the User %s owns: make another Role its spec.adminRole first", o.Namespace, owner)
		}
	}
	return ""
}

// Holding are the assignments that a deletion of this one relies on: those of the same user that are in
// force and, as far as the state knows, not being deleted.
func (t reader) holding(o *v1alpha1.RoleAssignment) []kinds.Ref {
	t.mu.RLock()
	defer t.mu.RUnlock()
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	user := sibling(key, o.Spec.Subject.User)
	organization := t.organizations[key.Namespace]
	var holding []kinds.Ref
	for other := range t.named.assignedToUser[user] {
		held := t.assignments[other]
		if other == key || held.deleting || !held.gives().InForce || held.endsByItself() || t.waits(kinds.Named(kinds.RoleAssignment, other)) {
			continue
		}
		if organization.administers(user, &o.Spec) && !organization.administers(user, held.object) {
			continue
		}
		holding = append(holding, kinds.Named(kinds.RoleAssignment, other))
	}
	return holding
}
