package engine_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// converge works until nothing is left to be done, and compares.
func (m *model) converge(after string) {
	m.sleep(time.Minute) // longer than the store is left alone after an outage
	for n := 0; len(m.workedOn()) > 0; n++ {
		if n > 10 {
			m.Errorf("after %s: %v are still waiting for the store", after, m.workedOn())
			return
		}
		m.sleep(time.Minute)
	}
	m.sleep(m.unawaited)
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
	want := len(state.DesiredTuples())
	for _, cell := range state.DesiredCells() {
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
