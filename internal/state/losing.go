package state

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Loss is an object that gives nothing any more, or less, when another one is deleted or edited.
type Loss struct {
	kinds.Ref
	// At is where it gives what it gives.
	At scope.Path
	// Field is the one by which it names what goes.
	Field string
}

// String names the object as people look for it.
func (l Loss) String() string { return fmt.Sprintf("%s %s at %s (%s)", l.Kind, l.Name, l.At, l.Field) }

// Losing are the objects, those of other kinds than the deleted one itself, that lose what they give when one is deleted or,
// for an Organization, replaced by one with fewer scopes. Each comes once, in the order of kinds and names.
func (s *State) Losing(old, object client.Object) []Loss {
	var losses []Loss
	if o, ok := old.(*v1alpha1.ResourceType); ok {
		for _, t := range s.list() {
			losses = append(losses, t.losingPermissions(o)...)
		}
	} else {
		losses = s.readerOfObject(old, object).losing(old, object)
	}
	slices.SortStableFunc(losses, func(a, b Loss) int { return a.Ref.Compare(b.Ref) })
	return slices.CompactFunc(losses, func(a, b Loss) bool { return a.Ref == b.Ref })
}

func (t reader) losing(old, object client.Object) []Loss {
	t.mu.RLock()
	defer t.mu.RUnlock()
	key := client.ObjectKeyFromObject(old)
	n := &t.named
	switch o := old.(type) {
	case *v1alpha1.Role:
		losses := t.assignmentsInForce(n.assignedRole[key], "spec.roleRef")
		for child := range t.withDescendants(set[types.NamespacedName]{key: {}}) {
			if child != key {
				losses = append(losses, t.assignmentsInForce(n.assignedRole[child], fmt.Sprintf("spec.roleRef, as the Role %s inherits it", child.Name))...)
			}
		}
		return losses
	case *v1alpha1.Group:
		return slices.Concat(
			t.assignmentsInForce(n.assignedToGroup[key], "spec.subject.group"), t.grantsInForce(n.grantsToGroup[key], "spec.subject.group"),
			t.membershipsInForce(n.membershipsOfGroup[key], "spec.group"))
	case *v1alpha1.User:
		losses := slices.Concat(
			t.assignmentsInForce(n.assignedToUser[key], "spec.subject.user"), t.grantsInForce(n.grantsToUser[key], "spec.subject.user"),
			t.membershipsInForce(n.membershipsOfUser[key], "spec.user"))
		for invitation := range n.accepted[key] {
			losses = append(losses, t.assignmentsInForce(n.assignedToInvitation[invitation], "spec.subject.invitation")...)
		}
		return losses
	case *v1alpha1.Organization:
		if object == nil {
			return slices.Concat(
				t.assignmentsInForce(namesOf(t.assignments), "metadata.namespace"), t.grantsInForce(namesOf(t.grants), "metadata.namespace"),
				t.membershipsInForce(namesOf(t.memberships), "metadata.namespace"))
		}
		return t.losingScopes(o, object.(*v1alpha1.Organization))
	}
	return nil
}

// losingPermissions are the roles, the grants and the assignments that name a type or its permissions.
func (t reader) losingPermissions(o *v1alpha1.ResourceType) []Loss {
	t.mu.RLock()
	defer t.mu.RUnlock()
	roles, grants := set[types.NamespacedName]{}, set[kinds.Ref]{}
	for _, permission := range o.Spec.Permissions {
		maps.Copy(roles, t.named.rolesGiving[permission.Name])
		maps.Copy(grants, t.named.grantsGiving[permission.Name])
	}
	losses := slices.Concat(
		t.grantsInForce(grants, ""), t.grantsInForce(t.named.grantsOn[o.Spec.Type], "spec.scope.resource"),
		t.assignmentsInForce(t.named.assignmentsOn[o.Spec.Type], "spec.scope.resource"))
	for role := range roles {
		losses = append(losses, Loss{kinds.Named(kinds.Role, role), scope.Path{Organization: role.Namespace}, "spec.permissionGrants"})
	}
	return losses
}

func (t *tenant) losingScopes(old, object *v1alpha1.Organization) (losses []Loss) {
	after := declared(object)
	if len(changedScopes(declared(old), after)) == 0 {
		return nil
	}
	in := func(l Loss) bool { return after.has(l.At.Container()) }
	losses = slices.Concat(t.assignmentsInForce(namesOf(t.assignments), "spec.scope"), t.grantsInForce(namesOf(t.grants), "spec.scope"))
	return slices.DeleteFunc(losses, in)
}

// namesOf are those of all objects of a kind.
func namesOf[K comparable, N any](nodes map[K]N) set[K] {
	names := make(set[K], len(nodes))
	for name := range nodes {
		names.add(name)
	}
	return names
}

func (t *tenant) assignmentsInForce(keys set[types.NamespacedName], field string) (losses []Loss) {
	for key := range keys {
		if node := t.assignments[key]; node.outcome.isInForce() {
			losses = append(losses, Loss{kinds.Named(kinds.RoleAssignment, key), PathOf(key.Namespace, &node.object.Scope), field})
		}
	}
	return losses
}

// grantsInForce are named by what they give where no field is given, and a temporary grant by its own field for the user.
func (t *tenant) grantsInForce(refs set[kinds.Ref], field string) (losses []Loss) {
	for ref := range refs {
		node := t.grants[ref]
		if !node.outcome.InForce {
			continue
		}
		loss := Loss{ref, PathOf(ref.Namespace, &node.object.scope), field}
		switch temporary := ref.Kind == kinds.TemporaryPermissionGrant; {
		case field == "" && temporary:
			loss.Field = "spec.permissionGrant"
		case field == "":
			loss.Field = "spec.permissions"
		case field == "spec.subject.user":
			loss.Field = node.object.userField
		}
		losses = append(losses, loss)
	}
	return losses
}

func (t *tenant) membershipsInForce(keys set[types.NamespacedName], field string) (losses []Loss) {
	for key := range keys {
		if t.memberships[key].outcome.InForce {
			losses = append(losses, Loss{kinds.Named(kinds.GroupMembership, key), scope.Path{Organization: key.Namespace}, field})
		}
	}
	return losses
}
