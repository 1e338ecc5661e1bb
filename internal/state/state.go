package state

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
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

// reader is that of an organization; of an empty tenant where there is none.
func (s *State) reader(name string) reader {
	if t := s.find(name); t != nil {
		return reader{t}
	}
	return reader{s.newTenant(name)}
}

// list are all tenants.
func (s *State) list() []reader {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]reader, 0, len(s.tenants))
	for _, t := range s.tenants {
		all = append(all, reader{t})
	}
	return all
}

// readerOf is that of the tenant that a tuple of the store belongs to.
func (s *State) readerOf(object string) reader { return s.reader(objectid.Organization(object)) }

// readerOfObject is that of an object that changes; either may be nil.
func (s *State) readerOfObject(old, object client.Object) reader {
	if object == nil {
		object = old
	}
	return s.reader(kinds.RefOf(object).Organization())
}

// OnlyAnswering is for a state that answers questions about access and that nobody ever carries out: it does not keep what should
// be in a store. It is for a state in which nothing is yet.
func (s *State) OnlyAnswering() *State {
	s.common.onlyAnswers = true
	return s
}
