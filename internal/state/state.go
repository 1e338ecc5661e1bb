package state

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// Rules is the version of the rules by which objects are evaluated. Whoever changes what an object gives raises it: replicas
// with other rules than the one that leads answer nothing.
const Rules = 2

// State is the desired state: a tenant for each organization, and the catalogue that they share. Its methods may be called
// concurrently, and none holds a lock of two organizations at once.
type State struct {
	limits Limits
	clock  clock.PassiveClock
	// usernamePrefix is what the API server puts before the names of those who are known by their subject.
	usernamePrefix string
	// catalogueMu is held while the catalogue changes, and all tenants are brought to it one after the other.
	catalogueMu sync.Mutex
	declared    atomic.Pointer[catalogue]
	common      *common

	// historyMu is held while history is put together.
	historyMu      sync.Mutex
	history        History
	historyVersion int64

	mu      sync.RWMutex
	tenants map[string]*tenant
}

// New is an empty state. The clock says which temporary grants have begun and ended.
func New(limits Limits, clock clock.PassiveClock) *State {
	s := &State{limits: limits, clock: clock, tenants: map[string]*tenant{}, common: &common{}}
	s.declared.Store(&catalogue{})
	return s
}

// WithUsernamePrefix says what the API server puts before the names of those who are known by their subject. It is for a
// state in which nothing is yet.
func (s *State) WithUsernamePrefix(prefix string) *State {
	s.usernamePrefix = prefix
	return s
}

// Observer is told of a change to one organization, before anybody can see the next one.
type Observer func(Change)

// Put adds objects, or replaces what was known of them. They belong to the state afterwards. What it held of
// an object before is what one that is paused is kept to.
func (s *State) Put(objects ...client.Object) Change { return s.putAll(true, nil, objects) }

// PutAnd is Put, and tells an observer of each organization's change as it is made.
func (s *State) PutAnd(observe Observer, objects ...client.Object) Change {
	return s.putAll(true, observe, objects)
}

// Follow is Put for a follower: what an object that is paused is kept to is then what its status records.
func (s *State) Follow(observe Observer, objects ...client.Object) Change {
	return s.putAll(false, observe, objects)
}

func (s *State) putAll(leads bool, observe Observer, objects []client.Object) Change {
	if leads {
		s.common.judges.Store(true)
	}
	byTenant := map[string][]client.Object{}
	for _, object := range objects {
		name := kinds.RefOf(object).Organization()
		byTenant[name] = append(byTenant[name], object)
	}
	var all Change
	// The catalogue first: it says what the others' entries mean.
	for _, name := range slices.Sorted(maps.Keys(byTenant)) {
		all.add(s.change(name, observe, func(e *evaluation) {
			e.carriedOut = leads
			e.upsertAll(byTenant[name])
		}))
	}
	// What depends on the catalogue may have changed with it, and again with its own organization.
	seen := make(set[kinds.Ref], len(all.Outcomes))
	all.Outcomes = slices.DeleteFunc(all.Outcomes, func(ref kinds.Ref) bool {
		again := seen.has(ref)
		seen.add(ref)
		return again
	})
	return all
}

// Remove takes an object out of the state: it gives nothing any more, and nothing finds it.
func (s *State) Remove(ref kinds.Ref) Change { return s.RemoveAnd(nil, ref) }

// RemoveAnd is Remove, and tells an observer of each organization's change as it is made.
func (s *State) RemoveAnd(observe Observer, ref kinds.Ref) Change {
	return s.change(ref.Organization(), observe, func(e *evaluation) {
		e.carriedOut = true
		e.remove(ref)
	})
}

// Judge has the state find out, from now on, who could give what they wrote, and does so for all that has not been judged yet.
func (s *State) Judge() (change Change) {
	s.common.judges.Store(true)
	for _, tenant := range s.list() {
		further, _ := s.changeTenant(tenant.name, nil, func(e *evaluation) { e.protectionOfAll = true }) // whatever the one before said
		change.add(further)
	}
	return change
}

