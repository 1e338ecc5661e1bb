package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
)

// model is a cluster, controllers that do what those of package controllers do, an engine and a store. What
// happens to them is thrown by dice; whenever all is quiet again, every decision is held against the reference.
type model struct {
	*testing.T
	*dice
	clock *clocktesting.FakeClock
	fake  *storetest.Fake

	engine *engine.Engine
	queues map[string]*queue
	stop   func()
	// reconcile has a controller of the present engine work on an object.
	reconcile func(kind string, request reconcile.Request)

	mu      sync.Mutex
	objects map[kinds.Ref]client.Object
	// events are what watches have still to show, and version is the last that an object was given.
	events  []kinds.Ref
	version int
	// next is when objects are to be looked at again, working are those that are being looked at.
	next    map[kinds.Ref]time.Time
	working map[kinds.Ref]bool

	// wished are the objects as people have left them: whether one that they have deleted is to stay is for the
	// reference to say, and then for the controllers to do.
	wished map[kinds.Ref]client.Object
	// searched counts decisions that a search could be held against.
	searched int
	// confirmed are the objects of when the store was last in step with them.
	confirmed []client.Object
	// pivotal means that something has changed since then that protections depend on.
	pivotal bool
	// unseen means that time may pass before the operator sees, or can write down, what is done.
	unseen bool
	story  []string
	seen   counts
	// ended is called before everything is deleted.
	ended func(*model)
}

func newModel(t *testing.T, script []byte) *model {
	return &model{
		T: t, dice: &dice{left: script}, clock: clocktesting.NewFakeClock(epoch.Add(time.Hour)), fake: storetest.NewFake(),
		objects: map[kinds.Ref]client.Object{}, wished: map[kinds.Ref]client.Object{}, next: map[kinds.Ref]time.Time{}, working: map[kinds.Ref]bool{},
		seen: counts{happened: map[string]int{}}, ended: func(*model) {},
	}
}

// run plays a script to its end, and then deletes everything.
func (m *model) run() {
	m.fragile = m.oneIn(2)
	for _, object := range foundation(m.dice) {
		m.stored(object)
		m.objects[kinds.RefOf(object)], m.wished[kinds.RefOf(object)] = object, object
	}
	m.start()
	defer func() { m.stop() }()
	m.settle("the beginning")
	for len(m.left) > 0 && !m.Failed() {
		m.step()
		m.seen.steps++
	}
	if m.Failed() {
		return
	}
	m.ended(m)
	m.tellf("delete everything")
	for ref, object := range m.wished {
		m.delete(ref, object)
	}
	m.settle("everything was deleted")
	if tuples := m.fake.Tuples(); len(tuples) > 0 {
		m.Errorf("nothing is left in the cluster, and this in the store: %v", tuples)
	}
	if err := m.fake.Broken(); err != nil {
		m.Errorf("the contract of the store is broken: %v", err)
	}
}

func (m *model) tellf(format string, args ...any) {
	m.story = append(m.story, fmt.Sprintf(format, args...))
	m.seen.happened[strings.Fields(format)[0]]++
}

// step is something that happens, with or without a fault of the store meanwhile.
func (m *model) step() {
	switch m.of(16) {
	case 0, 1, 2, 3, 4:
		m.change()
	case 5:
		m.change()
		m.change()
		m.change()
	case 6:
		m.advance(1 + m.of(2))
	case 7:
		m.failing()
		return
	case 8:
		m.down()
		return
	case 9:
		m.restart(m.oneIn(2))
	case 10:
		m.tamper()
	case 11:
		m.slow()
		return
	case 12:
		m.gap()
	case 13:
		m.welcome()
	case 14:
		m.dismiss()
	default:
		m.tellf("compare the whole store")
		m.sleep(2 * compareEvery)
	}
	m.settle("that")
}

// change creates, edits or deletes an object, or does what protections are about.
func (m *model) change() {
	if m.fragile && !m.pivotal && m.oneIn(4) {
		m.revoke()
		return
	}
	object := m.anything()
	ref := kinds.RefOf(object)
	old := m.objects[ref]
	switch {
	case old == nil:
		m.put(object)
	case m.oneIn(3):
		m.tellf("delete %v", ref)
		m.delete(ref, old)
	default:
		m.put(m.edited(old, object))
	}
}

