package state

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

func (organizationKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.organization(cast[*v1alpha1.Organization](old), cast[*v1alpha1.Organization](object))
}

// organization: an Organization gives nothing by itself, but what is in its namespace takes effect with it,
// with the scopes that it declares, and for as long as it lets temporary grants last.
func (c *escalationCheck) organization(old, object *v1alpha1.Organization) {
	if object == nil {
		return
	}
	t, name := c.tenant, object.Name
	if old == nil {
		if there := len(t.assignments) + len(t.grants) + len(t.memberships); there > 0 {
			c.require(&Outcome{Message: fmt.Sprintf(
				"metadata.name: the namespace %s already has %d assignments, grants and memberships, which would take effect, and where there is no organization nobody holds anything: delete them first", name, there)})
		}
		return
	}
	if old.Spec.AdminRole != object.Spec.AdminRole {
		c.addGranted(manages(name, ""))
	}
	c.takesEffect(old, object)
}

// takesEffect gives what waits for a scope that is declared now, and what may last longer.
func (c *escalationCheck) takesEffect(old, object *v1alpha1.Organization) {
	t, name := c.tenant, object.Name
	before, after := declared(old), declared(object)
	if node := t.organizations[name]; node == nil || len(node.scopes) == 0 || len(changedScopes(before, after)) == 0 && maximumOf(old) == maximumOf(object) {
		return
	}
	isNew := func(written *v1alpha1.Scope) bool {
		container := PathOf(name, written).Container()
		return after.has(container) && !before.has(container)
	}
	with, waiting := &escalationCheck{tenant: t.withOrganization(object)}, named{set[types.NamespacedName]{}, set[kinds.Ref]{}}
	for key, node := range t.assignments {
		if isNew(&node.object.Scope) {
			waiting.assignments.add(key)
		}
	}
	for ref, node := range t.grants {
		was, err := node.object.life(maximumOf(old))
		now, err2 := node.object.life(maximumOf(object))
		if isNew(&node.object.scope) || err == nil && err2 == nil && now.Deadline.After(was.Deadline) {
			waiting.grants.add(ref)
		}
	}
	c.addGranted(with.to(waiting)...)
	for key, node := range t.policies {
		if node.object != nil {
			c.before = append(c.before, c.offeredBy(key, &node.object.Spec)...)
			c.addGranted(with.offeredBy(key, &node.object.Spec)...)
		}
	}
}

// withOrganization is the state as far as it says what is given where, with this organization.
func (t *tenant) withOrganization(object *v1alpha1.Organization) *tenant {
	return &tenant{
		limits: t.limits, clock: t.clock, now: t.now, named: t.named, namespaces: t.namespaces, catalogue: t.catalogue, roles: t.roles,
		assignments: t.assignments, grants: t.grants,
		organizations: map[string]*organization{object.Name: {object: object, scopes: declared(object), maximum: maximumOf(object)}},
	}
}
