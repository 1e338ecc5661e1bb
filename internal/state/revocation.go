package state

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// Protected says why an object can't be deleted, if old is given alone, or not be replaced by another one;
// nothing when it can. It is what the finalizer holds a deletion for, and the Role that owners administer
// with.
func (s *tenant) protectedBy(old, object client.Object) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch o := old.(type) {
	case *v1alpha1.RoleAssignment:
		return s.protectedAssignment(o, cast[*v1alpha1.RoleAssignment](object))
	case *v1alpha1.Role:
		if object == nil {
			return s.protectedRole(o)
		}
	}
	return ""
}

func (s *tenant) protectedAssignment(old, object *v1alpha1.RoleAssignment) string {
	if !old.DeletionTimestamp.IsZero() {
		if object == nil {
			return ""
		}
		// Whomever it names now: what is written there could have to stay, as the last role of somebody else.
		return "the object is being deleted, and in force until it can go: make another one instead of changing it"
	}
	key := types.NamespacedName{Namespace: old.Namespace, Name: old.Name}
	if s.assignments[key] == nil || old.Spec.Subject.User == "" {
		return ""
	}
	user := sibling(key, old.Spec.Subject.User)
	var kept []types.NamespacedName
	for other := range s.named.assignedToUser[user] {
		// One that is being deleted and protected stays. One that is paused while an edit waits may not.
		if held := s.assignments[other]; other != key && held.outcome.InForce && !held.endsByItself() && !s.waits(kinds.Named(kinds.RoleAssignment, other)) {
			kept = append(kept, other)
		}
	}
	if object != nil {
		if stays, _ := s.judgeAssignment(key, &object.Spec, false); stays.InForce && object.Spec.ExpiresAt == nil && object.Spec.Subject.User == user.Name {
			organization := s.organizations[key.Namespace]
			if organization.administers(user, &object.Spec) || !organization.administers(user, &old.Spec) {
				return ""
			}
		}
	}
	return s.judgeRevocation(user, key, kept)
}

// protectedRole: the owners of an organization administer it with its admin role.
func (s *tenant) protectedRole(o *v1alpha1.Role) string {
	organization := s.organizations[o.Namespace]
	if s.namespaces[o.Namespace].terminating || organization == nil || organization.object == nil || organization.object.Spec.AdminRole != o.Name {
		return ""
	}
	for _, owner := range organization.object.Spec.Owners {
		if node := s.users[types.NamespacedName{Namespace: o.Namespace, Name: owner}]; node != nil && node.object != nil {
			return fmt.Sprintf("this is the admin role of the Organization %s, which the User %s owns: make another Role its spec.adminRole first", o.Namespace, owner)
		}
	}
	return ""
}

// Losing is how many objects, those of other kinds than the deleted one itself, give nothing any more when
// one is deleted or, for an Organization, replaced by one with fewer scopes.
func (s *tenant) losing(old, object client.Object) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key := client.ObjectKeyFromObject(old)
	n := &s.named
	switch o := old.(type) {
	case *v1alpha1.Role:
		lost := 0
		for role := range s.withHeirs(set[types.NamespacedName]{key: {}}) {
			lost += s.assignmentsInForce(n.assignedRole[role])
		}
		return lost
	case *v1alpha1.Group:
		return s.assignmentsInForce(n.assignedToGroup[key]) + s.grantsInForce(n.grantsToGroup[key]) + s.membershipsInForce(n.membershipsOfGroup[key])
	case *v1alpha1.User:
		lost := s.assignmentsInForce(n.assignedToUser[key]) + s.grantsInForce(n.grantsToUser[key]) + s.membershipsInForce(n.membershipsOfUser[key])
		for invitation := range n.accepted[key] {
			lost += s.assignmentsInForce(n.assignedToInvitation[invitation])
		}
		return lost
	case *v1alpha1.Organization:
		if object == nil {
			return s.assignmentsInForce(n.assignmentsOf[o.Name]) + s.grantsInForce(n.grantsOf[o.Name]) + s.membershipsInForce(n.membershipsOf[o.Name])
		}
		return s.losingScopes(o, object.(*v1alpha1.Organization))
	}
	return 0
}

// losingPermissions counts the roles, the grants and the assignments that name a type or its permissions.
func (s *tenant) losingPermissions(o *v1alpha1.ResourceType) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	roles, grants := set[types.NamespacedName]{}, set[kinds.Ref]{}
	for _, permission := range o.Spec.Permissions {
		all(roles, s.named.rolesGiving, permission.Name)
		all(grants, s.named.grantsGiving, permission.Name)
	}
	all(grants, s.named.grantsOn, o.Spec.Type)
	return len(roles) + s.grantsInForce(grants) + s.assignmentsInForce(s.named.assignmentsOn[o.Spec.Type])
}

func (s *tenant) losingScopes(old, object *v1alpha1.Organization) int {
	after := declared(object)
	if len(changedScopes(declared(old), after)) == 0 {
		return 0
	}
	lost := 0
	for key := range s.named.assignmentsOf[old.Name] {
		node := s.assignments[key]
		if node.outcome.InForce && !after.has(PathOf(old.Name, &node.object.Scope).Container()) {
			lost++
		}
	}
	for ref := range s.named.grantsOf[old.Name] {
		node := s.grants[ref]
		if node.outcome.InForce && !after.has(PathOf(old.Name, &node.object.scope).Container()) {
			lost++
		}
	}
	return lost
}

func (s *tenant) assignmentsInForce(keys set[types.NamespacedName]) (count int) {
	for key := range keys {
		if s.assignments[key].outcome.InForce {
			count++
		}
	}
	return count
}

func (s *tenant) grantsInForce(refs set[kinds.Ref]) (count int) {
	for ref := range refs {
		if s.grants[ref].outcome.InForce {
			count++
		}
	}
	return count
}

func (s *tenant) membershipsInForce(keys set[types.NamespacedName]) (count int) {
	for key := range keys {
		if s.memberships[key].outcome.InForce {
			count++
		}
	}
	return count
}
