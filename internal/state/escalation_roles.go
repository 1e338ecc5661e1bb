package state

import (
	"fmt"
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

func (roleKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.role(cast[*v1alpha1.Role](old), cast[*v1alpha1.Role](object))
}

// role: a role may be assigned anywhere, so that what it gives must be held at the organization. An edit
// can also mend roles that inherit from it, and so can a deletion, which opens a cycle or makes room: these then
// give more.
func (c *escalationCheck) role(old, object *v1alpha1.Role) {
	t := c.tenant
	switch {
	case object == nil && (len(t.named.children[c.key]) == 0 || t.namespaces[c.key.Namespace].terminating):
		return // all that could be given goes as well
	case object != nil && old != nil && sameRights(&old.Spec, &object.Spec):
		return
	}
	if object != nil {
		c.requireOfRole(old, object)
	}
	if !c.hasRole(c.key, old) {
		// What this replica has seen of the role is not what is replaced.
		defer t.tryRole(c.key, old, nil)()
	}
	promised := t.roles[c.key].promises(t, c.key)
	widens := object != nil && old != nil && widened(&old.Spec, &object.Spec)
	undo := t.tryRole(c.key, object, func(before map[types.NamespacedName]*role, evaluated set[types.NamespacedName]) bool {
		for role := range evaluated {
			had, now := before[role].effect(), t.roles[role]
			if role == c.key && widens {
				had = nil // at a level where it could not be assigned, it gave nothing
			}
			c.giveByRole(role, had, now.effect())
			if role != c.key || now.whole() {
				continue
			}
			// What it inherits from roles that give it nothing yet counts as given: whoever mends one of these brings it about.
			if !widens && promised != nil {
				had = promised
			}
			c.giveByRole(role, had, now.promises(t, role))
		}
		return len(c.difference.listed) == 0 && len(c.unresolved) == 0 // else it is refused already, whatever its children give
	})
	undo()
}

// promises is what a role would give if all that it names were valid; nothing where it gives that already.
func (r *role) promises(t *tenant, key types.NamespacedName) []entitlement.RoleGrant {
	if r.whole() {
		return nil
	}
	return t.reach(key)
}

// hasRole says whether a role is known as it is here.
func (c *escalationCheck) hasRole(key types.NamespacedName, object *v1alpha1.Role) bool {
	t := c.tenant
	node := t.roles[key]
	if node == nil || object == nil {
		return node == nil && object == nil
	}
	return sameRights(&node.object.Spec, &object.Spec)
}

// giveByRole: whoever has a role gets what it gives.
func (c *escalationCheck) giveByRole(role types.NamespacedName, had, gives []entitlement.RoleGrant) {
	organization := scope.Path{Organization: role.Namespace}
	c.difference.addGrants(organization, had, gives)
	if len(had) == 0 && len(gives) > 0 && c.administeredBy(role) {
		c.addGranted(manages(role.Namespace, ""))
	}
}

// sameRights says whether two specs of a role differ in nothing that could give anything.
func sameRights(a, b *v1alpha1.RoleSpec) bool {
	return a.Type == b.Type && slices.Equal(a.AssignableAt, b.AssignableAt) && slices.Equal(a.Inherits, b.Inherits) &&
		equality.Semantic.DeepEqual(a.PermissionGrants, b.PermissionGrants)
}

// widened says whether a role can be assigned at a level where it could not be.
func widened(old, now *v1alpha1.RoleSpec) bool {
	for _, level := range []v1alpha1.ScopeLevel{v1alpha1.LevelOrganization, v1alpha1.LevelWorkspace, v1alpha1.LevelProject, v1alpha1.LevelResource} {
		if policy.AssignableAt(now, level) && !policy.AssignableAt(old, level) {
			return true
		}
	}
	return false
}

// requireOfRole: entries and inherited roles that are new must be resolved.
func (c *escalationCheck) requireOfRole(old, object *v1alpha1.Role) {
	var entries []v1alpha1.PermissionEntry
	var inherits []string
	if old != nil {
		entries, inherits = old.Spec.PermissionGrants, old.Spec.Inherits
	}
	for _, written := range object.Spec.PermissionGrants {
		unchanged := func(entry v1alpha1.PermissionEntry) bool { return equality.Semantic.DeepEqual(entry, written) }
		if _, fault := policy.ParseEntry(written, c.tenant.catalogue, ""); fault != nil && !slices.ContainsFunc(entries, unchanged) {
			c.require(&Outcome{Message: fmt.Sprintf("spec.permissionGrants: %s: %s", written.Permission, fault.Message)})
		}
	}
	for _, name := range object.Spec.Inherits {
		if !slices.Contains(inherits, name) {
			c.require(c.unresolvedRole("spec.inherits", sibling(c.key, name)))
		}
	}
}

// effect is what a role gives, nothing where there is no role.
func (r *role) effect() []entitlement.RoleGrant {
	if r == nil {
		return nil
	}
	return r.given
}

// whole says whether a role gives all that it says, its faulty entries aside.
func (r *role) whole() bool { return r == nil || !r.visible.broken && len(r.skipped) == 0 }

// reach is what a role would give if nothing were broken: its own entries, and those of all roles that it
// names, directly and through others.
func (t *tenant) reach(key types.NamespacedName) (grants []entitlement.RoleGrant) {
	named := func(key types.NamespacedName) iter.Seq[types.NamespacedName] {
		return slices.Values(t.roles[key].parents(key))
	}
	for role := range t.reached(set[types.NamespacedName]{key: {}}, named) {
		own := t.roles[role].own
		for n := range own {
			grants = append(grants, entitlement.RoleGrant{Grant: &own[n].Grant})
		}
	}
	return grants
}

// administeredBy says whether the organization's admin role is this one, and assigned at the organization.
func (c *escalationCheck) administeredBy(role types.NamespacedName) bool {
	t := c.tenant
	for key := range t.named.assignedRole[role] {
		if t.isAdministration(key, t.assignments[key].object) {
			return true
		}
	}
	return false
}

// unresolvedRole says why it is not known what a role gives, if it is not.
func (c *escalationCheck) unresolvedRole(field string, key types.NamespacedName) *Outcome {
	t := c.tenant
	node := t.roles[key]
	switch {
	case node == nil || node.object == nil:
		return &Outcome{Message: fmt.Sprintf("%s: there is no Role %s in this namespace: correct the name, or create it", field, key.Name)}
	case node.visible.broken:
		return &Outcome{Message: fmt.Sprintf("%s: the Role %s is not valid, so it is not known what it gives: fix it first: %s", field, key.Name, node.outcome.Message)}
	}
	for _, of := range append([]types.NamespacedName{key}, t.ancestors(key)...) {
		if found := t.roles[of]; found != nil && len(found.faults) > 0 {
			fault := found.faults[0]
			return &Outcome{Message: fmt.Sprintf("%s: it is not known what the Role %s gives: in the Role %s, %s: %s", field, key.Name, of.Name, fault.Permission, fault.Message)}
		}
		if found := t.roles[of]; found != nil && len(found.skipped) > 0 {
			return &Outcome{Message: fmt.Sprintf("%s: it is not known what the Role %s gives: in the Role %s, spec.inherits: %s", field, key.Name, of.Name, found.skipped[0].outcome.Message)}
		}
		if t.waits(kinds.Named(kinds.Role, of)) {
			return &Outcome{Message: fmt.Sprintf("%s: it is not known what the Role %s gives: an edit of the Role %s waits for the end of a pause: try again when the pause has ended", field, key.Name, of.Name)}
		}
	}
	return nil
}
