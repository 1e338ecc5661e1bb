// Package desired keeps the state that the store should be in, as the objects of the cluster describe
// it, and brings it up to date object by object.
//
// Objects name each other, also objects that are not there yet. State follows these names in both
// directions: a change to one object evaluates anew exactly the objects that depend on it, in a fixed
// order of kinds, and reports which of them have another outcome now and which tuples that touches.
// There is no client and no store in here, and the order in which objects arrive can't matter: the same
// objects at the same time always give the same state.
package desired

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/render"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// The kinds of objects that make up the state.
const (
	KindNamespace      = "Namespace"
	KindResourceType   = "ResourceType"
	KindOrganization   = "Organization"
	KindUser           = "User"
	KindGroup          = "Group"
	KindRole           = "Role"
	KindRoleAssignment = "RoleAssignment"

	KindPermissionGrant          = "PermissionGrant"
	KindTemporaryPermissionGrant = "TemporaryPermissionGrant"

	KindGroupMembership = "GroupMembership"
	KindInvitation      = "Invitation"
)

// Ref names an object. Namespace is empty for cluster-scoped kinds.
type Ref struct {
	Kind, Namespace, Name string
}

// Outcome is what there is to say about an object.
type Outcome struct {
	// Reason and Message are for people; Reason is one of v1alpha1's.
	Reason, Message string
	// Ready means that the object is valid and that everything it needs is there.
	Ready bool
	// Stalled means, for what is not ready, that someone must edit it; otherwise it waits for
	// something that can come by itself.
	Stalled bool
	// InForce means that the object gives something now.
	InForce bool
	// Faults are a role's permission entries that grant nothing.
	Faults []v1alpha1.PermissionFault
	// Own and Inherited are how many permissions a role gives by its own entries, and how many more by
	// those of others.
	Own, Inherited int
	// Assignments and Heirs are how many assignments name a role, and how many roles inherit from it. A
	// change to these alone is no other outcome: see Change.Used.
	Assignments, Heirs int
	// Permissions are what became of each permission entry of a grant.
	Permissions []v1alpha1.PermissionOutcome
	// Life is when a temporary grant begins and ends, Phase where in its life it is.
	Life  policy.Lifetime
	Phase v1alpha1.GrantPhase
	// Invited is when an invitation was accepted and can no longer be, and where in its life it is.
	Invited Invited
	// Protected means that the object is being deleted and must stay.
	Protected bool
	// Next is when the outcome changes by itself, if it does: the object must be put again then.
	Next time.Time
	// Done means that the object is to be deleted now, because its spec says so.
	Done bool
	// Paused is set while the object is paused.
	Paused *Paused
}

func (o Outcome) equal(other Outcome) bool {
	return o.Reason == other.Reason && o.Message == other.Message && o.Ready == other.Ready &&
		o.Stalled == other.Stalled && o.InForce == other.InForce && slices.Equal(o.Faults, other.Faults) &&
		o.Own == other.Own && o.Inherited == other.Inherited &&
		slices.Equal(o.Permissions, other.Permissions) && o.Life.Equal(other.Life) && o.Phase == other.Phase &&
		o.Invited.equal(other.Invited) && o.Protected == other.Protected &&
		o.Next.Equal(other.Next) && o.Done == other.Done
}

// Change is what a change to one object has brought about.
type Change struct {
	// Outcomes are the objects whose outcome is another one now, the changed object included.
	Outcomes []Ref
	// Tuples and Cells may have to be written or deleted.
	Tuples []Touched[store.Key]
	Cells  []Touched[render.Cell]
	// Used are roles that more or fewer objects name now.
	Used []Ref
}

// Touched is something in the store that an object's change has touched.
type Touched[K comparable] struct {
	What K
	By   Ref
	// Joined means that others want it too, as they did before: there is nothing to write, but what
	// they wrote may still be on its way.
	Joined bool
}

// Limits are what the store takes.
type Limits struct {
	// ConditionCost is the most that evaluating one condition may cost.
	ConditionCost int
}

// State is the desired state. Its methods may be called concurrently.
type State struct {
	mu     sync.RWMutex
	limits Limits
	clock  clock.PassiveClock
	now    time.Time

	namespaces    map[string]namespace
	types         map[string]*resourceType
	organizations map[string]*organization
	users         map[types.NamespacedName]*user
	groups        map[types.NamespacedName]*group
	roles         map[types.NamespacedName]*role
	assignments   map[types.NamespacedName]*assignment
	grants        map[Ref]*grant
	memberships   map[types.NamespacedName]*membership
	invitations   map[types.NamespacedName]*invitation
	// pauses are the objects that are paused, or recorded as such; pausesOf finds them by organization.
	pauses              map[Ref]*pause
	pausesOf            index[string, Ref]
	pausedOrganizations set[string]

	catalogue *catalogue
	// declared is the catalogue once it is whole; nothing changes it any more.
	declared atomic.Pointer[catalogue]
	named    references

	// wanted counts the objects that claim a tuple.
	wanted map[store.Key]int
	// cells counts the assignments that claim a cell, and knows the role that fills it.
	cells map[render.Cell]*cellClaim
	// grantCells are the cells that grants fill together.
	grantCells map[render.Cell]*grantCell
	// cellsOf are the cells that a role fills.
	cellsOf index[types.NamespacedName, render.Cell]

	tally tally
}

