package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
)

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
	m.converge("writes have failed")
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
	m.converge("writes were slow")
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
	m.converge("the store was shut")
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