// change changes one tenant and, where that is the catalogue, all that depends on it.
func (s *State) change(name string, observe Observer, do func(*evaluation)) Change {
	if name != "" {
		change, _ := s.changeTenant(name, observe, do)
		return change
	}
	s.catalogueMu.Lock()
	defer s.catalogueMu.Unlock()
	change, declared := s.changeTenant("", observe, do)
	if declared == nil {
		return change
	}
	s.declared.Store(declared) // before the tenants are listed: whichever is new then knows it already
	for _, tenant := range s.list() {
		if tenant.name != "" {
			further, _ := s.changeTenant(tenant.name, observe, func(e *evaluation) { e.recatalogue(declared) })
			change.add(further)
		}
	}
	return change
}

func (s *State) changeTenant(name string, observe Observer, do func(*evaluation)) (Change, *catalogue) {
	t := s.lock(name)
	defer t.mu.Unlock()
	e := newEvaluation(t)
	do(e)
	change := e.run()
	change.Organization = name
	if observe != nil {
		observe(change)
	}
	if t.isEmpty() {
		t.gone = true
		s.mu.Lock()
		delete(s.tenants, name)
		s.mu.Unlock()
	}
	return change, e.declared
}

// lock returns a tenant, made if there is none, with its lock held.
func (s *State) lock(name string) *tenant {
	for {
		s.mu.Lock()
		t := s.tenants[name]
		if t == nil {
			t = s.newTenant(name)
			s.tenants[name] = t
		}
		s.mu.Unlock()
		t.mu.Lock()
		if !t.gone {
			return t
		}
		t.mu.Unlock()
	}
}

// newTenant is an empty one.
func (s *State) newTenant(name string) *tenant {
	t := newTenant(name, s.limits, s.clock, s.declared.Load())
	t.usernamePrefix, t.common = s.usernamePrefix, s.common
	return t
}

// find is the tenant of an organization, nil where there is none.
func (s *State) find(name string) *tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tenants[name]
}

// tenant is that of an organization; an empty one where there is none.
func (s *State) tenant(name string) *tenant {
	if t := s.find(name); t != nil {
		return t
	}
	return s.newTenant(name)
}

func (s *State) list() []*tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Values(s.tenants))
}

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
	return s.tenant(ref.Organization()).outcome(ref)
}

// tenantOf is the tenant that a tuple of the store belongs to.
func (s *State) tenantOf(object string) *tenant { return s.tenant(objectid.Organization(object)) }

// Desired says whether a tuple without a condition should be in the store.
func (s *State) Desired(key store.Key) bool { return s.tenantOf(key.Object).isDesired(key) }

// DesiredTuples are all tuples without a condition that should be in the store.
func (s *State) DesiredTuples() (keys []store.Key) {
	for _, t := range s.list() {
		keys = append(keys, t.desiredTuples()...)
	}
	return keys
}

