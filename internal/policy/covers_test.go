package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func is(attribute string, values ...any) policy.Test { return testOf(attribute, isIn, values...) }

func isNot(attribute string, values ...any) policy.Test {
	return testOf(attribute, isNotEqual, values...)
}

func less(attribute string, than any) policy.Test {
	return testOf(attribute, v1alpha1.ConditionLessThan, than)
}

func atMost(attribute string, most any) policy.Test {
	return testOf(attribute, v1alpha1.ConditionLessThanOrEqual, most)
}

func more(attribute string, than any) policy.Test {
	return testOf(attribute, v1alpha1.ConditionGreaterThan, than)
}

func atLeast(attribute string, least any) policy.Test {
	return testOf(attribute, v1alpha1.ConditionGreaterThanOrEqual, least)
}

func testOf(attribute string, operator v1alpha1.ConditionType, values ...any) policy.Test {
	test := policy.Test{Attribute: attribute, Operator: operator}
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
	case float64:
		return policy.Value{Type: v1alpha1.AttributeNumber, Number: v}
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
		"up to 1000 covers up to 500":                  {granted(atMost("amount", 1000)), granted(atMost("amount", 500)), true},
		"up to 500 does not cover up to 1000":          {granted(atMost("amount", 500)), granted(atMost("amount", 1000)), false},
		"at most covers less":                          {granted(atMost("amount", 5)), granted(less("amount", 5)), true},
		"less does not cover at most":                  {granted(less("amount", 5)), granted(atMost("amount", 5)), false},
		"at least covers more":                         {granted(atLeast("amount", 5)), granted(more("amount", 5)), true},
		"more does not cover at least":                 {granted(more("amount", 5)), granted(atLeast("amount", 5)), false},
		"at least does not cover at most":              {granted(atLeast("amount", 5)), granted(atMost("amount", 9)), false},
		"a bound does not cover none":                  {granted(atMost("amount", 5)), granted(), false},
		"no condition covers a bound":                  {granted(), granted(atMost("amount", 5)), true},
		"at most covers Equals within":                 {granted(atMost("amount", 5)), granted(is("amount", 3)), true},
		"at most covers Equals at its end":             {granted(atMost("amount", 5)), granted(is("amount", 5)), true},
		"less does not cover Equals at its end":        {granted(less("amount", 5)), granted(is("amount", 5)), false},
		"less covers In below":                         {granted(less("amount", 3)), granted(is("amount", 1, 2)), true},
		"less does not cover In of which one is not":   {granted(less("amount", 3)), granted(is("amount", 1, 3)), false},
		"Equals does not cover a bound":                {granted(is("amount", 3)), granted(atMost("amount", 3)), false},
		"NotEquals covers a bound that leaves it out":  {granted(isNot("amount", 5)), granted(less("amount", 5)), true},
		"NotEquals does not cover one that has it":     {granted(isNot("amount", 5)), granted(atMost("amount", 5)), false},
		"a bound does not cover NotEquals":             {granted(atMost("amount", 5)), granted(isNot("amount", 9)), false},
		"a bound on another attribute":                 {granted(atMost("amount", 5)), granted(atMost("total", 5)), false},
		"a bound does not hold for another type":       {granted(atMost("amount", 5)), granted(is("amount", "3")), false},
		"both ends cover what is between":              {granted(atLeast("amount", 1), atMost("amount", 9)), granted(atLeast("amount", 2), less("amount", 9)), true},
		"both ends do not cover one":                   {granted(atLeast("amount", 1), atMost("amount", 9)), granted(atLeast("amount", 2)), false},
		"an end and NotEquals are a strict end":        {granted(more("amount", 1)), granted(atLeast("amount", 1), isNot("amount", 1)), true},
		"two ends that meet are Equals":                {granted(is("amount", 3)), granted(atLeast("amount", 3), atMost("amount", 3)), true},
		"what is never met is covered":                 {granted(is("color", "red")), granted(more("amount", 3), less("amount", 3)), true},
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
var universe = []any{"red", "blue", "green", "other", -99, 1, 1.5, 2, 2.5, 3, 99, true, false, nil}

// meets is what a condition means, written as plainly as can be.
func meets(test policy.Test, attribute any) bool {
	if attribute == nil {
		return false
	}
	value := valueOf(attribute)
	if value.Type != test.Type {
		return false
	}
	switch n, than := value.Number, test.Values[0].Number; test.Operator {
	case v1alpha1.ConditionLessThan:
		return n < than
	case v1alpha1.ConditionLessThanOrEqual:
		return n <= than
	case v1alpha1.ConditionGreaterThan:
		return n > than
	case v1alpha1.ConditionGreaterThanOrEqual:
		return n >= than
	case v1alpha1.ConditionNotEquals:
		return !slices.Contains(test.Values, value)
	default:
		return slices.Contains(test.Values, value)
	}
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

// anyGrant has up to three tests for each of two attributes. Entries have one, but nothing here relies on that.
func anyGrant(choose chooser) policy.Grant {
	var tests []policy.Test
	for _, attribute := range []string{"a", "b"} {
		known := [][]any{{"red", "blue", "green"}, {1, 2, 3}, {true, false}}[choose.IntN(3)]
		for range []int{0, 1, 1, 1, 1, 2, 3}[choose.IntN(7)] {
			tests = append(tests, anyTest(choose, attribute, known))
		}
	}
	return granted(tests...)
}

func anyTest(choose chooser, attribute string, known []any) policy.Test {
	if known[0] == 1 && choose.IntN(2) == 0 {
		return testOf(attribute, ordering[choose.IntN(len(ordering))], known[choose.IntN(len(known))])
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
	return testOf(attribute, []v1alpha1.ConditionType{isIn, isNotEqual}[choose.IntN(2)], values...)
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
