package desired

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// RefOf names an object by its Go type.
func RefOf(object client.Object) Ref {
	ref := Ref{Namespace: object.GetNamespace(), Name: object.GetName()}
	switch object.(type) {
	case *corev1.Namespace, *metav1.PartialObjectMetadata:
		ref.Kind = KindNamespace
	case *v1alpha1.ResourceType:
		ref.Kind = KindResourceType
	case *v1alpha1.Organization:
		ref.Kind = KindOrganization
	case *v1alpha1.User:
		ref.Kind = KindUser
	case *v1alpha1.Group:
		ref.Kind = KindGroup
	case *v1alpha1.Role:
		ref.Kind = KindRole
	case *v1alpha1.RoleAssignment:
		ref.Kind = KindRoleAssignment
	case *v1alpha1.PermissionGrant:
		ref.Kind = KindPermissionGrant
	case *v1alpha1.GroupMembership:
		ref.Kind = KindGroupMembership
	case *v1alpha1.Invitation:
		ref.Kind = KindInvitation
	case *v1alpha1.TemporaryPermissionGrant:
		ref.Kind = KindTemporaryPermissionGrant
	default:
		panic(fmt.Sprintf("desired: no place for a %T", object)) // a mistake in the program, not in its input
	}
	return ref
}

// StaysWhileDeleted says whether objects of a kind are part of the state while they are being deleted: a
// namespace still has what is in it, and a RoleAssignment may be protected. Others give nothing any more.
func StaysWhileDeleted(kind string) bool {
	return kind == KindNamespace || kind == KindRoleAssignment
}

// Put adds objects, or replaces what was known of them. They belong to the state afterwards. What it held of
// an object before is what one that is paused is kept to.
func (s *State) Put(objects ...client.Object) Change { return s.putAll(true, objects) }

// Follow is Put for whoever does not carry out the state: what an object that is paused is kept to is then
// what its status records.
func (s *State) Follow(objects ...client.Object) Change { return s.putAll(false, objects) }

func (s *State) putAll(remembers bool, objects []client.Object) Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := newPass(s)
	p.remembers = remembers
	// Organizations first: they say whether the others are paused.
	for _, organizations := range []bool{true, false} {
		for _, object := range objects {
			if _, is := object.(*v1alpha1.Organization); is == organizations {
				p.put(object)
			}
		}
	}
	return p.run()
}

// put replaces what is known of an object.
func (p *pass) put(object client.Object) {
	ref := RefOf(object)
	written, isOurs := object.(v1alpha1.Object)
	if !isOurs {
		p.forget(ref)
		p.learn(object)
		return
	}
	stands, counts := p.putPaused(ref, written)
	p.forget(ref)
	if counts {
		p.learn(stands)
	}
	if ref.Kind == KindOrganization {
		p.pauseOrganization(ref.Name, IsPaused(written))
	}
}

// Remove takes an object out of the state: it gives nothing any more, and nothing finds it.
func (s *State) Remove(ref Ref) Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := newPass(s)
	p.remembers = true
	p.forgetPause(ref)
	p.forget(ref)
	if ref.Kind == KindOrganization {
		p.pauseOrganization(ref.Name, false)
	}
	return p.run()
}