// Contexts are the conditions that a cell should hold, none when it should be empty.
func (s *State) Contexts(cell tuples.Cell) []*structpb.Struct {
	return s.tenantOf(cell.Object).contextsOf(cell)
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

// Decide answers a question about an organization by what is known now. It never waits for an evaluation.
func (s *State) Decide(organization string, q entitlement.Question) entitlement.Answer {
	if t := s.find(organization); t != nil {
		return t.index.Decide(q, t.instant())
	}
	return entitlement.Answer{}
}

// Subjects are those who may do what is asked: see entitlement.Index.
func (s *State) Subjects(organization string, q entitlement.Question, after string, limit int) (subjects []string, more bool, validUntil time.Time) {
	if t := s.find(organization); t != nil {
		return t.index.Subjects(q, after, limit, t.instant())
	}
	return nil, false, time.Time{}
}

// Actions are the permissions that a subject has at a place or on a group: see entitlement.Index.
func (s *State) Actions(organization string, q entitlement.Question) (permissions []string, validUntil time.Time) {
	if t := s.find(organization); t != nil {
		return t.index.Actions(q, t.instant())
	}
	return nil, time.Time{}
}

// Groups are those on which a subject has a permission.
func (s *State) Groups(organization, subject, permission string) []string {
	if t := s.find(organization); t != nil {
		return t.index.Groups(subject, permission, t.instant())
	}
	return nil
}

// Where is where a subject has a permission: see entitlement.Index.
func (s *State) Where(organization string, q entitlement.Question, resourceType string, ofOthers ...string) entitlement.Where {
	if t := s.find(organization); t != nil {
		return t.index.Where(q, resourceType, ofOthers, t.instant())
	}
	return entitlement.Where{}
}

// Held are all ways in which a user holds permissions at a path now, at the path itself and above it, in a
// fixed order. Whoever is suspended, or whose User is invalid, holds nothing. What a group's admin may do with
// the group is held on the group and not at a path, so it is not among them.
func (s *State) Held(user types.NamespacedName, at scope.Path) []entitlement.Entitlement {
	return s.tenant(user.Namespace).heldAt(user, at)
}

// HeldAnywhere are all ways in which a user holds permissions now, wherever that is, in the order of Held.
func (s *State) HeldAnywhere(user types.NamespacedName) []entitlement.Entitlement {
	return s.tenant(user.Namespace).held(user, func(scope.Path) bool { return true })
}

// MissingPrivileges says what is lacking to the one who asks, known by their subject, for replacing an object by
// another; old is nil where it is created, and object where it is deleted. What the change gives is all
// that is held with it and not without it, by whomever, also where it only makes other objects take effect.
func (s *State) MissingPrivileges(subject string, old, object client.Object) MissingPrivileges {
	return s.tenantOfObject(old, object).missingPrivileges(subject, old, object)
}

// tenantOfObject is that of an object that changes; either may be nil.
func (s *State) tenantOfObject(old, object client.Object) *tenant {
	if object == nil {
		object = old
	}
	return s.tenant(kinds.RefOf(object).Organization())
}

// Protected says why an object can't be deleted, if old is given alone, or not be replaced by another one;
// nothing when it can. It is what the finalizer holds a deletion for, and the Role that owners administer
// with. Where it can, warning says what of that it takes.
func (s *State) Protected(old, object client.Object) (why, warning string) {
	if old == nil {
		return "", ""
	}
	return s.tenantOfObject(old, object).protectedBy(old, object)
}

// TooLarge says why the store does not take a role, or nothing if it does, or did not take it before and
// still gets the same.
func (s *State) TooLarge(old, object *v1alpha1.Role) string {
	return s.tenant(object.Namespace).tooLarge(old, object)
}

// UsersWithAddress are the names of the Users of an organization who have an address, in order: they can accept what
// it is invited to.
func (s *State) UsersWithAddress(organization, email string) []string {
	return s.tenant(organization).withAddress(email)
}

// Accepted is the name of the User who has accepted an invitation, empty while nobody has.
func (s *State) Accepted(organization, invitation string) string {
	return s.tenant(organization).acceptedBy(organization, invitation)
}

// WaitsFor names the annotation that keeps an object's spec from being carried out; nothing if none does.
func (s *State) WaitsFor(object v1alpha1.Object) string {
	return s.tenant(kinds.RefOf(object).Organization()).waitsFor(object)
}

// Holding are the assignments that a deletion of this one relies on: those of the same user that are in
// force and, as far as the state knows, not being deleted.
func (s *State) Holding(o *v1alpha1.RoleAssignment) []kinds.Ref {
	return s.tenant(o.Namespace).holding(o)
}

// Counts are those of now. They are kept with every change, so that asking is cheap.
func (s *State) Counts() Counts {
	all := newCounts()
	for _, t := range s.list() {
		all.add(t.counts())
	}
	return all
}

// EndingBefore counts the objects in force that end by themselves before an instant.
func (s *State) EndingBefore(instant time.Time) (count int) {
	for _, t := range s.list() {
		count += t.endingBefore(instant)
	}
	return count
}
