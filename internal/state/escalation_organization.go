package state

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// organization: an Organization gives nothing by itself, but what is in its namespace takes effect with it,
// with the scopes that it declares, and for as long as it lets temporary grants last.
func (g *escalationCheck) organization(old, object *v1alpha1.Organization) {
	if object == nil {
		return
	}
	s, name := g.state, object.Name
	if old == nil {
		if there := len(s.assignments) + len(s.grants) + len(s.memberships); there > 0 {
			g.needs(&Outcome{Message: fmt.Sprintf(
				"metadata.name: the namespace %s already has %d assignments, grants and memberships, which would take effect, and where there is no organization nobody holds anything: delete them first", name, there)})
		}
		return
	}
	if old.Spec.AdminRole != object.Spec.AdminRole {
		g.give(manages(name, ""))
	}
	g.takesEffect(old, object)
}

// takesEffect gives what waits for a scope that is declared now, and what may last longer.
func (g *escalationCheck) takesEffect(old, object *v1alpha1.Organization) {
	s, name := g.state, object.Name
	before, after := declared(old), declared(object)
	if node := s.organizations[name]; node == nil || len(node.scopes) == 0 || len(changedScopes(before, after)) == 0 && maximumOf(old) == maximumOf(object) {
		return
	}
	isNew := func(written *v1alpha1.Scope) bool {
		container := PathOf(name, written).Container()
		return after.has(container) && !before.has(container)
	}
	scratch, waiting := s.withOrganization(object), named{set[types.NamespacedName]{}, set[kinds.Ref]{}}
	for key, node := range s.assignments {
		if isNew(&node.object.Scope) {
			waiting.assignments.add(key)
		}
	}
	for ref, node := range s.grants {
		was, err := node.object.life(maximumOf(old))
		now, err2 := node.object.life(maximumOf(object))
		if isNew(&node.object.scope) || err == nil && err2 == nil && now.Deadline.After(was.Deadline) {
			waiting.grants.add(ref)
		}
	}
	g.give(scratch.to(waiting)...)
	for key, node := range s.policies {
		if node.object != nil {
			g.had = append(g.had, s.offeredBy(key, &node.object.Spec)...)
			g.give(scratch.offeredBy(key, &node.object.Spec)...)
		}
	}
}

// withOrganization is the state as far as it says what is given where, with this organization.
func (s *tenant) withOrganization(object *v1alpha1.Organization) *tenant {
	return &tenant{
		limits: s.limits, clock: s.clock, now: s.now, named: s.named, namespaces: s.namespaces, catalogue: s.catalogue, roles: s.roles,
		assignments: s.assignments, grants: s.grants,
		organizations: map[string]*organization{object.Name: {object: object, scopes: declared(object), maximum: maximumOf(object)}},
	}
}
