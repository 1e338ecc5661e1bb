package state

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

type resourceType struct {
	object  *v1alpha1.ResourceType
	outcome Outcome
}

func (n *resourceType) effective() v1alpha1.Object { return orNil(n.object) }

func (n *resourceType) lastOutcome() Outcome { return n.outcome }

// resourceTypeKeeper keeps ResourceTypes.
type resourceTypeKeeper struct {
	plain
	givesNothing
}

func (resourceTypeKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.types, ref.Name) }

func (resourceTypeKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachClusterWide(kinds.ResourceType, t.types)
}

func (resourceTypeKeeper) evaluate(e *evaluation) {
	if len(e.marked[kinds.ResourceType]) > 0 {
		e.evaluateCatalogue()
	}
}

func (resourceTypeKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o := object.(*v1alpha1.ResourceType)
	ensure(e.tenant.types, ref.Name).object = &v1alpha1.ResourceType{ObjectMeta: nameAndAge(o), Spec: o.Spec}
}

func (resourceTypeKeeper) delete(e *evaluation, ref kinds.Ref) { e.tenant.types[ref.Name].object = nil }

// catalogue is what the ResourceTypes say together.
type catalogue struct {
	// holders are the names of the ResourceTypes that hold a type, by type.
	holders map[string]string
	// permissions are held by the ResourceType whose type they name.
	permissions map[string]policy.Permission
}

// Permission implements policy.Catalogue.
func (c *catalogue) Permission(name string) (policy.Permission, bool) {
	permission, ok := c.permissions[name]
	return permission, ok
}

// evaluateCatalogue makes the catalogue anew. What depends on it is in other tenants, and evaluated there.
func (e *evaluation) evaluateCatalogue() {
	t := e.tenant
	now := &catalogue{holders: map[string]string{}, permissions: map[string]policy.Permission{}}

	var byAge []*v1alpha1.ResourceType
	for name, node := range t.types {
		if node.object == nil {
			delete(t.types, name)
			e.setOutcome(kinds.Ref{Kind: kinds.ResourceType, Name: name}, &node.outcome, Outcome{})
			continue
		}
		byAge = append(byAge, node.object)
	}
	slices.SortFunc(byAge, func(a, b *v1alpha1.ResourceType) int { return policy.CompareAge(a, b) })
	declaredBy := map[string]string{}
	for _, object := range byAge {
		e.setOutcome(kinds.RefOf(object), &t.types[object.Name].outcome, now.add(object, declaredBy))
	}
	e.declared = now
}

// recatalogue evaluates what a difference to the catalogue that the tenant knows concerns. ResourceTypes are few and change
// rarely, so nothing finer is needed.
func (e *evaluation) recatalogue(now *catalogue) {
	t := e.tenant
	old := t.catalogue
	t.catalogue = now
	e.recatalogued, e.judgesAll = true, true
	for name := range differing(old.permissions, now.permissions, policy.Permission.Equal) {
		e.markAll(kinds.Role, t.named.rolesGiving[name])
		e.markRefs(t.named.grantsGiving[name])
	}
	for name := range differing(old.holders, now.holders, func(a, b string) bool { return a == b }) {
		e.markAll(kinds.RoleAssignment, t.named.assignmentsOn[name])
		e.markRefs(t.named.grantsOn[name])
	}
}

// add adds a ResourceType that is younger than all that were added before.
func (c *catalogue) add(object *v1alpha1.ResourceType, declaredBy map[string]string) Outcome {
	if holder, taken := c.holders[object.Spec.Type]; taken {
		return Outcome{Reason: v1alpha1.ReasonTypeTaken, Stalled: true, Message: fmt.Sprintf(
			"spec.type: the older ResourceType %s has the type %q, so this one declares nothing: choose another type, or delete one of the two",
			holder, object.Spec.Type)}
	}
	c.holders[object.Spec.Type] = object.Name
	var taken []string
	for _, permission := range object.Spec.Permissions {
		if holder, ok := declaredBy[permission.Name]; ok {
			taken = append(taken, fmt.Sprintf("%q is declared by the older ResourceType %s", permission.Name, holder))
			continue
		}
		declaredBy[permission.Name] = object.Name
		attributes := make(map[string]v1alpha1.AttributeType, len(permission.Attributes))
		for _, attribute := range permission.Attributes {
			attributes[attribute.Name] = attribute.Type
		}
		c.permissions[permission.Name] = policy.Permission{Type: object.Spec.Type, Attributes: attributes}
	}
	if len(taken) > 0 {
		return Outcome{Reason: v1alpha1.ReasonPermissionTaken, Stalled: true, Message: fmt.Sprintf(
			"spec.permissions: %s: rename or remove it here; the other permissions hold", strings.Join(taken, "; "))}
	}
	return Outcome{Reason: v1alpha1.ReasonValid, Ready: true, Message: fmt.Sprintf(
		"declares %s with %d permissions", object.Spec.Type, len(object.Spec.Permissions))}
}

// differing are the keys whose values are not the same in both maps.
func differing[V any](old, now map[string]V, equal func(a, b V) bool) set[string] {
	keys := set[string]{}
	for key := range maps.Keys(old) {
		if value, ok := now[key]; !ok || !equal(old[key], value) {
			keys.add(key)
		}
	}
	for key := range maps.Keys(now) {
		if _, ok := old[key]; !ok {
			keys.add(key)
		}
	}
	return keys
}

// near is the permission whose name differs in the case of letters only, empty if there is none.
func (c *catalogue) near(name string) (nearest string) {
	for known := range c.permissions {
		if strings.EqualFold(known, name) && (nearest == "" || known < nearest) {
			nearest = known
		}
	}
	return nearest
}
