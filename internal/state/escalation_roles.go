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
	before, after := s.withRole(g.key, old), s.withRole(g.key, object)
	touched := before.withHeirs(set[types.NamespacedName]{g.key: {}})
	if object != nil {
		touched = after.withHeirs(set[types.NamespacedName]{g.key: {}})
		g.needsOfRole(old, object)
		g.promises(before, after)
	}
	for heir := range touched {
		had, gives := before.roles[heir].effect(), after.roles[heir].effect()
		if heir == g.key && old != nil && object != nil && widened(&old.Spec, &object.Spec) {
			had = nil // at a level where it could not be assigned, it gave nothing
		}
		g.giveByRole(heir, had, gives)
	}
}

// promises: what a role inherits from roles that give it nothing yet counts as given, because whoever mends one of
// these brings it about.
func (g *escalationCheck) promises(before, after *tenant) {
	was, now := before.roles[g.key], after.roles[g.key]
	if now.whole() {
		return
	}
	had, gives := was.effect(), after.reach(g.key)
	if !was.whole() {
		had = before.reach(g.key)
	}
	if was != nil && widened(&was.object.Spec, &now.object.Spec) {
		had = nil
	}
	g.giveByRole(g.key, had, gives)
}

// giveByRole: whoever has a role gets what it gives.
func (g *escalationCheck) giveByRole(role types.NamespacedName, had, gives []policy.Grant) {
	organization := scope.Path{Organization: role.Namespace}
	g.difference.add(at(organization, had), at(organization, gives))
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
		grants = append(grants, s.roles[role].own...)
	}
	return grants
}

// withRole is the state of an organization's roles with one of them as it is here, or without it. It
// knows of nothing else.
func (s *tenant) withRole(key types.NamespacedName, object *v1alpha1.Role) *tenant {
	trial := &tenant{
		limits: s.limits, clock: s.clock, now: s.now, named: s.named,
		organizations: s.organizations, namespaces: s.namespaces, catalogue: s.catalogue,
		roles: map[types.NamespacedName]*role{}, tally: newTally(),
	}
	for name := range s.named.rolesOf[key.Namespace] {
		node := *s.roles[name]
		trial.roles[name] = &node
	}
	trial.roles[key] = &role{object: object}
	newPass(trial).evaluateRolesFrom(key)
	return trial
}

// evaluateRolesFrom evaluates a role and its heirs, and nothing that depends on them.
func (p *pass) evaluateRolesFrom(key types.NamespacedName) {
	p.roles.add(key)
	p.evaluateRoles()
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
	s.mu.RLock()
	defer s.mu.RUnlock()
	if old != nil && sameRights(&old.Spec, &object.Spec) {
		return ""
	}
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	if outcome := s.withRole(key, object).roles[key].outcome; outcome.Reason == v1alpha1.ReasonRoleTooLarge {
		return outcome.Message
	}
	return ""
}
