package state

import (
	"fmt"
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// role: a role may be assigned anywhere, so that what it gives must be held at the organization. An edit
// can also mend roles that inherit from it, and so can a deletion, which opens a cycle or makes room: these then
// give more.
func (g *escalationCheck) role(old, object *v1alpha1.Role) {
	s := g.state
	switch {
	case object == nil && (len(s.named.heirs[g.key]) == 0 || s.namespaces[g.key.Namespace].terminating):
		return // all that could be given goes as well
	case object != nil && old != nil && sameRights(&old.Spec, &object.Spec):
		return
	}
	if object != nil {
		g.needsOfRole(old, object)
	}
	if !s.hasRole(g.key, old) {
		// What this replica has seen of the role is not what is replaced.
		defer s.tryRole(g.key, old, nil)()
	}
	promised := s.roles[g.key].promises(s, g.key)
	widens := object != nil && old != nil && widened(&old.Spec, &object.Spec)
	undo := s.tryRole(g.key, object, func(before map[types.NamespacedName]*role, evaluated set[types.NamespacedName]) bool {
		for role := range evaluated {
			had, now := before[role].effect(), s.roles[role]
			if role == g.key && widens {
				had = nil // at a level where it could not be assigned, it gave nothing
			}
			g.giveByRole(role, had, now.effect())
			if role != g.key || now.whole() {
				continue
			}
			// What it inherits from roles that give it nothing yet counts as given: whoever mends one of these brings it about.
			if !widens && promised != nil {
				had = promised
			}
			g.giveByRole(role, had, now.promises(s, role))
		}
		return len(g.difference.listed) == 0 && len(g.unresolved) == 0 // else it is refused already, whatever its children give
	})
	undo()
}

// promises is what a role would give if all that it names were valid; nothing where it gives that already.
func (r *role) promises(s *tenant, key types.NamespacedName) []policy.Grant {
	if r.whole() {
		return nil
	}
	return s.reach(key)
}

// hasRole says whether a role is known as it is here.
func (s *tenant) hasRole(key types.NamespacedName, object *v1alpha1.Role) bool {
	node := s.roles[key]
	if node == nil || object == nil {
		return node == nil && object == nil
	}
	return sameRights(&node.object.Spec, &object.Spec)
}

// giveByRole: whoever has a role gets what it gives.
func (g *escalationCheck) giveByRole(role types.NamespacedName, had, gives []policy.Grant) {
	organization := scope.Path{Organization: role.Namespace}
	g.difference.addGrants(organization, had, gives)
	if len(had) == 0 && len(gives) > 0 && g.state.administeredBy(role) {
		g.give(manages(role.Namespace, ""))
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

// needsOfRole: entries and inherited roles that are new must be resolved.
func (g *escalationCheck) needsOfRole(old, object *v1alpha1.Role) {
	var entries []v1alpha1.PermissionEntry
	var inherits []string
	if old != nil {
		entries, inherits = old.Spec.PermissionGrants, old.Spec.Inherits
	}
	for _, written := range object.Spec.PermissionGrants {
		unchanged := func(entry v1alpha1.PermissionEntry) bool { return equality.Semantic.DeepEqual(entry, written) }
		if _, fault := policy.ParseEntry(written, g.state.catalogue, ""); fault != nil && !slices.ContainsFunc(entries, unchanged) {
			g.needs(&Outcome{Message: fmt.Sprintf("spec.permissionGrants: %s: %s", written.Permission, fault.Message)})
		}
	}
	for _, name := range object.Spec.Inherits {
		if !slices.Contains(inherits, name) {
			g.needs(g.state.unresolvedRole("spec.inherits", sibling(g.key, name)))
		}
	}
}

// effect is what a role gives, nothing where there is no role.
func (r *role) effect() []policy.Grant {
	if r == nil {
		return nil
	}
	return r.grants
}

// whole says whether a role gives all that it says, its faulty entries aside.
func (r *role) whole() bool { return r == nil || !r.visible.broken && len(r.lost) == 0 }

// reach is what a role would give if nothing were broken: its own entries, and those of all roles that it
// names, directly and through others.
func (s *tenant) reach(key types.NamespacedName) (grants []policy.Grant) {
	named := func(key types.NamespacedName) iter.Seq[types.NamespacedName] {
		return slices.Values(s.roles[key].parents(key))
	}
	for role := range s.reached(set[types.NamespacedName]{key: {}}, named) {
		for _, own := range s.roles[role].own {
			grants = append(grants, own.Grant)
		}
	}
	return grants
}

// administeredBy says whether the organization's admin role is this one, and assigned at the organization.
func (s *tenant) administeredBy(role types.NamespacedName) bool {
	for key := range s.named.assignedRole[role] {
		if s.isAdministration(key, s.assignments[key].object) {
			return true
		}
	}
	return false
}

// unresolvedRole says why it is not known what a role gives, if it is not.
func (s *tenant) unresolvedRole(field string, key types.NamespacedName) *Outcome {
	node := s.roles[key]
	switch {
	case node == nil || node.object == nil:
		return &Outcome{Message: fmt.Sprintf("%s: there is no Role %s in this namespace: correct the name, or create it", field, key.Name)}
	case node.visible.broken:
		return &Outcome{Message: fmt.Sprintf("%s: the Role %s is not valid, so it is not known what it gives: mend it first: %s", field, key.Name, node.outcome.Message)}
	}
	for _, of := range append([]types.NamespacedName{key}, s.ancestors(key)...) {
		if found := s.roles[of]; found != nil && len(found.faults) > 0 {
			fault := found.faults[0]
			return &Outcome{Message: fmt.Sprintf("%s: it is not known what the Role %s gives: in the Role %s, %s: %s", field, key.Name, of.Name, fault.Permission, fault.Message)}
		}
		if found := s.roles[of]; found != nil && len(found.lost) > 0 {
			return &Outcome{Message: fmt.Sprintf("%s: it is not known what the Role %s gives: in the Role %s, spec.inherits: %s", field, key.Name, of.Name, found.lost[0].because.Message)}
		}
		if s.waits(kinds.Named(kinds.Role, of)) {
			return &Outcome{Message: fmt.Sprintf("%s: it is not known what the Role %s gives: an edit of the Role %s waits for the end of a pause: write this when it has ended", field, key.Name, of.Name)}
		}
	}
	return nil
}

// TooLarge says why the store does not take a role, or nothing if it does, or did not take it before and
// still gets the same.
func (s *tenant) tooLarge(old, object *v1alpha1.Role) string {
	if old != nil && sameRights(&old.Spec, &object.Spec) {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var outcome Outcome
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	s.tryRole(key, object, func(map[types.NamespacedName]*role, set[types.NamespacedName]) bool {
		outcome = s.roles[key].outcome
		return false // its children don't matter
	})()
	if outcome.Reason == v1alpha1.ReasonRoleTooLarge {
		return outcome.Message
	}
	return ""
}
