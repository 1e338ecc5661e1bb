package state

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// markProtection notes that an assignment which names a user has changed: another one of that user, which is
// being deleted, may have to stay now, or may go.
func (e *evaluation) markProtection(key types.NamespacedName, spec *v1alpha1.RoleAssignmentSpec) {
	if spec != nil && spec.Subject.User != "" {
		e.protection.add(sibling(key, spec.Subject.User))
		return
	}
	if spec != nil {
		e.release(key)
	}
}

// markAllProtection notes that somebody may have a role through a group now, so that assignments which are being deleted may go.
func (e *evaluation) markAllProtection() {
	for key := range e.tenant.named.deleting {
		e.markProtection(key, e.tenant.assignments[key].object)
	}
}

// release releases an assignment that is being deleted and names no user: nothing protects it.
func (e *evaluation) release(key types.NamespacedName) {
	if node := e.tenant.assignments[key]; node != nil && node.deleting && node.object != nil {
		node.released = true
		e.decideDeletion(key, node, nil)
	}
}

// decideDeletion says what becomes of an assignment that is being deleted.
func (e *evaluation) decideDeletion(key types.NamespacedName, node *assignment, protection *Outcome) {
	ref := kinds.Named(kinds.RoleAssignment, key)
	if protection == nil {
		e.markHistory(ref)
		e.tenant.protected.remove(key)
		e.setOutcomeKept(ref, &node.outcome, Outcome{})
		e.setDesiredKept(ref, &node.desired, desired{})
		return
	}
	e.tenant.protected.add(key)
	e.markHistory(ref)
	e.setOutcomeKept(ref, &node.outcome, *protection)
	e.setDesiredKept(ref, &node.desired, node.otherwise.desired)
}

// evaluateProtection says of each assignment of a user that is being deleted whether it must stay.
func (e *evaluation) evaluateProtection(user types.NamespacedName) {
	t := e.tenant
	var deleting []types.NamespacedName
	kept := t.keptBy(user)
	if len(e.tenant.named.deleting) == 0 {
		return
	}
	for key := range t.named.assignedToUser[user] {
		node := t.assignments[key]
		switch {
		case node.object == nil:
		case node.deleting && t.isProtectedByLeader(node):
			node.released = false
			e.decideDeletion(key, node, t.protectedBecause("the replica that leads says so", node.gives().Life))
			kept.add(node.object)
		case node.deleting && node.released:
			e.decideDeletion(key, node, nil)
		case node.deleting:
			deleting = append(deleting, key)
		case node.gives().InForce && !node.endsByItself() && !t.waits(kinds.Named(kinds.RoleAssignment, key)): // what waits may take it away
			kept.add(node.object)
		}
	}
	// The youngest first: of several that are deleted together, the last that was made stays. An owner's
	// admin role comes before all others, because where it stays, none of them is the last.
	organization := t.organizations[user.Namespace]
	slices.SortFunc(deleting, func(a, b types.NamespacedName) int {
		return cmp.Or(
			rank(organization.administers(user, t.assignments[a].object))-rank(organization.administers(user, t.assignments[b].object)),
			t.assignments[b].age.Time.Compare(t.assignments[a].age.Time), strings.Compare(b.Name, a.Name))
	})
	for _, key := range deleting {
		why, _ := t.evaluateRevocation(user, key, kept)
		// What has been let go once never comes back: the object may be gone in the next moment.
		t.assignments[key].released = why == ""
		e.decideDeletion(key, t.assignments[key], t.protectedBecause(why, t.assignments[key].gives().Life))
		if why != "" {
			kept.add(t.assignments[key].object)
		}
	}
}

// rank is the place of what is true before what is not.
func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// keptRoles are the roles that a user keeps beside one that is taken.
type keptRoles struct {
	user types.NamespacedName
	of   *organization
	// some means that there is one, administration that one of them is an owner's administration.
	some, administration bool
	throughGroup         func() bool
}

// keptBy are none yet.
func (t *tenant) keptBy(user types.NamespacedName) *keptRoles {
	return &keptRoles{user: user, of: t.organizations[user.Namespace], throughGroup: sync.OnceValue(func() bool { return t.hasRoleThroughGroup(user) })}
}

func (k *keptRoles) add(spec *v1alpha1.RoleAssignmentSpec) {
	k.some, k.administration = true, k.administration || k.of.administers(k.user, spec)
}

// evaluateRevocation says why an assignment can't be taken from a user, given those that the user keeps; nothing when it
// can. Where it can, and takes the last role of a user, it says so.
func (t *tenant) evaluateRevocation(user, key types.NamespacedName, kept *keptRoles) (protected, warning string) {
	node := t.assignments[key]
	organization := t.organizations[key.Namespace]
	switch {
	case !node.gives().InForce, node.endsByItself(), t.namespaces[key.Namespace].terminating, organization == nil || organization.object == nil:
		return "", ""
	case organization.administers(user, node.object) && !kept.administration:
		return fmt.Sprintf("the User %s owns the organization, and the RoleAssignment %s gives them the admin role: take the user out of the Organization's owners first, or delete the User", user.Name, key.Name), ""
	case kept.some || kept.throughGroup():
		return "", ""
	}
	last := fmt.Sprintf("the RoleAssignment %s is the last role of the User %s", key.Name, user.Name)
	if organization.object.Spec.LastRolePolicy == v1alpha1.LastRoleWarn {
		return "", last
	}
	return fmt.Sprintf("%s: assign another one first, to the User or to a Group that the User is in; or suspend or delete the User; "+
		"or have someone with the verb escalate on the Organization %s set its spec.lastRolePolicy to Warn", last, key.Namespace), ""
}

// hasRoleThroughGroup says whether a user has a role for good by being in a group for good. None of what gives it is
// protected.
func (t *tenant) hasRoleThroughGroup(user types.NamespacedName) bool {
	for key := range t.named.membershipsOfUser[user] {
		member := t.memberships[key]
		if !member.outcome.InForce || member.object.ExpiresAt != nil || t.waits(kinds.Named(kinds.GroupMembership, key)) {
			continue
		}
		for assigned := range t.named.assignedToGroup[sibling(key, member.object.Group)] {
			t.checked.Add(1)
			node := t.assignments[assigned]
			if node.outcome.isInForce() && !node.deleting && !node.endsByItself() && !t.waits(kinds.Named(kinds.RoleAssignment, assigned)) {
				return true
			}
		}
	}
	return false
}

// protectedBecause is the outcome of an assignment that stays for a reason, nil without one. It may have begun by itself.
func (t *tenant) protectedBecause(why string, life policy.Lifetime) *Outcome {
	if why == "" {
		return nil
	}
	outcome := t.withLife(Outcome{
		Reason: v1alpha1.ReasonRevocationProtected, Stalled: true, InForce: true, Protected: true,
		Message: "stays in force: " + why,
	}, life)
	return &outcome
}

// administers says whether an assignment gives an owner the organization's admin role at the organization.
func (o *organization) administers(user types.NamespacedName, spec *v1alpha1.RoleAssignmentSpec) bool {
	return o != nil && o.object != nil && spec.RoleRef.Name == o.object.Spec.AdminRole && spec.Scope == (v1alpha1.Scope{}) &&
		slices.Contains(o.object.Spec.Owners, user.Name)
}