// put creates an object or replaces one.
func (m *model) put(object client.Object) {
	ref := kinds.RefOf(object)
	if _, there := m.objects[ref]; there {
		m.tellf("edit %v: %+v", ref, object)
	} else {
		m.tellf("create %v: %+v", ref, object)
	}
	m.replace(ref, object)
}

// edited is what becomes of an object, given another one of its name.
func (m *model) edited(old, object client.Object) client.Object {
	switch o := object.(type) {
	case *v1alpha1.Invitation:
		return m.amended(old.(*v1alpha1.Invitation), o)
	case *v1alpha1.RoleAssignment:
		if old.GetDeletionTimestamp() != nil && m.oneIn(2) { // else it is made anew
			object.SetDeletionTimestamp(old.GetDeletionTimestamp())
		}
	}
	object.SetCreationTimestamp(old.GetCreationTimestamp())
	return object
}

// delete deletes as the API server does, with the finalizer or, seldom, by force. A namespace is held by what is
// in it, so that dice say when it is gone.
func (m *model) delete(ref kinds.Ref, object client.Object) {
	held := len(object.GetFinalizers()) > 0 || ref.Kind == kinds.Namespace && object.GetDeletionTimestamp() == nil
	if !held || m.oneIn(5) {
		m.gone(ref)
		return
	}
	object = object.DeepCopyObject().(client.Object)
	object.SetDeletionTimestamp(new(metav1.NewTime(m.clock.Now())))
	m.replace(ref, object)
}

func (m *model) replace(ref kinds.Ref, object client.Object) {
	m.pivotal = m.pivotal || isPivotal(ref.Kind)
	m.wished[ref] = object
	m.mu.Lock()
	m.objects[ref] = m.stored(object)
	m.mu.Unlock()
	m.look(ref)
}

func (m *model) gone(ref kinds.Ref) {
	m.pivotal = m.pivotal || isPivotal(ref.Kind)
	delete(m.wished, ref)
	m.mu.Lock()
	delete(m.objects, ref)
	m.mu.Unlock()
	m.look(ref)
}

// look has watches show what has become of an object.
func (m *model) look(ref kinds.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, ref)
}

// stored gives an object its next version.
func (m *model) stored(object client.Object) client.Object {
	m.version++
	object.SetResourceVersion(strconv.Itoa(m.version))
	return object
}

// advance lets hours pass. Nobody has looked at anything when the first decisions are made.
func (m *model) advance(hours int) {
	m.tellf("wait %d h", hours)
	m.clock.SetTime(m.clock.Now().Add(time.Duration(hours) * time.Hour))
	m.compare(m.confirmed, "time has passed")
	m.wakeDue()
}

// wakeDue does what the timers of the controllers do.
func (m *model) wakeDue() {
	for ref, at := range m.next {
		if !at.After(m.clock.Now()) {
			delete(m.next, ref)
			m.requeue(ref)
		}
	}
}

var errStore = fmt.Errorf("%w: a fault", store.ErrUnavailable)

// failing makes some of the writes fail, before they have happened or after, while objects change.
func (m *model) failing() {
	which, after := 1+m.of(3), m.oneIn(2)
	m.tellf("fail one write in %d, after it has happened: %t", which, after)
	writes := 0
	fail := func(context.Context, []store.Tuple, []store.Key) error {
		if writes++; writes%which == 0 {
			return errStore
		}
		return nil
	}
	hooks := storetest.Hooks{Write: fail}
	if after {
		hooks = storetest.Hooks{Written: fail}
	}
	m.fake.Hook(hooks)
	m.unseen = true
	defer func() { m.unseen = false }()
	m.change()
	m.work()
	m.change()
	m.work()
	if m.oneIn(3) {
		m.restart(true)
	}
	m.fake.Hook(storetest.Hooks{})
	m.settle("writes have failed")
}

// slow makes each write take a second, while objects change and change back.
func (m *model) slow() {
	m.tellf("slow writes down")
	m.fake.Hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error {
		<-time.After(time.Second)
		return nil
	}})
	for range 3 + m.of(4) {
		m.change()
		m.work()
		if m.oneIn(3) {
			m.sleep(time.Second)
		}
	}
	m.settle("writes were slow")
	m.fake.Hook(storetest.Hooks{})
}

