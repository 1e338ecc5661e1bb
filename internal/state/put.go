package state

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// putAll replaces what is known of objects. Organizations come first: they say whether the others are paused.
func (p *pass) putAll(objects []client.Object) {
	for _, organizations := range []bool{true, false} {
		for _, object := range objects {
			if _, is := object.(*v1alpha1.Organization); is == organizations {
				p.put(object)
			}
		}
	}
}

// put replaces what is known of an object.
func (p *pass) put(object client.Object) {
	ref := kinds.RefOf(object)
	written, isOurs := object.(v1alpha1.Object)
	if !isOurs {
		p.forget(ref)
		p.learn(object)
		return
	}
	authored := p.authored(ref, written)
	stands, counts := p.putPaused(ref, written)
	p.forget(ref)
	if counts {
		p.learn(stands)
		if p.state.pauses[ref] == nil || !p.state.pauses[ref].waits { // what stands until then was carried out before
			p.state.setAuthored(ref, authored)
		}
	}
	if ref.Kind == kinds.Organization {
		p.pauseOrganization(ref.Name, IsPaused(written))
	}
}

// remove takes an object out of the state: it gives nothing any more, and nothing finds it.
func (p *pass) remove(ref kinds.Ref) {
	p.forgetPause(ref)
	p.forget(ref)
	if ref.Kind == kinds.Organization {
		p.pauseOrganization(ref.Name, false)
	}
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
		node := place(s.users, key)
		node.object = &v1alpha1.User{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		node.maker, node.confirmed = policy.AuthorOf(o.Annotations), policy.IsConfirmed(o)
		n.usersOf.add(o.Namespace, key)
		n.usersBySubject.add(identity{o.Namespace, o.Spec.Subject}, ageOf(o))
		p.users.add(key)
		p.youngerUser(o)
	case *v1alpha1.Group:
		node := place(s.groups, key)
		node.object = &v1alpha1.Group{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		node.maker, node.confirmed = policy.AuthorOf(o.Annotations), policy.IsConfirmed(o)
		n.groupsOf.add(o.Namespace, key)
		p.groups.add(key)
	case *v1alpha1.Role:
		place(s.roles, key).object = &v1alpha1.Role{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		n.indexRole(&o.Spec, key, true)
		p.use(kinds.RefOf(o), true, o.Spec.Inherits...)
		p.roles.add(key)
	case *v1alpha1.RoleAssignment:
		spec := o.Spec
		node := place(s.assignments, key)
		node.object, node.age, node.deleting = &spec, o.CreationTimestamp, !o.DeletionTimestamp.IsZero()
		node.seenToEnd = seenToEnd(spec.Window, o.Status.WindowStatus)
		if node.uid != o.UID || !node.deleting {
			node.uid, node.released = o.UID, false
		}
		if node.deleting && !slices.Contains(o.Finalizers, v1alpha1.Finalizer) {
			node.released = true // whatever else holds it
		}
		n.indexAssignment(&spec, key, true)
		p.ofRequest(kinds.RefOf(o), spec.AccessRequest)
		p.use(kinds.RefOf(o), true, spec.RoleRef.Name)
		if node.deleting {
			n.deleting.add(key.Namespace, key)
		}
		p.assignments.add(key)
	case *v1alpha1.GroupMembership:
		spec := o.Spec
		node := place(s.memberships, key)
		node.object, node.age, node.uid = &spec, o.CreationTimestamp, o.UID
		node.seenToEnd = seenToEnd(spec.Window, o.Status.WindowStatus)
		n.indexMembership(&spec, key, true)
		p.rivals(pair{key.Namespace, spec.User, spec.Group})
	case *v1alpha1.Invitation:
		node := place(s.invitations, key)
		node.object = invitationObjectOf(o)
		n.indexInvitation(&node.object.spec, key, true)
		p.invitations.add(key)
	case *v1alpha1.AccessPolicy:
		place(s.policies, key).object = &v1alpha1.AccessPolicy{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		p.policies.add(key)
	case *v1alpha1.AccessRequest:
		place(s.requests, key).object = &v1alpha1.AccessRequest{ObjectMeta: nameAndAge(o), Spec: o.Spec, Status: o.Status}
		n.requestsBy.add(o.Spec.Requester, key)
		if !o.Status.Phase.IsFinal() {
			n.openRequests.add(key)
		}
		p.requests.add(key)
	case *v1alpha1.AccessDecision:
		place(s.decisions, key).object = &v1alpha1.AccessDecision{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		n.decisionsAbout.add(sibling(key, o.Spec.RequestRef.Name), key)
		p.decisions.add(key)
		p.requests.add(sibling(key, o.Spec.RequestRef.Name))
	case *v1alpha1.PermissionGrant, *v1alpha1.TemporaryPermissionGrant:
		ref := kinds.RefOf(object)
		node := place(s.grants, ref)
		node.object = grantObjectOf(object)
		n.indexGrant(node.object, ref, true)
		p.ofRequest(ref, node.object.accessRequest())
		p.grants.add(ref)
	}
}

// forget takes an object out of its place and the indexes, and notes what must be evaluated. The empty
// place stays until the pass is over, because it says what the object gave before.
func (p *pass) forget(ref kinds.Ref) {
	s, n := p.state, &p.state.named
	key := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
	switch ref.Kind {
	case kinds.Namespace:
		delete(s.namespaces, ref.Name)
		p.organizations.add(ref.Name)
	case kinds.ResourceType:
		if old := s.types[ref.Name]; old != nil {
			old.object = nil
			p.types = true
		}
	case kinds.Organization:
		if old := s.organizations[ref.Name]; old != nil {
			old.object = nil
			p.organizations.add(ref.Name)
		}
	case kinds.User:
		if old := s.users[key]; old != nil {
			p.youngerUser(old.object)
			n.usersBySubject.remove(identity{ref.Namespace, old.object.Spec.Subject}, ageOf(old.object))
			old.object = nil
			n.usersOf.remove(ref.Namespace, key)
			p.users.add(key)
		}
	case kinds.Group:
		if old := s.groups[key]; old != nil {
			old.object = nil
			n.groupsOf.remove(ref.Namespace, key)
			p.groups.add(key)
		}
	case kinds.Role:
		if old := s.roles[key]; old != nil {
			n.indexRole(&old.object.Spec, key, false)
			p.use(ref, false, old.object.Spec.Inherits...)
			old.object = nil
			p.roles.add(key)
		}
	case kinds.RoleAssignment:
		if old := s.assignments[key]; old != nil {
			n.indexAssignment(old.object, key, false)
			p.ofRequest(ref, old.object.AccessRequest)
			p.use(ref, false, old.object.RoleRef.Name)
			n.deleting.remove(key.Namespace, key)
			p.protect(key, old.object)
			old.object = nil
			p.assignments.add(key)
		}
	case kinds.GroupMembership:
		if old := s.memberships[key]; old != nil {
			n.indexMembership(old.object, key, false)
			p.rivals(pair{key.Namespace, old.object.User, old.object.Group})
			old.object = nil
			p.memberships.add(key)
		}
	case kinds.Invitation:
		if old := s.invitations[key]; old != nil {
			n.indexInvitation(&old.object.spec, key, false)
			old.object = nil
			p.invitations.add(key)
		}
	case kinds.AccessPolicy:
		if old := s.policies[key]; old != nil {
			old.object = nil
			p.policies.add(key)
		}
	case kinds.AccessRequest:
		if old := s.requests[key]; old != nil {
			n.requestsBy.remove(old.object.Spec.Requester, key)
			n.openRequests.remove(key)
			old.object = nil
			p.requests.add(key)
		}
	case kinds.AccessDecision:
		if old := s.decisions[key]; old != nil {
			n.decisionsAbout.remove(sibling(key, old.object.Spec.RequestRef.Name), key)
			p.requests.add(sibling(key, old.object.Spec.RequestRef.Name))
			old.object = nil
			p.decisions.add(key)
		}
	case kinds.PermissionGrant, kinds.TemporaryPermissionGrant:
		if old := s.grants[ref]; old != nil {
			n.indexGrant(old.object, ref, false)
			p.ofRequest(ref, old.object.accessRequest())
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
