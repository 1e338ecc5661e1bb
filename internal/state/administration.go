package state

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// evaluateAdministration looks again at who administers an organization that is in effect, after all that says so.
func (e *evaluation) evaluateAdministration() {
	t := e.tenant
	if node := t.organizations[t.name]; node != nil && len(node.scopes) > 0 {
		if now := t.evaluateAdministration(node.object); !node.outcome.equal(now) {
			e.setOutcome(kinds.Ref{Kind: kinds.Organization, Name: t.name}, &node.outcome, now)
		}
	}
}

// evaluateAdministration says whether there is who an organization is said to be administered by. The
// organization is in effect all the same, so that this can be fixed.
func (t *tenant) evaluateAdministration(object *v1alpha1.Organization) Outcome {
	for _, owner := range object.Spec.Owners {
		if node := t.users[types.NamespacedName{Namespace: object.Name, Name: owner}]; node == nil || node.object == nil {
			return Outcome{Reason: v1alpha1.ReasonOwnerNotFound, Message: fmt.Sprintf(
				"spec.owners: there is no User %s in namespace %s: correct the name, or create it; all else is in effect", owner, object.Name)}
		}
	}
	admin := types.NamespacedName{Namespace: object.Name, Name: object.Spec.AdminRole}
	if node := t.roles[admin]; node == nil || node.object == nil {
		return Outcome{Reason: v1alpha1.ReasonAdminRoleNotFound, Message: fmt.Sprintf(
			"spec.adminRole: there is no Role %s in namespace %s: correct the name, or create it; all else is in effect", admin.Name, object.Name)}
	}
	if t.administeredThrough() == "" {
		return Outcome{Reason: v1alpha1.ReasonNotAdministered, Message: t.whyNotAdministered() + "; all else is in effect"}
	}
	return Outcome{Reason: v1alpha1.ReasonValid, Ready: true, Message: fmt.Sprintf(
		"governs namespace %s, with %d workspaces", object.Name, len(object.Spec.Workspaces))}
}

// administeredThrough is the name of an owner who administers the organization by what is in force and does not end by
// itself, empty if none does.
func (t *tenant) administeredThrough() string {
	node := t.organizations[t.name]
	if node == nil || node.object == nil {
		return ""
	}
	for _, owner := range node.object.Spec.Owners {
		user := types.NamespacedName{Namespace: t.name, Name: owner}
		for _, key := range t.administrationsOf(user) {
			if node := t.assignments[key]; node.outcome.isInForce() && !node.endsByItself() && t.reaches(user, node.object) {
				return owner
			}
		}
	}
	return ""
}

// administrationsOf are the assignments of the admin role at the organization that name a user, a group that the user is
// said to be in, or an invitation that they have accepted, in force or not.
func (t *tenant) administrationsOf(user types.NamespacedName) (found []types.NamespacedName) {
	n := &t.named
	keep := func(keys set[types.NamespacedName]) {
		for key := range keys {
			if t.isAdministration(key, t.assignments[key].object) {
				found = append(found, key)
			}
		}
	}
	keep(n.assignedToUser[user])
	for key := range n.membershipsOfUser[user] {
		keep(n.assignedToGroup[sibling(key, t.memberships[key].object.Group)])
	}
	for key := range n.accepted[user] {
		keep(n.assignedToInvitation[key])
	}
	return found
}

// reaches says whether an assignment in force reaches a user: those of a group do so through a membership in force.
func (t *tenant) reaches(user types.NamespacedName, spec *v1alpha1.RoleAssignmentSpec) bool {
	if spec.Subject.Group == "" {
		return true
	}
	for key := range t.named.sameMembership[pair{user.Namespace, user.Name, spec.Subject.Group}] {
		if node := t.memberships[key]; node.outcome.InForce && node.object.ExpiresAt == nil {
			return true
		}
	}
	return false
}

// whyNotAdministered says why no owner administers the organization, and what to do.
func (t *tenant) whyNotAdministered() string {
	spec := &t.organizations[t.name].object.Spec
	for _, owner := range spec.Owners {
		user := types.NamespacedName{Namespace: t.name, Name: owner}
		if node := t.users[user]; node != nil && node.outcome.Reason == v1alpha1.ReasonSuspended {
			return fmt.Sprintf("no owner administers this: the User %s is suspended: set its spec.suspended to false, or name another owner who has the Role %s at the organization", owner, spec.AdminRole)
		}
		keys := t.administrationsOf(user)
		slices.SortFunc(keys, func(a, b types.NamespacedName) int { return strings.Compare(a.Name, b.Name) })
		for _, key := range keys {
			if t.assignments[key].endsByItself() {
				return fmt.Sprintf("no owner administers this for good: the RoleAssignment %s ends by itself: assign the Role %s to an owner without expiresAt", key.Name, spec.AdminRole)
			}
			if outcome := t.assignments[key].lastOutcome(); !outcome.InForce {
				return fmt.Sprintf("no owner administers this: the RoleAssignment %s gives nothing: %s", key.Name, outcome.Message)
			}
			return fmt.Sprintf("no owner administers this: the User %s is not in force, or not for good, in the Group of the RoleAssignment %s; see the GroupMemberships' statuses", owner, key.Name)
		}
	}
	return fmt.Sprintf("no owner administers this: assign the Role %s to one of spec.owners, without a scope", spec.AdminRole)
}

// isAdministration says whether an assignment gives the organization's admin role at the organization.
func (t *tenant) isAdministration(key types.NamespacedName, spec *v1alpha1.RoleAssignmentSpec) bool {
	organization := t.organizations[key.Namespace]
	return organization != nil && organization.object != nil &&
		spec.RoleRef.Name == organization.object.Spec.AdminRole && spec.Scope == (v1alpha1.Scope{})
}