// down makes the store unreachable for writes and comparisons, while objects change and time passes. What it
// holds goes on to be asked: it says what it said before, but for what has begun and ended meanwhile.
func (m *model) down() {
	m.tellf("shut the store")
	no := func(context.Context) error { return errStore }
	m.fake.Hook(storetest.Hooks{
		Write: func(context.Context, []store.Tuple, []store.Key) error { return errStore },
		Get:   func(context.Context, store.Key) error { return errStore },
		Walk:  no, AwaitChecks: no,
	})
	before := m.confirmed
	m.unseen = true
	defer func() { m.unseen = false }()
	for range 1 + m.of(3) {
		m.change()
		m.work()
		if m.oneIn(2) {
			m.tellf("wait 1 h")
			m.clock.SetTime(m.clock.Now().Add(time.Hour))
			m.wakeDue()
			m.work()
		}
		m.seen.during++
		m.compare(before, "the store was shut")
	}
	if m.oneIn(3) {
		m.restart(m.oneIn(2))
		m.work()
		m.compare(before, "the store was shut, and the operator started again")
	}
	m.fake.Hook(storetest.Hooks{})
	m.settle("the store was shut")
}

// restart ends the engine and starts another. One that is killed leaves a write half known: it may have happened.
func (m *model) restart(killed bool) {
	m.tellf("restart, killed: %t", killed)
	m.unseen = true
	defer func() { m.unseen = false }()
	if killed {
		m.change() // nobody waits for it
	}
	m.stop()
	if m.oneIn(2) {
		m.change()
		m.clock.SetTime(m.clock.Now().Add(time.Duration(m.of(3)) * time.Hour))
	}
	m.start()
}

// tamper does something to the store that nobody has asked for.
func (m *model) tamper() {
	tuples := m.fake.Tuples()
	keys := slices.SortedFunc(maps.Keys(tuples), func(a, b store.Key) int {
		return strings.Compare(a.Object+a.Relation+a.User, b.Object+b.Relation+b.User)
	})
	if len(keys) == 0 {
		return
	}
	key, other := keys[m.of(len(keys))], keys[m.of(len(keys))]
	switch m.of(3) {
	case 0:
		m.tellf("remove %v behind the operator's back", key)
		m.fake.Uproot(key)
	case 1:
		m.tellf("replace what %v says by what %v does", key, other)
		m.fake.Plant(store.Tuple{Key: key, Context: tuples[other]})
	default:
		m.tellf("forge %v for bob", key)
		m.fake.Plant(store.Tuple{Key: store.Key{Object: key.Object, Relation: key.Relation, User: "user:bob"}, Context: tuples[key]})
	}
	m.sleep(2 * compareEvery)
}

func (m *model) sleep(d time.Duration) {
	<-time.After(d)
	m.work()
}

// settle works until nothing is left to be done, and compares.
func (m *model) settle(after string) {
	m.sleep(time.Minute) // longer than the store is left alone after an outage
	for n := 0; len(m.workedOn()) > 0; n++ {
		if n > 10 {
			m.Errorf("after %s: %v are still waiting for the store", after, m.workedOn())
			return
		}
		m.sleep(time.Minute)
	}
	m.confirm(after)
	m.compare(m.confirmed, after)
	m.compareMemory(after)
	m.compareWhole(after)
}

// compareWhole expects the store to hold what a state says that has seen nothing but the objects of now: also what
// decides nothing must go when nobody wants it.
func (m *model) compareWhole(after string) {
	state := state.New(state.Limits{ConditionCost: store.EmbeddedConditionCost}, m.clock)
	state.Put(m.standing()...) // at once: what is protected depends on what else there is
	want := len(state.WantedTuples())
	for _, cell := range state.WantedCells() {
		want += len(state.Contexts(cell))
	}
	if got := len(m.fake.Tuples()); got != want && !m.Failed() {
		m.Errorf("after %s: the store has %d tuples, and should have %d\n%s", after, got, want, strings.Join(m.story, "\n"))
	}
}

// standing are copies of the objects that give something.
func (m *model) standing() (standing []client.Object) {
	for _, object := range m.objects {
		if object.GetDeletionTimestamp() == nil || kinds.KeptWhileDeleted(kinds.RefOf(object).Kind) {
			standing = append(standing, object.DeepCopyObject().(client.Object))
		}
	}
	return standing
}

