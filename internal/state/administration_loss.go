package state

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// EndsAdministration says that no owner would administer the organization any more if an object were replaced, or deleted
// where there is no new one; nothing if an owner still does, or none did before. It evaluates what the owners administer by
// with the write in place, so that it does not matter which object is written.
func (s *State) EndsAdministration(old, object client.Object) string {
	return s.readerOfObject(old, object).endsAdministration(old, object)
}

func (t reader) endsAdministration(old, object client.Object) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	written := object
	if written == nil {
		written = old
	}
	ref := kinds.RefOf(written)
	// Of what is created, only a Role can take anything away: one that gives too much for those that inherit it.
	if old == nil && ref.Kind != kinds.Role || ref.Kind == kinds.PermissionGrant || ref.Kind == kinds.TemporaryPermissionGrant {
		return ""
	}
	if t.namespaces[t.name].terminating || ref.Kind == kinds.Organization && object == nil || t.administeredThrough() == "" {
		return ""
	}
	after := t.organizations[t.name].object
	if ref.Kind == kinds.Organization {
		after = object.(*v1alpha1.Organization)
	}
	objects := t.administration(after, object)
	if ref.Kind != kinds.Organization && !slices.ContainsFunc(objects, func(o client.Object) bool { return kinds.RefOf(o) == ref }) {
		return ""
	}
	scratch := newTenant(t.name, t.limits, t.clock, t.catalogue)
	evaluateAlone(scratch, slices.DeleteFunc(objects, func(o client.Object) bool { return object == nil && kinds.RefOf(o) == ref }))
	if scratch.administeredThrough() != "" {
		return ""
	}
	return fmt.Sprintf("%s; by this no owner would administer the Organization %s any more", scratch.whyNotAdministered(), t.name)
}

// evaluateAlone evaluates objects in a tenant of their own.
func evaluateAlone(scratch *tenant, objects []client.Object) {
	e := newEvaluation(scratch)
	e.upsertAll(objects)
	e.run()
}

// administration is all by which the owners administer an organization now, with one object as it is written.
func (t *tenant) administration(organization *v1alpha1.Organization, written client.Object) []client.Object {
	c := &collector{tenant: t, written: written, seen: map[kinds.Ref]bool{}}
	c.objects = append(c.objects, &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kinds.Namespace}, ObjectMeta: metav1.ObjectMeta{Name: t.name},
	})
	c.append(organization)
	n := &t.named
	key := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: t.name, Name: name} }
	c.role(key(organization.Spec.AdminRole))
	for assigned := range n.assignedRole[key(organization.Spec.AdminRole)] {
		node := t.assignments[assigned]
		if node.object.Scope != (v1alpha1.Scope{}) || node.released {
			continue
		}
		c.add(kinds.Named(kinds.RoleAssignment, assigned))
		if group := node.object.Subject.Group; group != "" {
			c.add(kinds.Named(kinds.Group, key(group)))
		}
		if invitation := node.object.Subject.Invitation; invitation != "" {
			c.add(kinds.Named(kinds.Invitation, key(invitation)))
		}
	}
	for _, owner := range organization.Spec.Owners {
		c.add(kinds.Named(kinds.User, key(owner)))
		if node := t.users[key(owner)]; node != nil && node.object != nil {
			for _, same := range n.usersBySubject[identity{t.name, node.object.Spec.Subject}] {
				c.add(kinds.Named(kinds.User, same.key))
			}
		}
		for membership := range n.membershipsOfUser[key(owner)] {
			c.add(kinds.Named(kinds.GroupMembership, membership))
		}
	}
	return c.objects
}

// collector collects objects as they are now, but for the one that is written.
type collector struct {
	tenant  *tenant
	written client.Object
	seen    map[kinds.Ref]bool
	objects []client.Object
}

// add adds an object if it is there.
func (c *collector) add(ref kinds.Ref) {
	if c.seen[ref] {
		return
	}
	if c.written != nil && kinds.RefOf(c.written) == ref {
		c.append(c.written)
		return
	}
	named := c.tenant.effectiveNamed(ref)
	if named == nil {
		return
	}
	key := ref.Key()
	switch o := named.(type) {
	case *v1alpha1.RoleAssignment:
		o.CreationTimestamp = c.tenant.assignments[key].age
	case *v1alpha1.GroupMembership:
		o.CreationTimestamp = c.tenant.memberships[key].age
	case *v1alpha1.Invitation:
		kept := c.tenant.invitations[key].object
		o.CreationTimestamp = metav1.NewTime(kept.created)
		if len(kept.accepted) > 0 {
			metav1.SetMetaDataAnnotation(&o.ObjectMeta, v1alpha1.AnnotationAcceptedAt, slices.MinFunc(kept.accepted, time.Time.Compare).Format(time.RFC3339))
		}
	}
	c.append(named)
}

// role adds a role and all that it inherits from.
func (c *collector) role(key types.NamespacedName) {
	ref := kinds.Named(kinds.Role, key)
	if c.seen[ref] {
		return
	}
	c.add(ref)
	if !c.seen[ref] {
		return
	}
	role := c.objects[len(c.objects)-1].(*v1alpha1.Role)
	for _, name := range role.Spec.Inherits {
		c.role(sibling(key, name))
	}
}

func (c *collector) append(object client.Object) {
	c.seen[kinds.RefOf(object)] = true
	plain := object.DeepCopyObject().(client.Object)
	annotations := plain.GetAnnotations()
	delete(annotations, v1alpha1.AnnotationPaused) // a pause only puts the write off
	plain.SetAnnotations(annotations)
	if created := plain.GetCreationTimestamp(); created.IsZero() {
		plain.SetCreationTimestamp(metav1.NewTime(c.tenant.instant()))
	}
	c.objects = append(c.objects, plain)
}
