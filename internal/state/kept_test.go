package state

import (
	"reflect"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// What a new field of an outcome says must not be lost where it is kept.
func TestAnOutcomeIsKeptWhole(t *testing.T) {
	values := map[reflect.Kind]any{reflect.String: "some", reflect.Bool: true, reflect.Int: 1}
	special := map[string]any{
		"Life": policy.Lifetime{Deadline: time.Unix(1, 0)}, "Invited": Invited{Phase: v1alpha1.InvitationExpired}, "Next": time.Unix(1, 0),
		"Access": &Access{}, "Paused": &Paused{}, "Judged": &v1alpha1.Judged{},
		"Faults": []v1alpha1.PermissionFault{{}}, "NotInherited": []NotInherited{{}}, "Permissions": []v1alpha1.PermissionOutcome{{}},
	}
	for n := range reflect.TypeFor[Outcome]().NumField() {
		field := reflect.TypeFor[Outcome]().Field(n)
		value, known := special[field.Name]
		if !known {
			value = values[field.Type.Kind()]
		}
		var outcome Outcome
		reflect.ValueOf(&outcome).Elem().Field(n).Set(reflect.ValueOf(value).Convert(field.Type))
		if kept := keep(outcome); !reflect.DeepEqual(kept.outcome(), outcome) || kept.isInForce() != outcome.InForce {
			t.Errorf("with %s %+v is kept as %+v", field.Name, outcome, kept.outcome())
		}
	}
	if one, other := keep(Outcome{Reason: "a", InForce: true}), keep(Outcome{Reason: "a", InForce: true}); one != other {
		t.Error("outcomes that say the same are kept twice")
	}
	if (keptOutcome{}).isInForce() || !reflect.DeepEqual(keptOutcome{}.outcome(), Outcome{}) {
		t.Error("where nothing is kept, something is said")
	}
}

func TestWhatIsDesiredIsKeptWhole(t *testing.T) {
	binding := &entitlement.Binding{Role: "editor"}
	for _, want := range []desired{
		{},
		{facts: entitlement.Facts{Binding: binding}},
		{facts: entitlement.Facts{Binding: binding}, desiredTuples: desiredTuples{cell: &tuples.Cell{Object: "o"}, shares: []share{{}}}},
		{desiredTuples: desiredTuples{shares: []share{{}}}},
	} {
		if got := keepDesired(want).desired(); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v is kept as %+v", want, got)
		}
	}
}

func TestAuthorsOfWhatIsGoneAreNotKept(t *testing.T) {
	s := newTenant("acme", Limits{}, clock.RealClock{}, nil)
	for n := range 10_000 {
		s.shareAuthor(&policy.Author{Username: "mallory", Generation: int64(n)})
	}
	if len(s.authors) > spareAuthors+1 {
		t.Errorf("it keeps %d authors, and no object", len(s.authors))
	}
}