// cellClaim is filled with contexts or, where there are none, by the role.
type cellClaim struct {
	role     types.NamespacedName
	contexts []*structpb.Struct
	count    int
}

// namespace is one that there is.
type namespace struct{ terminating bool }

// New is an empty state. The clock says which temporary grants have begun and ended.
func New(limits Limits, clock clock.PassiveClock) *State {
	return &State{
		limits:        limits,
		clock:         clock,
		namespaces:    map[string]namespace{},
		types:         map[string]*resourceType{},
		organizations: map[string]*organization{},
		users:         map[types.NamespacedName]*user{},
		groups:        map[types.NamespacedName]*group{},
		roles:         map[types.NamespacedName]*role{},
		assignments:   map[types.NamespacedName]*assignment{},
		grants:        map[Ref]*grant{},
		memberships:   map[types.NamespacedName]*membership{},
		invitations:   map[types.NamespacedName]*invitation{},
		pauses:        map[Ref]*pause{},
		pausesOf:      index[string, Ref]{},

		pausedOrganizations: set[string]{},

		grantCells: map[render.Cell]*grantCell{},
		catalogue:  &catalogue{},
		named:      newReferences(),
		wanted:     map[store.Key]int{},
		cells:      map[render.Cell]*cellClaim{},
		cellsOf:    index[types.NamespacedName, render.Cell]{},
		tally:      newTally(),
	}
}

// Outcome is what there is to say about an object; false when it is not part of the state.
func (s *State) Outcome(ref Ref) (Outcome, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	outcome, known := s.outcomeOf(ref)
	if found := s.pauses[ref]; found != nil && found.by != "" {
		return found.says(ref, outcome), true
	}
	return outcome, known
}

// outcomeOf is the outcome of what stands of an object.
func (s *State) outcomeOf(ref Ref) (Outcome, bool) {
	key := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
	switch ref.Kind {
	case KindResourceType:
		if node := s.types[ref.Name]; node != nil {
			return node.outcome, true
		}
	case KindOrganization:
		if node := s.organizations[ref.Name]; node != nil {
			return node.outcome, true
		}
	case KindUser:
		if node := s.users[key]; node != nil {
			return node.outcome, true
		}
	case KindGroup:
		if node := s.groups[key]; node != nil {
			return node.outcome, true
		}
	case KindRole:
		if node := s.roles[key]; node != nil {
			outcome := node.outcome
			outcome.Assignments, outcome.Heirs = len(s.named.assignedRole[key]), len(s.named.heirs[key])
			return outcome, true
		}
	case KindRoleAssignment:
		if node := s.assignments[key]; node != nil {
			return node.outcome, true
		}
	case KindGroupMembership:
		if node := s.memberships[key]; node != nil {
			return node.outcome, true
		}
	case KindInvitation:
		if node := s.invitations[key]; node != nil {
			return node.outcome, true
		}
	case KindPermissionGrant, KindTemporaryPermissionGrant:
		if node := s.grants[ref]; node != nil {
			return node.outcome, true
		}
	}
	return Outcome{}, false
}

// Wanted says whether a tuple without a condition should be in the store.
func (s *State) Wanted(key store.Key) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.wanted[key] > 0
}

// WantedTuples are all tuples without a condition that should be in the store.
func (s *State) WantedTuples() []store.Key {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Keys(s.wanted))
}

// Contexts are the conditions that a cell should hold, none when it should be empty.
func (s *State) Contexts(cell render.Cell) []*structpb.Struct {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if held, ok := s.grantCells[cell]; ok {
		return held.contexts
	}
	claim, ok := s.cells[cell]
	if !ok {
		return nil
	}
	if claim.contexts != nil {
		return claim.contexts
	}
	if role, ok := s.roles[claim.role]; ok {
		return role.contexts
	}
	return nil
}

// WantedCells are all cells that should hold something.
func (s *State) WantedCells() []render.Cell {
	s.mu.RLock()
	defer s.mu.RUnlock()
	cells := slices.Collect(maps.Keys(s.cells))
	for cell, held := range s.grantCells {
		if len(held.contexts) > 0 {
			cells = append(cells, cell)
		}
	}
	return cells
}

// Due are the objects whose outcome should have changed by itself by now.
func (s *State) Due() []Ref {
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := s.clock.Now()
	var due []Ref
	for ref, node := range s.grants {
		if next := node.outcome.Next; !next.IsZero() && !next.After(now) {
			due = append(due, ref)
		}
	}
	for key, node := range s.invitations {
		if next := node.outcome.Next; !next.IsZero() && !next.After(now) {
			due = append(due, Ref{KindInvitation, key.Namespace, key.Name})
		}
	}
	return due
}

// Organizations are all Organizations in the state.
func (s *State) Organizations() []Ref {
	s.mu.RLock()
	defer s.mu.RUnlock()
	refs := make([]Ref, 0, len(s.organizations))
	for name := range s.organizations {
		refs = append(refs, Ref{Kind: KindOrganization, Name: name})
	}
	return refs
}
