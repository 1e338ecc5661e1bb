package state

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// tenant is all that belongs to one organization. Organizations share nothing but the catalogue, so each has a lock of its
// own, and none waits for what is evaluated for another. The tenant without a name has the ResourceTypes. Its methods are for
// whoever has the lock; those of reader take it.
type tenant struct {
	mu sync.RWMutex
	// gone is set when the State has dropped an empty tenant: whoever waited for its lock looks it up again.
	gone   bool
	name   string
	limits Limits
	clock  clock.PassiveClock
	// usernamePrefix is the API server's.
	usernamePrefix string
	// now is the time of the last evaluation, and seen the same for whoever has no lock.
	now  time.Time
	seen atomic.Pointer[time.Time]

	namespaces    map[string]namespace
	types         map[string]*resourceType
	organizations map[string]*organization
	users         map[types.NamespacedName]*user
	groups        map[types.NamespacedName]*group
	roles         map[types.NamespacedName]*role
	assignments   map[types.NamespacedName]*assignment
	grants        map[kinds.Ref]*grant
	memberships   map[types.NamespacedName]*membership
	invitations   map[types.NamespacedName]*invitation
	policies      map[types.NamespacedName]*accessPolicy
	requests      map[types.NamespacedName]*accessRequest
	decisions     map[types.NamespacedName]*accessDecision
	// pauses are the objects that are paused, or recorded as such.
	pauses              map[kinds.Ref]*pause
	pausedOrganizations set[string]

	unauthored unauthored
	// authors and paths are those that objects share.
	authors map[authorKey]*policy.Author
	paths   map[scope.Path]*scope.Path
	// judging is set once all that was there when common.judges was set has been judged.
	judging bool
	common  *common

	// catalogue is that of all ResourceTypes, as this tenant was last evaluated with it. It is never changed, only replaced.
	catalogue *catalogue
	named     references

	// refCounts says how many objects want a tuple.
	refCounts map[store.Key]int
	// cells counts the assignments that want a cell, and knows the role that fills it.
	cells map[tuples.Cell]*countedCell
	// shared are the cells that say who has a role, and who is in a group.
	shared map[tuples.Cell]sharedCell
	// timed finds, by the cell that they share, the assignments that hold for a time.
	timed index[tuples.Cell, types.NamespacedName]
	// grantCells are the cells that grants fill together.
	grantCells map[tuples.Cell]*grantCell
	// cellsOf are the cells that a role fills.
	cellsOf index[types.NamespacedName, tuples.Cell]

	// index is who holds what by all of this.
	index *entitlement.Index
	// protected are the assignments that are being deleted and stay in force.
	protected set[types.NamespacedName]
	// facts are what the index depends on and no object says. history has a digest of them; digest is the same, but for while the
	// index is brought to others, when it is nil.
	facts   facts
	history atomic.Pointer[OrganizationHistory]
	digest  atomic.Pointer[string]

	counters counters

	// evaluated is how often an object has been evaluated, compared how many pairs of privileges have been compared, and checked how
	// many objects have been looked at that may matter to another one, encoded how many entries of roles have been encoded for the
	// store, and merged how many lists of these have been made, so that a test can bound what a write costs.
	evaluated, compared, checked, encoded, merged atomic.Int64
}

// countedCell is wanted by so many assignments, and filled by the role.
type countedCell struct {
	role  types.NamespacedName
	count int
}

// namespace is one that there is.
type namespace struct{ terminating bool }

func newTenant(name string, limits Limits, clock clock.PassiveClock, declared *catalogue) *tenant {
	t := &tenant{
		name:          name,
		limits:        limits,
		clock:         clock,
		namespaces:    map[string]namespace{},
		types:         map[string]*resourceType{},
		organizations: map[string]*organization{},
		users:         map[types.NamespacedName]*user{},
		groups:        map[types.NamespacedName]*group{},
		roles:         map[types.NamespacedName]*role{},
		assignments:   map[types.NamespacedName]*assignment{},
		grants:        map[kinds.Ref]*grant{},
		memberships:   map[types.NamespacedName]*membership{},
		invitations:   map[types.NamespacedName]*invitation{},
		policies:      map[types.NamespacedName]*accessPolicy{},
		requests:      map[types.NamespacedName]*accessRequest{},
		decisions:     map[types.NamespacedName]*accessDecision{},
		pauses:        map[kinds.Ref]*pause{},

		pausedOrganizations: set[string]{},
		protected:           set[types.NamespacedName]{},
		facts:               facts{map[kinds.Ref]factDigest{}, map[byte]*factPart{}},
		unauthored:          newUnauthored(),
		common:              &common{},

		shared:     map[tuples.Cell]sharedCell{},
		timed:      index[tuples.Cell, types.NamespacedName]{},
		grantCells: map[tuples.Cell]*grantCell{},
		catalogue:  declared,
		named:      newReferences(),
		refCounts:  map[store.Key]int{},
		cells:      map[tuples.Cell]*countedCell{},
		cellsOf:    index[types.NamespacedName, tuples.Cell]{},
		index:      entitlement.New(name),
		counters:   newCounters(),
	}
	t.history.Store(&OrganizationHistory{})
	t.digest.Store(new(string))
	return t
}

// outcomeLocked is outcomeNow for whoever has the lock.
func (t *tenant) outcomeLocked(ref kinds.Ref) (Outcome, bool) {
	outcome, known := t.effectiveOutcome(ref)
	if found := t.pauses[ref]; found != nil && found.by != "" {
		return found.outcome(ref, outcome), true
	}
	return outcome, known
}

// effectiveOutcome is the outcome of an object's effective spec.
func (t *tenant) effectiveOutcome(ref kinds.Ref) (Outcome, bool) {
	found := t.find(ref)
	if found == nil {
		return Outcome{}, false
	}
	outcome := found.lastOutcome()
	if a := authorshipOf(found); a != nil {
		outcome = a.withVerdict(outcome)
	}
	if key := ref.Key(); ref.Kind == kinds.Role {
		outcome.Assignments, outcome.Children = len(t.named.assignedRole[key]), len(t.named.children[key])
	}
	return outcome, true
}

// isEmpty says whether nothing is known of the organization any more.
func (t *tenant) isEmpty() bool {
	for _, k := range keepers {
		for range k.each(t) {
			return false
		}
	}
	return len(t.namespaces) == 0 && len(t.pauses) == 0 && len(t.pausedOrganizations) == 0
}

// common is what all tenants have.
type common struct {
	// judges is set where this state is carried out: then it is found here who could give what they wrote.
	judges atomic.Bool
	// onlyAnswers is set where this state is never carried out.
	onlyAnswers bool
	// ofLeader is the leader's history, for a follower; nil while it is not known.
	ofLeader atomic.Pointer[History]
	// histories counts the changes of this state's own history.
	histories atomic.Int64
}

// instant is now, or the latest instant that was seen if the clock has been set back since. It waits for no change.
func (t *tenant) instant() time.Time {
	now := t.clock.Now()
	if seen := t.seen.Load(); seen != nil && seen.After(now) {
		return *seen
	}
	return now
}
