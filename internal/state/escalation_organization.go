package state

import (
	"fmt"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
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
	g.declaredScopes(old, object)
	g.longerGrants(old, object)
}

// declaredScopes gives what waits for a scope that is declared now.
func (g *escalationCheck) declaredScopes(old, object *v1alpha1.Organization) {
	s, name := g.state, object.Name
	before, after := declared(old), declared(object)
	if node := s.organizations[name]; len(changedScopes(before, after)) == 0 || node == nil || len(node.scopes) == 0 {
		return
	}
	trial := s.withScopes(object)
	for key, node := range s.assignments {
		if container := PathOf(name, &node.object.Scope).Container(); after.has(container) && !before.has(container) && !node.released {
			g.give(trial.assigned(key, node.object)...)
		}
	}
	for key, node := range s.policies {
		if node.object != nil {
			g.had = append(g.had, s.offeredBy(key, &node.object.Spec)...)
			g.give(trial.offeredBy(key, &node.object.Spec)...)
		}
	}
	for _, node := range s.grants {
		o := node.object
		if container := PathOf(name, &o.scope).Container(); after.has(container) && !before.has(container) && !s.over(name, o) {
			g.give(trial.granted(name, o)...)
		}
	}
}

// withScopes is the state as far as it says what is given where, with the scopes of this organization.
func (s *tenant) withScopes(object *v1alpha1.Organization) *tenant {
	return &tenant{
		limits: s.limits, clock: s.clock, now: s.now, named: s.named, namespaces: s.namespaces, catalogue: s.catalogue, roles: s.roles,
		organizations: map[string]*organization{object.Name: {object: object, scopes: declared(object), maximum: maximumOf(object)}},
	}
}

// longerGrants gives what temporary grants get back when they may last longer.
func (g *escalationCheck) longerGrants(old, object *v1alpha1.Organization) {
	s, name := g.state, object.Name
	before, after := maximumOf(old), maximumOf(object)
	if before == after {
		return
	}
	for _, node := range s.grants {
		o := node.object
		if o.temporary == nil {
			continue
		}
		was, err := policy.LifetimeOf(o.temporary, before)
		now, err2 := policy.LifetimeOf(o.temporary, after)
		if err == nil && err2 == nil && now.Deadline.After(was.Deadline) && now.Deadline.After(s.instant()) {
			g.give(s.granted(name, o)...)
		}
	}
}
