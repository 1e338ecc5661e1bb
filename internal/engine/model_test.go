package engine_test

import (
	"fmt"
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
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
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
	// unawaited is how long what nobody waits for may take: when an object has been torn out, beside other changes, the store is
	// written again when those have been, and 50 ms later.
	unawaited time.Duration
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
		unawaited: 60 * time.Millisecond, seen: counts{happened: map[string]int{}}, ended: func(*model) {},
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
	m.converge("the beginning")
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
	m.converge("everything was deleted")
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
	m.converge("that")
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

func (m *model) sleep(d time.Duration) {
	<-time.After(d)
	m.work()
}
