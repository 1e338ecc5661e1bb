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
)

const (
	// maxAncestors is how many roles one may inherit from, directly and through others. It bounds what an edit
	// of a role costs for each of its descendants.
	maxAncestors = 256
	// maxCyclePath is how many roles are looked at to name the path of a cycle. A longer one would be no help.
	maxCyclePath = 32
)

// parents are the roles that a role inherits from as it is written, each once, whether or not they are there. A
// Base role inherits nothing, whatever it says.
func (r *role) parents(key types.NamespacedName) []types.NamespacedName {
	if r == nil || r.object == nil || r.object.Spec.Type == v1alpha1.RoleBase {
		return nil
	}
	parents := make([]types.NamespacedName, 0, len(r.object.Spec.Inherits))
	for _, name := range r.object.Spec.Inherits {
		parents = append(parents, sibling(key, name))
	}
	return parents
}

// components splits roles into those that inherit from each other in a cycle, together, and all others, each by
// itself. A component comes after those that it inherits from. These are Tarjan's strongly connected components.
func (t *tenant) components(roles set[types.NamespacedName]) (found []set[types.NamespacedName]) {
	// number is the order in which roles were reached, lowest the first that one leads back to; a role whose
	// component has been found leads nowhere any more.
	number, lowest := map[types.NamespacedName]int{}, map[types.NamespacedName]int{}
	var open []types.NamespacedName
	var visit func(types.NamespacedName)
	visit = func(key types.NamespacedName) {
		number[key] = len(number) + 1
		lowest[key] = number[key]
		from := len(open)
		open = append(open, key)
		for _, parent := range t.roles[key].parents(key) {
			if !roles.has(parent) {
				continue
			}
			if number[parent] == 0 {
				visit(parent)
			}
			if lowest[parent] != 0 {
				lowest[key] = min(lowest[key], lowest[parent])
			}
		}
		if lowest[key] != number[key] {
			return
		}
		component := set[types.NamespacedName]{}
		for _, member := range open[from:] {
			component.add(member)
			lowest[member] = 0
		}
		open, found = open[:from], append(found, component)
	}
	for key := range roles {
		if number[key] == 0 {
			visit(key)
		}
	}
	return found
}

// withDescendants are roles and all that inherit from them, directly or through others.
func (t *tenant) withDescendants(roles set[types.NamespacedName]) set[types.NamespacedName] {
	return t.reached(roles, func(key types.NamespacedName) iter.Seq[types.NamespacedName] { return maps.Keys(t.named.children[key]) })
}

