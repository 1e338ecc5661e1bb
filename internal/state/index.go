package state

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

type set[T comparable] map[T]struct{}

func newSet[T comparable](values []T) set[T] {
	s := make(set[T], len(values))
	for _, value := range values {
		s.add(value)
	}
	return s
}

func (s set[T]) add(value T) { s[value] = struct{}{} }

func (s set[T]) remove(value T) { delete(s, value) }

func (s set[T]) has(value T) bool {
	_, ok := s[value]
	return ok
}

// index finds the objects that name something, whether or not that is there.
type index[K, V comparable] map[K]set[V]

func (i index[K, V]) add(key K, value V) {
	if i[key] == nil {
		i[key] = set[V]{}
	}
	i[key].add(value)
}

func (i index[K, V]) set(key K, value V, present bool) {
	if present {
		i.add(key, value)
	} else {
		i.remove(key, value)
	}
}

func (i index[K, V]) remove(key K, value V) {
	delete(i[key], value)
	if len(i[key]) == 0 {
		delete(i, key)
	}
}

// byAge finds the objects that name the same thing, the oldest first, since that one has it.
type byAge[K comparable] map[K][]aged

// aged is an object, and when it was created.
type aged struct {
	created time.Time
	key     types.NamespacedName
}

// ageOf is the age of an object.
func ageOf(o metav1.Object) aged {
	return aged{o.GetCreationTimestamp().Time, types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}}
}

// compare orders objects of one kind as policy.CompareAge does.
func (a aged) compare(other aged) int {
	return cmp.Or(a.created.Compare(other.created), strings.Compare(a.key.Namespace, other.key.Namespace), strings.Compare(a.key.Name, other.key.Name))
}

func (b byAge[K]) add(what K, by aged) {
	at, _ := slices.BinarySearchFunc(b[what], by, aged.compare)
	b[what] = slices.Insert(b[what], at, by)
}

func (b byAge[K]) remove(what K, by aged) {
	at, _ := slices.BinarySearchFunc(b[what], by, aged.compare)
	if b[what] = slices.Delete(b[what], at, at+1); len(b[what]) == 0 {
		delete(b, what)
	}
}

// older is the oldest one of the same, and how many are older than one that is among them.
func (b byAge[K]) older(what K, than aged) (oldest types.NamespacedName, count int) {
	count, _ = slices.BinarySearchFunc(b[what], than, aged.compare)
	return b[what][0].key, count
}

// references are who names whom.
type references struct {
	// usersBySubject are in order of age: of several with one subject, the oldest is in force.
	usersBySubject byAge[identity]
	// usersSpelled, usersAt and invitationsTo find Users by their subject, and Users and Invitations by their address, whatever the
	// case of its letters: see policy.Spelling.
	usersSpelled, usersAt, invitationsTo index[string, types.NamespacedName]
	// serviceAccounts are the Users whose subjects are ServiceAccounts.
	serviceAccounts set[types.NamespacedName]
	// rolesGiving finds roles by a permission that they list.
	rolesGiving index[string, types.NamespacedName]
	// children finds the roles that inherit from a role directly.
	children index[types.NamespacedName, types.NamespacedName]
	// assignmentsOn finds assignments by the type of their resource.
	assignmentsOn index[string, types.NamespacedName]

	assignedRole, assignedToUser, assignedToGroup, assignedToInvitation index[types.NamespacedName, types.NamespacedName]

	membershipsOfUser, membershipsOfGroup, accepted index[types.NamespacedName, types.NamespacedName]
	// sameMembership finds the memberships of one user in one group.
	sameMembership index[pair, types.NamespacedName]
	// deleting are the assignments that are being deleted.
	deleting set[types.NamespacedName]

	// decisionsAbout finds decisions by the request that they name.
	decisionsAbout index[types.NamespacedName, types.NamespacedName]
	// openRequests are those that are not recorded as over, and sameRequests finds all by who asks for what: see askedOf.
	openRequests set[types.NamespacedName]
	sameRequests index[string, types.NamespacedName]
	// madeFor finds what was made for a request.
	madeFor index[types.NamespacedName, kinds.Ref]

	grantsOn, grantsGiving      index[string, kinds.Ref]
	grantsToUser, grantsToGroup index[types.NamespacedName, kinds.Ref]
}

// identity is a subject in an organization.
type identity struct{ organization, subject string }

// pair is a user and a group of an organization.
type pair struct{ organization, user, group string }

