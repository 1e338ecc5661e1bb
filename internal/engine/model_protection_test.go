package engine_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// isPivotal says whether protections depend on objects of a kind.
//
// Whether a deletion is held is decided when the operator sees it, and what was let go does not come back. So when
// a role is taken from somebody and fixed at the same time, it stays or goes as the one or the other is seen
// first, and both are right. In fragile worlds only one thing that is pivotal therefore changes before all is quiet
// again, beside any number of others, whatever fails meanwhile. Several deletions at once are one thing, since which of
// them stays is promised; of several in a row each is seen before the next.
func isPivotal(kind string) bool {
	switch kind {
	case kinds.PermissionGrant, kinds.TemporaryPermissionGrant, kinds.Invitation:
		return false
	}
	return true
}

// anything is an object that may be changed now.
func (m *model) anything() client.Object {
	object := anyObject(m.dice, m.clock.Now())
	if !m.fragile || !m.pivotal || !isPivotal(kinds.RefOf(object).Kind) {
		return object
	}
	switch m.of(3) {
	case 0:
		return aged(m.dice, grantOf(m.dice, m.clock.Now()))
	case 1:
		return invitationOf(m.dice, m.clock.Now())
	default:
		return aged(m.dice, temporaryOf(m.dice, m.clock.Now()))
	}
}

// revoke takes all roles from a user at once, or all but a few; where that has been done and something is
// protected, it does what may lift that.
func (m *model) revoke() {
	given := m.assignments()
	for _, o := range given {
		if o.DeletionTimestamp != nil && m.oneIn(2) {
			m.lift(o.Spec.Subject.User)
			return
		}
	}
	who := m.name("u", 3)
	m.tellf("revoke the roles of %s", who)
	for _, o := range given {
		if o.Spec.Subject.User == who && o.DeletionTimestamp == nil && !m.oneIn(5) {
			m.tellf("delete %s", o.Name)
			m.delete(kinds.RefOf(o), o)
		}
	}
}

// dismiss takes one role after the other from a user, while the store takes no writes: each deletion is seen before
// the next, and what was let go does not come back, although it is still there.
func (m *model) dismiss() {
	if !m.fragile {
		m.change()
		return
	}
	who := m.name("u", 3)
	m.tellf("dismiss %s", who)
	m.fake.Hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error { return errStore }})
	for _, o := range m.assignments() {
		if o.Spec.Subject.User == who && o.DeletionTimestamp == nil {
			m.tellf("delete %s", o.Name)
			m.delete(kinds.RefOf(o), o)
			m.work()
			m.decide()
		}
	}
	m.fake.Hook(storetest.Hooks{})
}

// assignments are those that are there, the youngest first.
func (m *model) assignments() (all []*v1alpha1.RoleAssignment) {
	for _, object := range m.objects {
		if o, is := object.(*v1alpha1.RoleAssignment); is {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *v1alpha1.RoleAssignment) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), strings.Compare(b.Name, a.Name))
	})
	return all
}

// lift changes something that a protection of what a user has may depend on.
func (m *model) lift(who string) {
	user := m.objects[kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: who}]
	at := m.of(5)
	switch {
	case at == 0 && user != nil:
		m.tellf("delete %s", who)
		m.delete(kinds.RefOf(user), user)
	case at == 1 && user != nil:
		suspended := user.DeepCopyObject().(*v1alpha1.User)
		suspended.Spec.Suspended = true
		m.put(suspended)
	case at == 2:
		m.put(aged(m.dice, organizationOf(m.dice)))
	case at == 3:
		role := roleOf(m.dice)
		role.Name = "r0"
		m.put(aged(m.dice, role))
	default:
		m.put(aged(m.dice, build.RoleAssignment("acme", "another").Gives(m.name("r", 2)).ToUser(who).Obj()))
	}
}

// decide has the reference say what becomes of what has been deleted. What does not stay is not wished any more,
// wherever the controllers are with it.
func (m *model) decide() {
	stay := newReference(slices.Collect(maps.Values(m.wished)), m.clock.Now()).staying()
	for ref, object := range m.wished {
		switch {
		case object.GetDeletionTimestamp() == nil, ref.Kind == kinds.Namespace:
		case ref.Kind == kinds.RoleAssignment && stay[ref.Name]:
			m.seen.happened["protected"]++
		default:
			if slices.Contains(m.confirmed, object) {
				m.seen.happened["lifted"]++
			}
			delete(m.wished, ref)
		}
	}
}

