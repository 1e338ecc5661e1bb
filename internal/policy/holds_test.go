package policy_test

import (
	"math"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// Package render holds this against the store's own condition, for random grants and requests.
func TestAGrantHoldsWithinItsWindowForRequestsThatMeetItsTests(t *testing.T) {
	eight, nine := time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
	grant := policy.Grant{Permission: "P", Tests: []policy.Test{is("color", "red", "blue"), isNot("floor", 3)}, Window: policy.Window{From: eight, Until: nine}}
	for name, c := range map[string]struct {
		at         time.Time
		attributes map[string]any
		want       bool
		unmet      int
	}{
		"all is met":             {eight, map[string]any{"color": "red", "floor": 2.0}, true, 0},
		"another of the values":  {eight, map[string]any{"color": "blue", "floor": 2.0, "more": nil}, true, 0},
		"before it":              {eight.Add(-1), map[string]any{"color": "red", "floor": 2.0}, false, 0},
		"at its end":             {nine, map[string]any{"color": "red", "floor": 2.0}, false, 0},
		"another value":          {eight, map[string]any{"color": "green", "floor": 2.0}, false, 1},
		"the value excluded":     {eight, map[string]any{"color": "red", "floor": 3.0}, false, 1},
		"neither":                {eight, map[string]any{"color": "green", "floor": 3.0}, false, 2},
		"nothing":                {eight, nil, false, 2},
		"null":                   {eight, map[string]any{"color": nil, "floor": nil}, false, 2},
		"of another type":        {eight, map[string]any{"color": 3.0, "floor": "2"}, false, 2},
		"a list that has it":     {eight, map[string]any{"color": []any{"red"}, "floor": 2.0}, false, 1},
		"an integer of Go's own": {eight, map[string]any{"color": "red", "floor": 2}, false, 1},
	} {
		if got, unmet := grant.Holds(c.at, c.attributes), len(grant.Unmet(c.attributes)); got != c.want || unmet != c.unmet {
			t.Errorf("%s: got %t with %d unmet", name, got, unmet)
		}
	}
}

func TestZeroIsZeroWhateverItsSign(t *testing.T) {
	grant := policy.Grant{Tests: []policy.Test{is("floor", 0)}}
	if !grant.Holds(time.Time{}, map[string]any{"floor": math.Copysign(0, -1)}) {
		t.Error("-0 is not 0")
	}
}

func TestOrderedNumbersHoldUpToTheirBound(t *testing.T) {
	below, above := math.Nextafter(1000, 0), math.Nextafter(1000, 2000)
	for name, c := range map[string]struct {
		test       policy.Test
		met, unmet []any
	}{
		"less":     {less("amount", 1000), []any{below, -5.0, 0.0, -math.MaxFloat64}, []any{1000.0, above, math.MaxFloat64}},
		"at most":  {atMost("amount", 1000), []any{below, 1000.0}, []any{above}},
		"more":     {more("amount", 1000), []any{above, math.MaxFloat64}, []any{1000.0, below}},
		"at least": {atLeast("amount", 1000), []any{1000.0, above}, []any{below, 0.0, -5.0}},
		"negative": {less("amount", 0), []any{-math.SmallestNonzeroFloat64}, []any{0.0, math.Copysign(0, -1), 1.0}},
	} {
		holds := func(value any) bool {
			return granted(c.test).Holds(time.Time{}, map[string]any{"amount": value})
		}
		for _, value := range c.met {
			if !holds(value) {
				t.Errorf("%s: %v does not meet it", name, value)
			}
		}
		for _, value := range append(c.unmet, nil, "500", "", true, []any{500.0}, map[string]any{}, math.NaN()) {
			if holds(value) {
				t.Errorf("%s: %v meets it", name, value)
			}
		}
		if granted(c.test).Holds(time.Time{}, nil) {
			t.Errorf("%s: a request without the attribute meets it", name)
		}
	}
}

func TestAValueIsWrittenAsItIsRead(t *testing.T) {
	for kind, texts := range map[v1alpha1.AttributeType][]string{
		v1alpha1.AttributeString: {"", "red", "3", "true"}, v1alpha1.AttributeNumber: {"3", "-2.5", "9007199254740992", "0.000001"}, v1alpha1.AttributeBoolean: {"true", "false"},
	} {
		for _, text := range texts {
			value, err := policy.ParseValue(text, kind)
			if err != nil || value.String() != text {
				t.Errorf("%s %q is written %q, %v", kind, text, value, err)
			}
			test := policy.Test{Attribute: "a", Type: kind, Operator: isIn, Values: []policy.Value{value}}
			if !(policy.Grant{Tests: []policy.Test{test}}).Holds(time.Time{}, map[string]any{"a": value.Any()}) {
				t.Errorf("%s %q is not itself", kind, text)
			}
		}
	}
}
