package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func is(attribute string, values ...any) policy.Test { return testOf(attribute, false, values...) }

func isNot(attribute string, values ...any) policy.Test { return testOf(attribute, true, values...) }

func testOf(attribute string, negated bool, values ...any) policy.Test {
	test := policy.Test{Attribute: attribute, Negated: negated}
	for _, value := range values {
		test.Values = append(test.Values, valueOf(value))
	}
	test.Type = test.Values[0].Type
	return test
}

func valueOf(value any) policy.Value {
	switch v := value.(type) {
	case string:
		return policy.Value{Type: v1alpha1.AttributeString, Text: v}
	case int:
		return policy.Value{Type: v1alpha1.AttributeNumber, Number: float64(v)}
	default:
		return policy.Value{Type: v1alpha1.AttributeBoolean, Truth: v.(bool)}
	}
}

func granted(tests ...policy.Test) policy.Grant { return policy.Grant{Permission: "P", Tests: tests} }

func TestWhatIsHeldCoversWhatImpliesIt(t *testing.T) {
	eight, nine := time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
	within := func(from, until time.Time) policy.Grant {
		return policy.Grant{Permission: "P", Window: policy.Window{From: from, Until: until}}
	}
	none := time.Time{}
	for name, c := range map[string]struct {
		held, given policy.Grant
		want        bool
	}{
		"no condition covers none":                     {granted(), granted(), true},
		"no condition covers any":                      {granted(), granted(is("color", "red"), isNot("floor", 3)), true},
		"a condition does not cover none":              {granted(is("color", "red")), granted(), false},
		"another permission":                           {granted(), policy.Grant{Permission: "Q"}, false},
		"the same condition":                           {granted(is("color", "red")), granted(is("color", "red")), true},
		"fewer conditions cover more":                  {granted(is("color", "red")), granted(is("floor", 3), is("color", "red")), true},
		"more conditions do not cover fewer":           {granted(is("color", "red"), is("floor", 3)), granted(is("color", "red")), false},
		"the same on another attribute":                {granted(is("color", "red")), granted(is("shade", "red")), false},
		"another value":                                {granted(is("color", "red")), granted(is("color", "blue")), false},
		"Equals implies In":                            {granted(is("color", "red", "blue")), granted(is("color", "blue")), true},
		"In implies a wider In":                        {granted(is("color", "red", "blue", "green")), granted(is("color", "green", "red")), true},
		"In does not imply a narrower one":             {granted(is("color", "red")), granted(is("color", "red", "blue")), false},
		"Equals implies NotEquals of another":          {granted(isNot("color", "red")), granted(is("color", "blue")), true},
		"In implies NotEquals of what it lacks":        {granted(isNot("floor", 3)), granted(is("floor", 1, 2)), true},
		"In does not imply NotEquals of what it has":   {granted(isNot("floor", 3)), granted(is("floor", 2, 3)), false},
		"NotEquals implies the same":                   {granted(isNot("color", "red")), granted(isNot("color", "red")), true},
		"NotEquals does not imply another":             {granted(isNot("color", "red")), granted(isNot("color", "blue")), false},
		"NotEquals does not imply In":                  {granted(is("color", "red", "blue")), granted(isNot("color", "green")), false},
		"not true is false":                            {granted(is("draft", false)), granted(isNot("draft", true)), true},
		"false is not true":                            {granted(isNot("draft", true)), granted(is("draft", false)), true},
		"not true is not true":                         {granted(is("draft", true)), granted(isNot("draft", true)), false},
		"the same digits as another type":              {granted(is("floor", "3")), granted(is("floor", 3)), false},
		"NotEquals does not hold for another type":     {granted(isNot("floor", "3")), granted(is("floor", 4)), false},
		"any time covers a window":                     {granted(), within(eight, nine), true},
		"a window does not cover any time":             {within(eight, nine), granted(), false},
		"a window covers itself":                       {within(eight, nine), within(eight, nine), true},
		"a window does not cover one that ends later":  {within(eight, nine), within(eight, nine.Add(time.Second)), false},
		"a window does not cover one that is open":     {within(eight, nine), within(eight, none), false},
		"a window does not cover one that begins":      {within(eight, nine), within(none, nine), false},
		"a window does not cover one before it":        {within(eight, nine), within(eight.Add(-time.Second), nine), false},
		"a window with an open end covers what begins": {within(eight, none), within(nine, none), true},
	} {
		if got := c.held.Covers(c.given); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// universe is made of few values, of which every test leaves out one, so that what is covered can be found
// by trying all of them.
var universe = []any{"red", "blue", "green", "other", 1, 2, 3, 99, true, false, nil}

// meets is what a condition means, written as plainly as can be.
func meets(test policy.Test, attribute any) bool {
	if attribute == nil {
		return false
	}
	value := valueOf(attribute)
	if value.Type != test.Type {
		return false
	}
	return slices.Contains(test.Values, value) != test.Negated
}

func meetsAll(grant policy.Grant, attributes map[string]any) bool {
	for _, test := range grant.Tests {
		if !meets(test, attributes[test.Attribute]) {
			return false
		}
	}
	return true
}

type chooser interface{ IntN(n int) int }

type scripted struct{ left []byte }

func (s *scripted) IntN(n int) int {
	if len(s.left) == 0 {
		return 0
	}
	chosen := int(s.left[0]) % n
	s.left = s.left[1:]
	return chosen
}

// anyGrant has at most one test for each of two attributes, as entries do.
func anyGrant(choose chooser) policy.Grant {
	var tests []policy.Test
	for _, attribute := range []string{"a", "b"} {
		known := [][]any{{"red", "blue", "green"}, {1, 2, 3}, {true, false}}[choose.IntN(3)]
		if choose.IntN(4) == 0 {
			continue
		}
		var values []any
		for _, value := range known {
			if choose.IntN(2) == 0 {
				values = append(values, value)
			}
		}
		if len(values) == 0 || len(values) == 2 && known[0] == true {
			values = known[:1] // a test has values, and one of both truths is refused
		}
		tests = append(tests, testOf(attribute, choose.IntN(2) == 0, values...))
	}
	return granted(tests...)
}

// expectCoverage holds Covers against all requests that there can be. It says whether something is covered.
func expectCoverage(t *testing.T, choose chooser) bool {
	t.Helper()
	held, given := anyGrant(choose), anyGrant(choose)
	want := true
	for _, a := range universe {
		for _, b := range universe {
			attributes := map[string]any{"a": a, "b": b}
			want = want && (!meetsAll(given, attributes) || meetsAll(held, attributes))
		}
	}
	if got := held.Covers(given); got != want {
		t.Errorf("%+v covers %+v: got %t", held, given, got)
	}
	return want && len(held.Tests) > 0
}

func TestCoversIsRightForEveryRequest(t *testing.T) {
	random, covered := rand.New(rand.NewPCG(1, 2)), 0
	for range 20000 {
		if expectCoverage(t, random) {
			covered++
		}
	}
	if covered < 500 {
		t.Errorf("only %d times was there something to cover", covered)
	}
}

func FuzzCoversIsRightForEveryRequest(f *testing.F) {
	f.Add([]byte("some choices to begin with"))
	f.Fuzz(func(t *testing.T, script []byte) { expectCoverage(t, &scripted{script}) })
}