// confirm expects the cluster to hold what people have left there and, of what they have deleted, what is
// protected.
func (m *model) confirm(after string) {
	m.decide()
	for ref := range m.wished {
		if m.objects[ref] == nil && !m.Failed() {
			m.Errorf("after %s: %v is gone, and should be there\n%s", after, ref, strings.Join(m.story, "\n"))
		}
	}
	for ref, object := range m.objects {
		if m.wished[ref] == nil && !m.Failed() {
			m.Errorf("after %s: %v is there, and should be gone: %+v\n%s", after, ref, object, strings.Join(m.story, "\n"))
		}
	}
	m.confirmed, m.pivotal = slices.Collect(maps.Values(m.wished)), false
}

// staying are the assignments, by name, that are being deleted and stay: the admin role of an owner at the
// organization, unless another assignment gives it too, and the last role of a user, by whichever of those that are
// deleted was made last, where the user has none through a group. What ends by itself
// neither stays nor is one of these.
func (r *reference) staying() map[string]bool {
	stay := map[string]bool{}
	namespace, there := oldest(r, called[*metav1.PartialObjectMetadata]("acme"))
	if !there || namespace.DeletionTimestamp != nil {
		return stay
	}
	organization, there := oldest(r, called[*v1alpha1.Organization]("acme"))
	if !there {
		return stay
	}
	for _, object := range r.objects {
		user, is := object.(*v1alpha1.User)
		if !is || !r.active(user) {
			continue
		}
		administers := func(o *v1alpha1.RoleAssignment) bool {
			return slices.Contains(organization.Spec.Owners, user.Name) && o.Spec.RoleRef.Name == organization.Spec.AdminRole && o.Spec.Scope == v1alpha1.Scope{}
		}
		var kept, admin, others []*v1alpha1.RoleAssignment
		for _, object := range slices.Backward(r.objects) { // the youngest first
			o, is := object.(*v1alpha1.RoleAssignment)
			switch {
			case !is || o.Spec.Subject.User != user.Name || o.Spec.ExpiresAt != nil || !r.inForce(organization, o):
			case o.DeletionTimestamp == nil:
				kept = append(kept, o)
			case administers(o):
				admin = append(admin, o)
			default:
				others = append(others, o)
			}
		}
		if len(admin) > 0 && !slices.ContainsFunc(kept, administers) {
			kept, stay[admin[0].Name] = append(kept, admin[0]), true
		}
		if len(others) > 0 && len(kept) == 0 && !r.hasRoleThroughGroup(organization, user.Name) {
			stay[others[0].Name] = true
		}
	}
	return stay
}

// hasRoleThroughGroup says whether a user has a role for good by a membership for good.
func (r *reference) hasRoleThroughGroup(organization *v1alpha1.Organization, user string) bool {
	return slices.ContainsFunc(r.objects, func(object client.Object) bool {
		o, is := object.(*v1alpha1.RoleAssignment)
		return is && o.DeletionTimestamp == nil && o.Spec.ExpiresAt == nil && o.Spec.Subject.Group != "" && r.inForce(organization, o) &&
			slices.ContainsFunc(r.memberships(user, o.Spec.Subject.Group), func(m *v1alpha1.GroupMembership) bool { return m.Spec.ExpiresAt == nil })
	})
}

// active says whether a User stands for somebody.
func (r *reference) active(user *v1alpha1.User) bool {
	holder, _ := oldest(r, func(u *v1alpha1.User) bool { return u.Spec.Subject == user.Spec.Subject })
	return holder == user && !user.Spec.Suspended
}

// inForce says whether an assignment to an active user gives anything.
func (r *reference) inForce(organization *v1alpha1.Organization, o *v1alpha1.RoleAssignment) bool {
	return r.exists(organization, o.Spec.Scope) && slices.ContainsFunc(r.entries(o.Spec.RoleRef.Name, levelOf(o.Spec.Scope)), func(entry v1alpha1.PermissionEntry) bool {
		_, valid := r.weighed(entry, nil, nil)
		return valid
	})
}
