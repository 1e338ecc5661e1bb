package desired

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Access is one way in which a user holds a permission.
type Access struct {
	// Grant is the permission, with its conditions and window.
	Grant policy.Grant
	// At is where it is held; it holds at everything below.
	At scope.Path
	// Via are the objects that make it: a RoleAssignment, its Role and the Role that this one inherits it
	// from, a PermissionGrant or a TemporaryPermissionGrant, and then the GroupMembership or the Invitation
	// through which it reaches the user, if it does so through one.
	Via []Ref
	// Temporary means that it is held by a TemporaryPermissionGrant.
	Temporary bool
}

// Held are all ways in which a user holds permissions at a path now, at the path itself and above it, in a
// fixed order. Whoever is suspended, or stands for nobody, holds nothing. What a group's admin may do with
// the group is held on the group and not at a path, so it is not among them.
func (s *State) Held(user types.NamespacedName, at scope.Path) []Access {
	s.mu.RLock()
	defer s.mu.RUnlock()
	held := slices.Collect(s.held(user, func(path scope.Path) bool { return path.Covers(at) }))
	slices.SortFunc(held, func(a, b Access) int {
		return cmp.Or(
			strings.Compare(a.Grant.Permission, b.Grant.Permission),
			slices.Compare(a.At.Segments(), b.At.Segments()),
			slices.CompareFunc(a.Via, b.Via, compareRefs),
		)
	})
	return held
}

func compareRefs(a, b Ref) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// held are the ways in which a user holds permissions now, at the paths that are asked for.
func (s *State) held(user types.NamespacedName, asked func(scope.Path) bool) iter.Seq[Access] {
	return func(yield func(Access) bool) {
		if !s.active(user) {
			return
		}
		now := s.instant()
		for through, subject := range s.reaches(user) {
			for key := range subject.assignments {
				for access := range s.givenByAssignment(key, asked) {
					access.Via = append(access.Via, through...)
					if !yield(access) {
						return
					}
				}
			}
			for ref := range subject.grants {
				for access := range s.givenByGrant(ref, asked, now) {
					access.Via = append(access.Via, through...)
					if !yield(access) {
						return
					}
				}
			}
		}
	}
}

// active says whether a user may hold anything at all.
func (s *State) active(user types.NamespacedName) bool {
	node := s.users[user]
	return node != nil && node.object != nil && node.outcome.Ready && !node.object.Spec.Suspended
}

// instant is now, or when the state was last changed if the clock has been set back since.
func (s *State) instant() time.Time {
	if now := s.clock.Now(); now.After(s.now) {
		return now
	}
	return s.now
}

// named are the objects that give something to one subject.
type named struct {
	assignments set[types.NamespacedName]
	grants      set[Ref]
}

// reaches are the subjects by which something is given to a user, with the objects that make the user one
// of them: the user, the groups that the user is in, and the invitations that the user has accepted.
func (s *State) reaches(user types.NamespacedName) iter.Seq2[[]Ref, named] {
	n := &s.named
	return func(yield func([]Ref, named) bool) {
		if !yield(nil, named{n.assignedToUser[user], n.grantsToUser[user]}) {
			return
		}
		for key := range n.membershipsOfUser[user] {
			membership := s.memberships[key]
			if !membership.outcome.InForce {
				continue
			}
			group := sibling(user, membership.object.Group)
			if !yield([]Ref{{KindGroupMembership, key.Namespace, key.Name}}, named{n.assignedToGroup[group], n.grantsToGroup[group]}) {
				return
			}
		}
		for key := range n.accepted[user] {
			if s.invitations[key].acceptedBy != user.Name {
				continue
			}
			if !yield([]Ref{{KindInvitation, key.Namespace, key.Name}}, named{assignments: n.assignedToInvitation[key]}) {
				return
			}
		}
	}
}

// givenByAssignment is what an assignment in force gives, if its path is asked for.
func (s *State) givenByAssignment(key types.NamespacedName, asked func(scope.Path) bool) iter.Seq[Access] {
	return func(yield func(Access) bool) {
		node := s.assignments[key]
		path := PathOf(key.Namespace, &node.object.Scope)
		if !node.outcome.InForce || !asked(path) {
			return
		}
		role := sibling(key, node.object.RoleRef.Name)
		for n, granted := range s.roles[role].grants {
			via := []Ref{{KindRoleAssignment, key.Namespace, key.Name}, {KindRole, role.Namespace, role.Name}}
			if giver := s.roles[role].givers[n]; giver != "" {
				via = append(via, Ref{KindRole, role.Namespace, giver})
			}
			if !yield(Access{Grant: granted, At: path, Via: via}) {
				return
			}
		}
	}
}

// givenByGrant is what a grant gives now, if its path is asked for.
func (s *State) givenByGrant(ref Ref, asked func(scope.Path) bool, now time.Time) iter.Seq[Access] {
	return func(yield func(Access) bool) {
		node := s.grants[ref]
		if node.offer == nil || !asked(node.offer.path) {
			return
		}
		for n, offered := range node.offer.entries {
			// The outcome knows of the entries that the store would not take as well.
			if !node.outcome.Permissions[n].Granted || !offered.grant.Window.Includes(now) {
				continue
			}
			if !yield(Access{Grant: offered.grant, At: node.offer.path, Via: []Ref{ref}, Temporary: node.object.temporary != nil}) {
				return
			}
		}
	}
}
