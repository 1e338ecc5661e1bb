package state

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func (accessPolicyKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.accessPolicy(cast[*v1alpha1.AccessPolicy](old), cast[*v1alpha1.AccessPolicy](object))
}

// accessPolicy: a policy counts as giving all that it offers, at every scope, to whoever may ask: by itself where nobody
// decides, else with the help of deciders that its author chooses.
func (c *escalationCheck) accessPolicy(old, object *v1alpha1.AccessPolicy) {
	if object == nil || old != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return
	}
	t, spec := c.tenant, &object.Spec
	var before *v1alpha1.AccessPolicySpec
	if old != nil {
		before = &old.Spec
	}
	for n := range spec.Scopes {
		if before != nil && slices.ContainsFunc(before.Scopes, func(was v1alpha1.Scope) bool { return equality.Semantic.DeepEqual(was, spec.Scopes[n]) }) {
			continue
		}
		_, unresolved := t.resolveScope(c.key.Namespace, &spec.Scopes[n])
		c.require(unresolved)
	}
	for _, name := range spec.Roles {
		if before == nil || !slices.Contains(before.Roles, name) || widensPolicy(before, spec) {
			c.require(c.unresolvedRole("spec.roles", sibling(c.key, name)))
		}
	}
	for n, written := range spec.Permissions {
		unchanged := func(entry v1alpha1.PermissionEntry) bool { return equality.Semantic.DeepEqual(entry, written) }
		if before != nil && slices.ContainsFunc(before.Permissions, unchanged) {
			continue
		}
		if _, fault := policy.ParseEntry(written, t.catalogue, ""); fault != nil {
			c.require(&Outcome{Message: fmt.Sprintf("spec.permissions[%d]: %s: %s", n, written.Permission, fault.Message)})
		}
	}
	c.requirePeople("spec.requesters", &spec.Requesters)
	if spec.Approvals != nil {
		c.requirePeople("spec.approvals.from", &spec.Approvals.From)
	}
	if before != nil && !widensPolicy(before, spec) {
		c.before = c.offeredBy(c.key, before)
	}
	c.addGranted(c.offeredBy(c.key, spec)...)
}

// requirePeople: whoever comes under a name that is not there yet would be who may ask, or decides.
func (c *escalationCheck) requirePeople(field string, subjects *v1alpha1.AccessSubjects) {
	for _, name := range subjects.Users {
		if _, unresolved := c.tenant.resolveUser(field+".users", sibling(c.key, name)); unresolved != nil && isMissing(unresolved.Reason) {
			c.require(unresolved)
		}
	}
	for _, name := range subjects.Groups {
		_, unresolved := c.tenant.resolveGroup(field+".groups", sibling(c.key, name))
		c.require(unresolved)
	}
}

// widensPolicy says whether what was offered before can be had by more people, for longer, or with less asked: who decides
// counts as that, whoever it was before.
func widensPolicy(before, after *v1alpha1.AccessPolicySpec) bool {
	more := func(was, is []string) bool {
		return slices.ContainsFunc(is, func(name string) bool { return !slices.Contains(was, name) })
	}
	was, err := policy.ParseDuration(before.MaxDuration)
	is, err2 := policy.ParseDuration(after.MaxDuration)
	return more(before.Requesters.Users, after.Requesters.Users) || more(before.Requesters.Groups, after.Requesters.Groups) ||
		err != nil || err2 != nil || is > was || more(after.RequiredTags, before.RequiredTags) || before.OnlyByName && !after.OnlyByName ||
		!equality.Semantic.DeepEqual(before.Approvals, after.Approvals)
}

// offeredBy are the privileges that can be asked for by a policy, as all else is.
func (c *escalationCheck) offeredBy(key types.NamespacedName, spec *v1alpha1.AccessPolicySpec) (privileges []Privilege) {
	t := c.tenant
	for n := range spec.Scopes {
		path, unresolved := t.resolveScope(key.Namespace, &spec.Scopes[n])
		if unresolved != nil {
			continue
		}
		for _, name := range spec.Roles {
			privileges = append(privileges, c.rolePrivileges(sibling(key, name), path)...)
		}
		ofType := path.ResourceType
		if path.ResourceID == "" {
			path = path.Container()
		}
		for _, written := range spec.Permissions {
			if granted, fault := policy.ParseEntry(written, t.catalogue, ofType); fault == nil {
				privileges = append(privileges, Privilege{Grant: granted, At: path})
			}
		}
	}
	return privileges
}

// offeredTo are the privileges that policies offer to a User or a Group, or let them decide about.
func (c *escalationCheck) offeredTo(kind string, to types.NamespacedName) (privileges []Privilege) {
	t := c.tenant
	for key, node := range t.policies {
		if node.object != nil && namesToGive(node.object, kind, to.Name) {
			privileges = append(privileges, c.offeredBy(key, &node.object.Spec)...)
		}
	}
	return privileges
}