func newReferences() references {
	byText := func() index[string, types.NamespacedName] { return index[string, types.NamespacedName]{} }
	byName := func() index[types.NamespacedName, types.NamespacedName] {
		return index[types.NamespacedName, types.NamespacedName]{}
	}
	return references{
		usersBySubject: byAge[identity]{}, serviceAccounts: set[types.NamespacedName]{},
		usersSpelled: byText(), usersAt: byText(), invitationsTo: byText(),
		rolesGiving: byText(), children: byName(), assignmentsOn: byText(),
		assignedRole: byName(), assignedToUser: byName(), assignedToGroup: byName(), assignedToInvitation: byName(),
		deleting:          set[types.NamespacedName]{},
		membershipsOfUser: byName(), membershipsOfGroup: byName(), accepted: byName(),
		sameMembership: index[pair, types.NamespacedName]{}, decisionsAbout: byName(), openRequests: set[types.NamespacedName]{}, sameRequests: byText(), madeFor: index[types.NamespacedName, kinds.Ref]{},
		grantsOn: index[string, kinds.Ref]{}, grantsGiving: index[string, kinds.Ref]{},
		grantsToUser: index[types.NamespacedName, kinds.Ref]{}, grantsToGroup: index[types.NamespacedName, kinds.Ref]{},
	}
}

// indexRole adds a role to the indexes, or with false removes it.
func (r *references) indexRole(spec *v1alpha1.RoleSpec, key types.NamespacedName, present bool) {
	for _, entry := range spec.PermissionGrants {
		r.rolesGiving.set(entry.Permission, key, present)
	}
	for _, parent := range spec.Inherits {
		r.children.set(sibling(key, parent), key, present)
	}
}

// indexAssignment adds an assignment to the indexes, or with false removes it.
func (r *references) indexAssignment(spec *v1alpha1.RoleAssignmentSpec, key types.NamespacedName, present bool) {
	r.assignedRole.set(sibling(key, spec.RoleRef.Name), key, present)
	if spec.Subject.User != "" {
		r.assignedToUser.set(sibling(key, spec.Subject.User), key, present)
	}
	if spec.Subject.Group != "" {
		r.assignedToGroup.set(sibling(key, spec.Subject.Group), key, present)
	}
	if spec.Subject.Invitation != "" {
		r.assignedToInvitation.set(sibling(key, spec.Subject.Invitation), key, present)
	}
	if spec.Scope.Resource != nil {
		r.assignmentsOn.set(spec.Scope.Resource.Type, key, present)
	}
	if spec.AccessRequest != nil {
		r.madeFor.set(sibling(key, spec.AccessRequest.Name), kinds.Named(kinds.RoleAssignment, key), present)
	}
}

// indexMembership adds a membership to the indexes, or with false removes it.
func (r *references) indexMembership(spec *v1alpha1.GroupMembershipSpec, key types.NamespacedName, present bool) {
	r.membershipsOfUser.set(sibling(key, spec.User), key, present)
	r.membershipsOfGroup.set(sibling(key, spec.Group), key, present)
	r.sameMembership.set(pair{key.Namespace, spec.User, spec.Group}, key, present)
}

// indexUser adds a User to the indexes, or with false removes it.
func (r *references) indexUser(o *v1alpha1.User, present bool) {
	who, by := identity{o.Namespace, o.Spec.Subject}, ageOf(o)
	if present {
		r.usersBySubject.add(who, by)
	} else {
		r.usersBySubject.remove(who, by)
	}
	r.usersSpelled.set(policy.Spelling(o.Spec.Subject), by.key, present)
	if o.Spec.Email != "" {
		r.usersAt.set(policy.Spelling(o.Spec.Email), by.key, present)
	}
}

// indexInvitation adds an invitation to the indexes, or with false removes it.
func (r *references) indexInvitation(spec *v1alpha1.InvitationSpec, key types.NamespacedName, present bool) {
	r.invitationsTo.set(policy.Spelling(spec.Email), key, present)
	if spec.AcceptedBy != "" {
		r.accepted.set(sibling(key, spec.AcceptedBy), key, present)
	}
}

// sibling is the name of another object in the same namespace: no reference leaves it.
func sibling(of types.NamespacedName, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: of.Namespace, Name: name}
}

// ensure returns the node of a name, made if there is none.
func ensure[K comparable, N any](nodes map[K]*N, key K) *N {
	if nodes[key] == nil {
		nodes[key] = new(N)
	}
	return nodes[key]
}
