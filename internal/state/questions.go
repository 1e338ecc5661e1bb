package state

import (
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// HasType says whether a ResourceType declares a type. It waits for no change that is being made.
func (s *State) HasType(name string) bool {
	_, held := s.declared.Load().holders[name]
	return held
}

// Permission implements policy.Catalogue. It waits for no change that is being made.
func (s *State) Permission(name string) (policy.Permission, bool) {
	return s.declared.Load().Permission(name)
}

// Outcome is what there is to say about an object; false when it is not part of the state.
func (s *State) Outcome(ref kinds.Ref) (Outcome, bool) {
	return s.reader(ref.Organization()).outcome(ref)
}

// Desired says whether a tuple without a condition should be in the store.
func (s *State) Desired(key store.Key) bool { return s.readerOf(key.Object).isDesired(key) }

// DesiredTuples are all tuples without a condition that should be in the store.
func (s *State) DesiredTuples() (keys []store.Key) {
	for _, t := range s.list() {
		keys = append(keys, t.desiredTuples()...)
	}
	return keys
}

// Contexts are the conditions that a cell should hold, none when it should be empty.
func (s *State) Contexts(cell tuples.Cell) []*structpb.Struct {
	return s.readerOf(cell.Object).contextsOf(cell)
}

// DesiredCells are all cells that should hold something.
func (s *State) DesiredCells() (cells []tuples.Cell) {
	for _, t := range s.list() {
		cells = append(cells, t.desiredCells()...)
	}
	return cells
}

// Due are the objects whose outcome should have changed by itself by now.
func (s *State) Due() (due []kinds.Ref) {
	for _, t := range s.list() {
		due = append(due, t.due()...)
	}
	return due
}

// Organizations are all Organizations in the state.
func (s *State) Organizations() (refs []kinds.Ref) {
	for _, t := range s.list() {
		if ref := (kinds.Ref{Kind: kinds.Organization, Name: t.name}); t.has(ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Held are all ways in which a user holds permissions at a path now, at the path itself and above it, in a
// fixed order. Whoever is suspended, or whose User is invalid, holds nothing. What a group's admin may do with
// the group is held on the group and not at a path, so it is not among them.
func (s *State) Held(user types.NamespacedName, at scope.Path) []entitlement.Entitlement {
	return s.reader(user.Namespace).heldAt(user, at)
}

// HeldAnywhere are all ways in which a user holds permissions now, wherever that is, in the order of Held.
func (s *State) HeldAnywhere(user types.NamespacedName) []entitlement.Entitlement {
	return s.reader(user.Namespace).held(user, func(scope.Path) bool { return true })
}

// MissingPrivileges says what is lacking to the one who asks, known by their subject, for replacing an object by
// another; old is nil where it is created, and object where it is deleted. What the change gives is all
// that is held with it and not without it, by whomever, also where it only makes other objects take effect.
func (s *State) MissingPrivileges(subject string, old, object client.Object) MissingPrivileges {
	return s.readerOfObject(old, object).missingPrivileges(subject, old, object)
}

// Protected says why an object can't be deleted, if old is given alone, or not be replaced by another one;
// nothing when it can. It is what the finalizer holds a deletion for, and the Role that owners administer
// with. Where it can, warning says what of that it takes.
func (s *State) Protected(old, object client.Object) (why, warning string) {
	if old == nil {
		return "", ""
	}
	return s.readerOfObject(old, object).protectedBy(old, object)
}

// TooLarge says why the store does not take a role, or nothing if it does, or did not take it before and
// still gets the same.
func (s *State) TooLarge(old, object *v1alpha1.Role) string {
	return s.reader(object.Namespace).tooLarge(old, object)
}

// UsersWithAddress are the names of the Users of an organization who have an address, in order: they can accept what
// it is invited to.
func (s *State) UsersWithAddress(organization, email string) []string {
	return s.reader(organization).withAddress(email)
}

// Accepted is the name of the User who has accepted an invitation, empty while nobody has.
func (s *State) Accepted(organization, invitation string) string {
	return s.reader(organization).acceptedBy(organization, invitation)
}

// WaitsFor names the annotation that keeps an object's spec from being carried out; nothing if none does.
func (s *State) WaitsFor(object v1alpha1.Object) string {
	return s.reader(kinds.RefOf(object).Organization()).waitsFor(object)
}

// Holding are the assignments that a deletion of this one relies on: those of the same user that are in
// force and, as far as the state knows, not being deleted.
func (s *State) Holding(o *v1alpha1.RoleAssignment) []kinds.Ref {
	return s.reader(o.Namespace).holding(o)
}

// MissingPrivileges says what is lacking to the one who asks, known by their subject, for replacing an object by
// another; old is nil where it is created, and object where it is deleted. What the change gives is all
// that is held with it and not without it, by whomever, also where it only makes other objects take effect.
func (t reader) missingPrivileges(subject string, old, object client.Object) MissingPrivileges {
	named := object
	if named == nil {
		named = old
	}
	if _, changes := named.(*v1alpha1.Role); changes {
		t.mu.Lock() // it is tried, and undone
		defer t.mu.Unlock()
	} else {
		t.mu.RLock()
		defer t.mu.RUnlock()
	}
	return t.missing(subject, old, object)
}

// TooLarge says why the store does not take a role, or nothing if it does, or did not take it before and
// still gets the same.
func (t reader) tooLarge(old, object *v1alpha1.Role) string {
	if old != nil && sameRights(&old.Spec, &object.Spec) {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var outcome Outcome
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	t.tryRole(key, object, func(map[types.NamespacedName]*role, set[types.NamespacedName]) bool {
		outcome = t.roles[key].outcome
		return false // its children don't matter
	})()
	if outcome.Reason == v1alpha1.ReasonRoleTooLarge {
		return outcome.Message
	}
	return ""
}