// learn puts an object in its place and into the indexes, and notes what must be evaluated.
func (p *pass) learn(object client.Object) {
	s, n := p.state, &p.state.named
	key := client.ObjectKeyFromObject(object)
	switch o := object.(type) {
	case *corev1.Namespace, *metav1.PartialObjectMetadata:
		s.namespaces[o.GetName()] = namespace{terminating: !o.GetDeletionTimestamp().IsZero()}
		p.organizations.add(o.GetName())
	case *v1alpha1.ResourceType:
		place(s.types, o.Name).object = &v1alpha1.ResourceType{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		p.types = true
	case *v1alpha1.Organization:
		place(s.organizations, o.Name).object = &v1alpha1.Organization{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		p.organizations.add(o.Name)
	case *v1alpha1.User:
		place(s.users, key).object = &v1alpha1.User{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		n.usersOf.add(o.Namespace, key)
		p.administered.add(o.Namespace)
		n.usersBySubject.add(identity{o.Namespace, o.Spec.Subject}, key)
		p.claimants(identity{o.Namespace, o.Spec.Subject})
	case *v1alpha1.Group:
		place(s.groups, key).object = &v1alpha1.Group{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		n.groupsOf.add(o.Namespace, key)
		p.groups.add(key)
	case *v1alpha1.Role:
		place(s.roles, key).object = &v1alpha1.Role{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		n.indexRole(&o.Spec, key, true)
		p.use(RefOf(o), true, o.Spec.Inherits...)
		p.administered.add(o.Namespace)
		p.roles.add(key)
	case *v1alpha1.RoleAssignment:
		spec := o.Spec
		node := place(s.assignments, key)
		node.object, node.age, node.deleting = &spec, o.CreationTimestamp, !o.DeletionTimestamp.IsZero()
		if node.uid != o.UID || !node.deleting {
			node.uid, node.letGo = o.UID, false
		}
		if node.deleting && !slices.Contains(o.Finalizers, v1alpha1.Finalizer) {
			node.letGo = true // whatever else holds it
		}
		n.indexAssignment(&spec, key, true)
		p.use(RefOf(o), true, spec.RoleRef.Name)
		if node.deleting {
			n.deleting.add(key.Namespace, key)
		}
		p.assignments.add(key)
	case *v1alpha1.GroupMembership:
		spec := o.Spec
		node := place(s.memberships, key)
		node.object, node.age, node.uid = &spec, o.CreationTimestamp, o.UID
		n.indexMembership(&spec, key, true)
		p.rivals(pair{key.Namespace, spec.User, spec.Group})
	case *v1alpha1.Invitation:
		node := place(s.invitations, key)
		node.object = invitationObjectOf(o)
		n.indexInvitation(&node.object.spec, key, true)
		p.invitations.add(key)
	case *v1alpha1.PermissionGrant, *v1alpha1.TemporaryPermissionGrant:
		ref := RefOf(object)
		node := place(s.grants, ref)
		node.object = grantObjectOf(object)
		n.indexGrant(node.object, ref, true)
		p.grants.add(ref)
	}
}

// forget takes an object out of its place and the indexes, and notes what must be evaluated. The empty
// place stays until the pass is over, because it says what the object gave before.
func (p *pass) forget(ref Ref) {
	s, n := p.state, &p.state.named
	key := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
	switch ref.Kind {
	case KindNamespace:
		delete(s.namespaces, ref.Name)
		p.organizations.add(ref.Name)
	case KindResourceType:
		if old := s.types[ref.Name]; old != nil {
			old.object = nil
			p.types = true
		}
	case KindOrganization:
		if old := s.organizations[ref.Name]; old != nil {
			old.object = nil
			p.organizations.add(ref.Name)
		}
	case KindUser:
		if old := s.users[key]; old != nil {
			was := identity{ref.Namespace, old.object.Spec.Subject}
			old.object = nil
			n.usersOf.remove(ref.Namespace, key)
			p.administered.add(ref.Namespace)
			n.usersBySubject.remove(was, key)
			p.users.add(key)
			p.claimants(was)
		}
	case KindGroup:
		if old := s.groups[key]; old != nil {
			old.object = nil
			n.groupsOf.remove(ref.Namespace, key)
			p.groups.add(key)
		}
	case KindRole:
		if old := s.roles[key]; old != nil {
			n.indexRole(&old.object.Spec, key, false)
			p.use(ref, false, old.object.Spec.Inherits...)
			p.administered.add(ref.Namespace)
			old.object = nil
			p.roles.add(key)
		}
	case KindRoleAssignment:
		if old := s.assignments[key]; old != nil {
			n.indexAssignment(old.object, key, false)
			p.use(ref, false, old.object.RoleRef.Name)
			n.deleting.remove(key.Namespace, key)
			p.protect(key, old.object)
			old.object = nil
			p.assignments.add(key)
		}
	case KindGroupMembership:
		if old := s.memberships[key]; old != nil {
			n.indexMembership(old.object, key, false)
			p.rivals(pair{key.Namespace, old.object.User, old.object.Group})
			old.object = nil
			p.memberships.add(key)
		}
	case KindInvitation:
		if old := s.invitations[key]; old != nil {
			n.indexInvitation(&old.object.spec, key, false)
			old.object = nil
			p.invitations.add(key)
		}
	case KindPermissionGrant, KindTemporaryPermissionGrant:
		if old := s.grants[ref]; old != nil {
			n.indexGrant(old.object, ref, false)
			old.object = nil
			p.grants.add(ref)
		}
	}
}

// nameAndAge is all of an object's metadata that the state keeps in memory.
func nameAndAge(o client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), CreationTimestamp: o.GetCreationTimestamp()}
}

// place is where an object of this name has its place.
func place[K comparable, N any](nodes map[K]*N, key K) *N {
	if nodes[key] == nil {
		nodes[key] = new(N)
	}
	return nodes[key]
}