// compare asks the store everything, and expects what the reference says of these objects now.
func (m *model) compare(objects []client.Object, after string) {
	if m.Failed() {
		return
	}
	want, got := newReference(objects, m.clock.Now()), newDecider(m.fake.Tuples(), m.clock.Now())
	for _, q := range questions {
		may := want.may(q)
		m.seen.compared++
		if may {
			m.seen.allowed++
		}
		if got.may(q) != may {
			m.Errorf("after %s: %+v is answered %t, and should be %t\n%s\nThe objects:", after, q, !may, may, strings.Join(m.story, "\n"))
			for _, object := range want.objects {
				m.Logf("%T %+v", object, object)
			}
			return
		}
	}
}

// compareMemory asks the engine's own state the same: with all that the cluster says it is never behind, as a store may be.
func (m *model) compareMemory(after string) {
	if m.Failed() || m.engine.State() == nil {
		return
	}
	want := newReference(slices.Collect(maps.Values(m.objects)), m.clock.Now())
	for _, q := range questions {
		holds := m.engine.State().Decide("acme", entitlement.Question{
			Subject: q.subject, Permission: q.permission, At: q.place, Group: q.group, Attributes: q.attributes,
		}).Allowed
		if may := want.may(q); holds != may {
			m.Errorf("after %s: %+v is answered %t from memory, and should be %t\n%s", after, q, holds, may, strings.Join(m.story, "\n"))
			return
		}
		// A few of them each time, others the next: a search costs as much as many decisions.
		if m.searched++; m.searched%searchEvery != 0 {
			continue
		}
		if wrong := m.searchesThat(q, want.may(q)); wrong != "" {
			m.Errorf("after %s: %+v is %t, and %s says otherwise\n%s", after, q, want.may(q), wrong, strings.Join(m.story, "\n"))
			return
		}
	}
}

// searchEvery is no divisor of the number of questions, so that all of them have their turn.
const searchEvery = 23

// searchesThat names a search that does not agree with a decision. Searches for subjects come in pages of one.
func (m *model) searchesThat(q question, may bool) (wrong string) {
	state := m.engine.State()
	asked := entitlement.Question{Subject: q.subject, Permission: q.permission, At: q.place, Group: q.group, Attributes: q.attributes}
	subjects := 0
	for after, more := "", true; more; {
		var page []string
		if page, more, _ = state.Subjects("acme", asked, after, 1); len(page) > 0 {
			if after = page[0]; after == q.subject {
				subjects++
			}
		}
	}
	if subjects > 1 || (subjects == 1) != may {
		return "the search for subjects"
	}
	if actions, _ := state.Actions("acme", asked); slices.Contains(actions, q.permission) != may {
		return "the search for actions"
	}
	if q.group != "" {
		if slices.Contains(state.Groups("acme", q.subject, q.permission), q.group) != may {
			return "the search for groups"
		}
		return ""
	}
	everywhere := asked
	everywhere.At = scope.Path{Organization: "acme"}
	if q.place.ResourceType == "" {
		if slices.Contains(state.Where("acme", everywhere, "").Scopes, q.place) != may {
			return "the search for scopes"
		}
		return ""
	}
	for _, in := range []scope.Path{everywhere.At, q.place.Container()} {
		everywhere.At = in
		known := state.Where("acme", everywhere, q.place.ResourceType)
		everywhere.Attributes = nil
		open := state.Where("acme", everywhere, q.place.ResourceType)
		everywhere.Attributes = q.attributes
		if (slices.Contains(known.Objects, q.place) || meets(known, q)) != may {
			return "the search for objects with these attributes"
		}
		if (slices.Contains(open.Objects, q.place) || meets(open, q)) != may {
			return "the search for objects whose attributes are not known"
		}
	}
	return ""
}

// meets says whether an object is part of a residual.
func meets(where entitlement.Where, q question) bool {
	return slices.Contains(where.Declared, q.place.Container()) && slices.ContainsFunc(where.Residual, func(term entitlement.Term) bool {
		return term.At.Covers(q.place) && policy.Grant{Tests: term.Conditions}.Met(q.attributes)
	})
}
