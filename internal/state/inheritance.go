package state

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// maxAncestors is how many roles one may inherit from, directly and through others. It bounds what an edit
// of a role costs for each of its heirs.
const maxAncestors = 256

// parents are the roles that a role names in inherits, each once, whether or not they are there.
func (r *role) parents(key types.NamespacedName) []types.NamespacedName {
	if r == nil || r.object == nil {
		return nil
	}
	parents := make([]types.NamespacedName, 0, len(r.object.Spec.Inherits))
	for _, name := range r.object.Spec.Inherits {
		parents = append(parents, sibling(key, name))
	}
	return parents
}

// withHeirs are roles and all that inherit from them, directly and through others.
func (s *tenant) withHeirs(roles set[types.NamespacedName]) set[types.NamespacedName] {
	return s.reached(roles, func(key types.NamespacedName) iter.Seq[types.NamespacedName] { return maps.Keys(s.named.heirs[key]) })
}

// reached are roles and all that next leads to from them, directly and through others, as far as there are any.
func (s *tenant) reached(roles set[types.NamespacedName], next func(types.NamespacedName) iter.Seq[types.NamespacedName]) set[types.NamespacedName] {
	found := set[types.NamespacedName]{}
	var follow func(types.NamespacedName)
	follow = func(key types.NamespacedName) {
		if found.has(key) || s.roles[key] == nil {
			return
		}
		found.add(key)
		for further := range next(key) {
			follow(further)
		}
	}
	for key := range roles {
		follow(key)
	}
	return found
}

// owned are grants as part of what a role gives, from itself.
func owned(grants []policy.Grant) []inheritedGrant {
	all := make([]inheritedGrant, 0, len(grants))
	for _, grant := range grants {
		all = append(all, inheritedGrant{grant: grant})
	}
	return all
}

// inheritedGrant is a grant and the name of the role that it is inherited from, empty for the role itself.
type inheritedGrant struct {
	grant policy.Grant
	from  string
}

// judgeInheritance finds what a role inherits, from each ancestor once, the nearest first; or why it grants
// nothing at all. The roles that it names have been evaluated before.
func (s *tenant) judgeInheritance(key types.NamespacedName, node *role) ([]inheritedGrant, *Outcome) {
	if len(node.object.Spec.Inherits) == 0 {
		return nil, nil
	}
	if node.object.Spec.Type == v1alpha1.RoleBase {
		return nil, &Outcome{Reason: v1alpha1.ReasonBaseRoleInherits, Stalled: true,
			Message: "spec.inherits: a role of type Base inherits nothing: list the permissions here, or make the role anew with the type Standard"}
	}
	ancestors, cycle := s.ancestors(key)
	if cycle != nil {
		return nil, &Outcome{Reason: v1alpha1.ReasonInheritanceCycle, Stalled: true, Message: fmt.Sprintf(
			"spec.inherits: the role inherits from itself: %s: take one of these out of another's inherits", strings.Join(cycle, " > "))}
	}
	if len(ancestors) > maxAncestors {
		return nil, &Outcome{Reason: v1alpha1.ReasonRoleTooLarge, Stalled: true, Message: fmt.Sprintf(
			"spec.inherits: the role inherits from more than %d roles, directly and through others: list permissions here instead, or split the role in two", maxAncestors)}
	}
	for _, parent := range node.parents(key) {
		switch found := s.roles[parent]; {
		case found == nil || found.object == nil:
			return nil, &Outcome{Reason: v1alpha1.ReasonRoleNotFound, Message: fmt.Sprintf(
				"spec.inherits: there is no Role %s in this namespace: correct the name, or create it; until then this role grants nothing", parent.Name)}
		case found.visible.broken:
			return nil, &Outcome{Reason: v1alpha1.ReasonRoleInvalid, Message: fmt.Sprintf(
				"spec.inherits: the Role %s grants nothing until it is fixed, and neither does this one; see its status", parent.Name)}
		}
	}
	var inherited []inheritedGrant
	for _, ancestor := range ancestors {
		for _, grant := range s.roles[ancestor].own {
			inherited = append(inherited, inheritedGrant{grant: grant, from: ancestor.Name})
		}
	}
	return inherited, nil
}

// ancestors are the roles that a role inherits from, directly and through others, each once, the nearest
// first, and of these at most one more than are allowed. If the role is among them, cycle is the shortest
// way from it to itself.
func (s *tenant) ancestors(key types.NamespacedName) (ancestors []types.NamespacedName, cycle []string) {
	heirOf := map[types.NamespacedName]types.NamespacedName{}
	level := []types.NamespacedName{key}
	for len(level) > 0 && len(ancestors) <= maxAncestors {
		var next []types.NamespacedName
		for _, heir := range level {
			for _, parent := range s.roles[heir].parents(heir) {
				if parent == key {
					return nil, wayTo(key, heir, heirOf)
				}
				if _, seen := heirOf[parent]; !seen {
					heirOf[parent] = heir
					next = append(next, parent)
				}
			}
		}
		ancestors, level = append(ancestors, next...), next
	}
	return ancestors, nil
}

// wayTo is the way by which a role was found to be its own ancestor.
func wayTo(key, last types.NamespacedName, heirOf map[types.NamespacedName]types.NamespacedName) []string {
	way := []string{key.Name}
	for at := last; at != key; at = heirOf[at] {
		way = append(way, at.Name)
	}
	way = append(way, key.Name)
	slices.Reverse(way)
	return way
}

// affordable leaves out the grants with which a decision about their permission would cost more than
// the store allows, those that come later first. It says of each that is kept which role gives it.
func affordable(grants []inheritedGrant, limit int) (kept []policy.Grant, givers []string, faults []v1alpha1.PermissionFault) {
	admitted := map[string][]policy.Grant{}
	for _, inherited := range grants {
		grant := inherited.grant
		with := append(slices.Clip(admitted[grant.Permission]), grant)
		if cost := condition.Cost(with); len(grant.Tests) > 0 && cost > limit {
			fault := v1alpha1.PermissionFault{
				Permission: grant.Permission, Reason: v1alpha1.ReasonConditionTooExpensive, Message: fmt.Sprintf(
					"with this entry's %d conditions, a decision about the permission would cost %d, and the store allows %d: use fewer conditions, In instead of several entries, or another permission",
					len(grant.Tests), cost, limit),
			}
			if inherited.from != "" {
				fault.Message = fmt.Sprintf("inherited from the Role %s: %s", inherited.from, fault.Message)
			}
			faults = append(faults, fault)
			continue
		}
		admitted[grant.Permission] = with
		kept, givers = append(kept, grant), append(givers, inherited.from)
	}
	return kept, givers, faults
}
