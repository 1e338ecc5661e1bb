package condition

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// The fields of a rule, {"from": ..., "until": ..., "values": {...}, "tests": [...]}.
const (
	ruleFrom   = "from"   // both are always there, RFC 3339;
	ruleUntil  = "until"  // from is part of the window, until is not
	ruleValues = "values" // {"color": ["red", "blue"], "floor": [3]}: every attribute is in its list
	ruleTests  = "tests"  // every test is met
)

// The fields of a test, {"a": "name", "of": "", "not": ["x"]} or {"a": "amount", "of": 0, "min": 1, "max": 1000}.
const (
	testAttribute = "a"
	testType      = "of"  // any value of the attribute's type
	testNot       = "not" // the attribute is none of these;
	testMin       = "min" // or it is a number from this
	testMax       = "max" // to this, both included
)

// The ends of a window that is open.
const (
	always  = "0001-01-01T00:00:00Z"
	forever = "9999-12-31T23:59:59Z"
)

// Rule is a grant as the expression reads it.
func Rule(grant policy.Grant) *structpb.Value {
	values, tests := map[string]*structpb.Value{}, []*structpb.Value{}
	for _, test := range grant.Tests {
		switch form, listed := formOf(test); form {
		case isListed:
			values[test.Attribute] = list(listed)
		case isNot:
			tests = append(tests, object(map[string]*structpb.Value{
				testAttribute: structpb.NewStringValue(test.Attribute), testType: scalar(listed[0]), testNot: list(listed),
			}))
		case isBetween:
			least, most := test.Bounds()
			tests = append(tests, object(map[string]*structpb.Value{
				testAttribute: structpb.NewStringValue(test.Attribute), testType: structpb.NewNumberValue(0),
				testMin: structpb.NewNumberValue(least), testMax: structpb.NewNumberValue(most),
			}))
		}
	}
	rule := bounds(grant.Window)
	rule[ruleValues], rule[ruleTests] = object(values), structpb.NewListValue(&structpb.ListValue{Values: tests})
	return object(rule)
}

// bounds are a window's two ends.
func bounds(window policy.Window) map[string]*structpb.Value {
	return map[string]*structpb.Value{
		ruleFrom:  structpb.NewStringValue(instant(window.From, always)),
		ruleUntil: structpb.NewStringValue(instant(window.Until, forever)),
	}
}

// form is how a test stands in a rule.
type form int

const (
	isListed form = iota
	isNot
	isBetween
)

// formOf is the form of a test, and the values that it lists. NotEquals on a truth value is equality with the other
// one, which costs less.
func formOf(test policy.Test) (form, []policy.Value) {
	switch {
	case test.Orders():
		return isBetween, nil
	case test.Operator == v1alpha1.ConditionIn:
		return isListed, test.Values
	case test.Type != v1alpha1.AttributeBoolean:
		return isNot, test.Values
	}
	var others []policy.Value
	for _, truth := range []bool{true, false} {
		if value := (policy.Value{Type: v1alpha1.AttributeBoolean, Truth: truth}); !slices.Contains(test.Values, value) {
			others = append(others, value)
		}
	}
	return isListed, others
}

func instant(t time.Time, open string) string {
	if t.IsZero() {
		return open
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func object(fields map[string]*structpb.Value) *structpb.Value {
	return structpb.NewStructValue(&structpb.Struct{Fields: fields})
}

// list has the values in an order of their own, so that equal tests are equal rules.
func list(values []policy.Value) *structpb.Value {
	sorted := slices.SortedFunc(slices.Values(values), func(a, b policy.Value) int { return strings.Compare(a.String(), b.String()) })
	listed := make([]*structpb.Value, len(sorted))
	for n, value := range sorted {
		listed[n] = scalar(value)
	}
	return structpb.NewListValue(&structpb.ListValue{Values: listed})
}

func scalar(value policy.Value) *structpb.Value {
	switch value.Type {
	case v1alpha1.AttributeNumber:
		return structpb.NewNumberValue(value.Number)
	case v1alpha1.AttributeBoolean:
		return structpb.NewBoolValue(value.Truth)
	default:
		return structpb.NewStringValue(value.Text)
	}
}

// Check says what is wrong with the context of a tuple. What the expression does not look at must not be in one: a
// restriction that nobody tests would give more than was meant.
func Check(context *structpb.Struct) error {
	if NameOf(context) == NameDuring {
		return checkDuring(context)
	}
	if err := hasExactly(context, ParameterPermissions, ParameterRules); err != nil {
		return err
	}
	for permission, rules := range context.GetFields()[ParameterRules].GetStructValue().GetFields() {
		for _, rule := range rules.GetListValue().GetValues() {
			if err := checkRule(rule.GetStructValue()); err != nil {
				return fmt.Errorf("has a rule for %q that %w", permission, err)
			}
		}
	}
	return nil
}

func checkDuring(context *structpb.Struct) error {
	if err := hasExactly(context, ParameterWindows); err != nil {
		return err
	}
	for _, window := range context.GetFields()[ParameterWindows].GetListValue().GetValues() {
		if err := hasExactly(window.GetStructValue(), ruleFrom, ruleUntil); err != nil {
			return fmt.Errorf("has a window that %w", err)
		}
	}
	return nil
}

func checkRule(rule *structpb.Struct) error {
	if err := hasExactly(rule, ruleFrom, ruleUntil, ruleValues, ruleTests); err != nil {
		return err
	}
	for _, test := range rule.GetFields()[ruleTests].GetListValue().GetValues() {
		not, between := hasExactly(test.GetStructValue(), testAttribute, testType, testNot), hasExactly(test.GetStructValue(), testAttribute, testType, testMin, testMax)
		if not != nil && between != nil {
			return fmt.Errorf("has a test that %w, or %w", not, between)
		}
	}
	return nil
}

func hasExactly(object *structpb.Struct, keys ...string) error {
	for _, key := range keys {
		if _, there := object.GetFields()[key]; !there {
			return fmt.Errorf("lacks the key %q", key)
		}
	}
	if len(object.GetFields()) != len(keys) {
		return fmt.Errorf("has other keys than %q", keys)
	}
	return nil
}