// reached are roles and all that next leads to from them, directly and through others, as far as there are any.
func (t *tenant) reached(roles set[types.NamespacedName], next func(types.NamespacedName) iter.Seq[types.NamespacedName]) set[types.NamespacedName] {
	found := set[types.NamespacedName]{}
	var follow func(types.NamespacedName)
	follow = func(key types.NamespacedName) {
		if found.has(key) || t.roles[key] == nil {
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

// appendFrom adds a role's own grants to what a role gives that has them from it.
func appendFrom(all []inheritedGrant, from string, own []ownGrant) []inheritedGrant {
	for n := range own {
		all = append(all, inheritedGrant{&own[n], from})
	}
	return all
}

// withOwn are a role's own grants and then what it inherits, as what a role gives that has the former from it.
func withOwn(from string, own []ownGrant, inherited []inheritedGrant) []inheritedGrant {
	all := make([]inheritedGrant, 0, len(own)+len(inherited))
	return append(appendFrom(all, from, own), inherited...)
}

// inheritedGrant is a grant and the name of the role that it is inherited from, empty for the role itself.
type inheritedGrant struct {
	*ownGrant
	from string
}

// resolveParents finds the roles that a role inherits from directly, and says of each other entry of inherits why it
// gives nothing. The roles that it names have been evaluated before, but for those of the same cycle.
func (t *tenant) resolveParents(key types.NamespacedName, node *role, component set[types.NamespacedName]) (follows []types.NamespacedName, skipped []skippedParent) {
	for _, name := range node.object.Spec.Inherits {
		parent := sibling(key, name)
		found := t.roles[parent]
		var unresolved Outcome
		switch {
		case node.object.Spec.Type == v1alpha1.RoleBase:
			unresolved = Outcome{Reason: v1alpha1.ReasonBaseRoleInherits, Stalled: true, Message: fmt.Sprintf(
				"a role of type Base inherits nothing, so nothing from the Role %s: list the permissions here, or create the role again with the type Standard", name)}
		case component.has(parent):
			unresolved = Outcome{Reason: v1alpha1.ReasonInheritanceCycle, Stalled: true, Message: fmt.Sprintf(
				"nothing is inherited from the Role %s, which inherits from this one: %sremove one of these from another's inherits", name, t.cyclePath(key, parent))}
		case found == nil || found.object == nil:
			unresolved = Outcome{Reason: v1alpha1.ReasonRoleNotFound, Message: fmt.Sprintf(
				"there is no Role %s in this namespace: correct the name, or create it", name)}
		case found.visible.broken:
			unresolved = Outcome{Reason: v1alpha1.ReasonRoleInvalid, Message: fmt.Sprintf(
				"the Role %s grants nothing until it is fixed; see its status", name)}
		default:
			follows = append(follows, parent)
			continue
		}
		skipped = append(skipped, skippedParent{name, unresolved})
	}
	return follows, skipped
}

// skippedParent is an entry of inherits that gives nothing, and why.
type skippedParent struct {
	name    string
	outcome Outcome
}

// inheritNothing has a role inherit nothing at all, because it would be more than can be.
func (r *role) inheritNothing(why string) {
	for _, parent := range r.follows {
		r.skipped = append(r.skipped, skippedParent{parent.Name, Outcome{
			Reason: v1alpha1.ReasonRoleTooLarge, Stalled: true,
			Message: fmt.Sprintf("nothing is inherited from the Role %s, since %s", parent.Name, why),
		}})
	}
	r.follows, r.inherited, r.ancestors = nil, nil, 0
}

// inherit sets what a role has from its ancestors; false if there are too many of these.
func (t *tenant) inherit(key types.NamespacedName, node *role) (bounded bool) {
	if len(node.follows) == 1 {
		// As most roles that inherit: nothing has to be looked for that its parent has not found.
		parent := t.roles[node.follows[0]]
		if node.ancestors = parent.ancestors + 1; node.ancestors > maxAncestors {
			return false
		}
		node.inherited = withOwn(node.follows[0].Name, parent.own, parent.inherited)
		return true
	}
	ancestors := t.ancestors(key)
	if node.ancestors = len(ancestors); node.ancestors > maxAncestors {
		return false
	}
	for _, ancestor := range ancestors {
		node.inherited = appendFrom(node.inherited, ancestor.Name, t.roles[ancestor].own)
	}
	return true
}

// ancestors are the roles that a role has something from, directly and through others, each once, the nearest
// first, and of these at most one level more than are allowed.
func (t *tenant) ancestors(key types.NamespacedName) (ancestors []types.NamespacedName) {
	expected := 0 // at least, so that the set seldom grows
	for _, parent := range t.roles[key].follows {
		expected = max(expected, t.roles[parent].ancestors+1)
	}
	seen := make(set[types.NamespacedName], expected+1)
	seen.add(key)
	level := []types.NamespacedName{key}
	for len(level) > 0 && len(ancestors) <= maxAncestors {
		var next []types.NamespacedName
		for _, of := range level {
			for _, parent := range t.roles[of].follows {
				if !seen.has(parent) {
					seen.add(parent)
					next = append(next, parent)
				}
			}
		}
		ancestors, level = append(ancestors, next...), next
	}
	t.checked.Add(int64(len(ancestors)))
	return ancestors
}

// cyclePath is the shortest path from a role through one of its parents back to itself; nothing if it is a long one.
func (t *tenant) cyclePath(key, parent types.NamespacedName) string {
	from := map[types.NamespacedName]types.NamespacedName{parent: key}
	for next := []types.NamespacedName{parent}; len(next) > 0 && len(from) <= maxCyclePath; next = next[1:] {
		if next[0] == key {
			return pathTo(key, from)
		}
		for _, further := range t.roles[next[0]].parents(next[0]) {
			if _, seen := from[further]; !seen {
				from[further] = next[0]
				next = append(next, further)
			}
		}
	}
	return ""
}

// pathTo is the path from a role to itself, by what each role on it was reached from.
func pathTo(key types.NamespacedName, from map[types.NamespacedName]types.NamespacedName) string {
	path := []string{key.Name}
	for at := from[key]; at != key; at = from[at] {
		path = append(path, at.Name)
	}
	path = append(path, key.Name)
	slices.Reverse(path)
	return strings.Join(path, " > ") + ": "
}

// affordable leaves out the grants with which a decision about their permission would cost more than
// the store allows, those that come later first.
func affordable(grants []inheritedGrant, limit int) (kept []inheritedGrant, faults []v1alpha1.PermissionFault) {
	if !slices.ContainsFunc(grants, func(inherited inheritedGrant) bool { return len(inherited.Tests) > 0 }) {
		return grants, nil
	}
	admitted := map[string]condition.Sum{}
	kept = make([]inheritedGrant, 0, len(grants))
	for _, inherited := range grants {
		grant := inherited.Grant
		with := admitted[grant.Permission].With(grant)
		if cost := with.Cost(); len(grant.Tests) > 0 && cost > limit {
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
		kept = append(kept, inherited)
	}
	return kept, faults
}
