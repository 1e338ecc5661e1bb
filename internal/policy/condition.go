package policy

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Value is a value of an attribute; Type says which of the others counts. Values are comparable.
type Value struct {
	Type   v1alpha1.AttributeType
	Text   string
	Number float64
	Truth  bool
}

// String is the value as it is written in a manifest.
func (v Value) String() string {
	switch v.Type {
	case v1alpha1.AttributeNumber:
		return strconv.FormatFloat(v.Number, 'f', -1, 64)
	case v1alpha1.AttributeBoolean:
		return strconv.FormatBool(v.Truth)
	default:
		return v.Text
	}
}

// Any is the value as JSON has it: a string, a float64 or a bool.
func (v Value) Any() any {
	switch v.Type {
	case v1alpha1.AttributeNumber:
		return v.Number
	case v1alpha1.AttributeBoolean:
		return v.Truth
	default:
		return v.Text
	}
}

// Test is a condition on one attribute. An attribute that is missing, null or of another type than Type meets no
// test, whatever its operator.
type Test struct {
	Attribute string
	Type      v1alpha1.AttributeType
	// Operator is ConditionIn also for Equals, which is In with one value.
	Operator v1alpha1.ConditionType
	// Values are distinct, and at least one; exactly one Number where the operator orders numbers.
	Values []Value
}

// String is the test in words.
func (t Test) String() string {
	values := make([]string, 0, len(t.Values))
	for _, value := range t.Values {
		values = append(values, value.String())
	}
	if t.Operator == v1alpha1.ConditionIn {
		return fmt.Sprintf("%s In [%s]", t.Attribute, strings.Join(values, ", "))
	}
	return fmt.Sprintf("%s %s %s", t.Attribute, t.Operator, strings.Join(values, ", "))
}

// Orders says whether the operator compares the order of numbers.
func (t Test) Orders() bool {
	switch t.Operator {
	case v1alpha1.ConditionLessThan, v1alpha1.ConditionLessThanOrEqual, v1alpha1.ConditionGreaterThan, v1alpha1.ConditionGreaterThanOrEqual:
		return true
	default:
		return false
	}
}

// Bounds are the smallest and the largest number that meet the test, as far as its operator orders numbers. Both
// are part of it: attributes are doubles, so "less than 3" is "at most the double before 3".
func (t Test) Bounds() (least, most float64) {
	least, most = -math.MaxFloat64, math.MaxFloat64
	switch bound := t.Values[0].Number; t.Operator {
	case v1alpha1.ConditionLessThan:
		most = math.Nextafter(bound, math.Inf(-1))
	case v1alpha1.ConditionLessThanOrEqual:
		most = bound
	case v1alpha1.ConditionGreaterThan:
		least = math.Nextafter(bound, math.Inf(1))
	case v1alpha1.ConditionGreaterThanOrEqual:
		least = bound
	default: // the others don't order
	}
	return least, most
}

// maxInteger is the largest number up to which every integer is a double of its own. Beyond it, two
// different numbers of a manifest would be one and the same in the store.
const maxInteger = 1 << 53

// ParseValue reads a value as it is written in a manifest.
func ParseValue(text string, as v1alpha1.AttributeType) (Value, error) {
	value := Value{Type: as}
	switch as {
	case v1alpha1.AttributeString:
		if hasControl(text) {
			return Value{}, fmt.Errorf("%q has a control character, which the store does not take: write it without", text)
		}
		value.Text = text
	case v1alpha1.AttributeNumber:
		number, err := strconv.ParseFloat(text, 64)
		// ParseFloat also reads "Inf", "NaN", "0x1p-2" and "1_000", which JSON does not have.
		if err != nil || math.IsInf(number, 0) || math.IsNaN(number) || strings.ContainsAny(text, "xX_") {
			return Value{}, fmt.Errorf(`%q is not a number: write it as in "3" or "2.5"`, text)
		}
		if number == 0 && !isZero(text) {
			return Value{}, fmt.Errorf("%q is nearer to zero than any number that is stored: write 0, or use an attribute of type String", text)
		}
		if math.Abs(number) > maxInteger || math.Abs(number) == maxInteger && !isMaxInteger(text) {
			return Value{}, fmt.Errorf("%q is beyond ±2^53, where numbers are no longer exact: use an attribute of type String", text)
		}
		value.Number = number + 0 // -0 becomes 0
	case v1alpha1.AttributeBoolean:
		switch text {
		case "true":
			value.Truth = true
		case "false":
		default:
			return Value{}, fmt.Errorf(`%q is not a truth value: write "true" or "false"`, text)
		}
	default:
		return Value{}, fmt.Errorf("attributes of type %q are unknown", as)
	}
	return value, nil
}

// isZero says whether a number that was read as zero is written as zero: of those that are too small, ParseFloat makes zero.
func isZero(text string) bool {
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	return !strings.ContainsAny(mantissa, "123456789")
}

// isMaxInteger says whether a number that was read as ±maxInteger is not beyond it. ParseFloat rounds
// 2^53+1, which is no double, to 2^53.
func isMaxInteger(text string) bool {
	exact, _, err := big.ParseFloat(text, 10, 64, big.AwayFromZero)
	return err == nil && exact.Abs(exact).Cmp(big.NewFloat(maxInteger)) <= 0
}

// hasControl says whether a text has a control character. OpenFGA refuses conditions that do.
func hasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

// Fault is why an entry grants nothing.
type Fault struct {
	// Reason is one of the reasons of v1alpha1.
	Reason string
	// Message names what is wrong and what to do.
	Message string
}

// oneOf says what to do about an attribute that a permission does not have.
func oneOf(attributes map[string]v1alpha1.AttributeType) string {
	if len(attributes) == 0 {
		return "it has none: leave the condition out, or declare it"
	}
	return fmt.Sprintf("use one of [%s], or declare it", strings.Join(slices.Sorted(maps.Keys(attributes)), ", "))
}

// ParseTests reads the conditions of an entry with the attributes that its permission declares. The
// tests come in the order of their attributes' names.
func ParseTests(conditions map[string]v1alpha1.AttributeCondition, permission Permission) ([]Test, *Fault) {
	var tests []Test
	for _, attribute := range slices.Sorted(maps.Keys(conditions)) {
		declared, ok := permission.Attributes[attribute]
		if !ok {
			return nil, &Fault{v1alpha1.ReasonAttributeNotFound, fmt.Sprintf(
				"conditions: the permission has no attribute %q: %s in ResourceType %s", attribute, oneOf(permission.Attributes), permission.Type)}
		}
		if hasControl(attribute) {
			return nil, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf(
				"conditions: the attribute %q has a control character in its name, which the store does not take: give it another name in ResourceType %s", attribute, permission.Type)}
		}
		condition := conditions[attribute]
		written := condition.Values
		if condition.Value != nil {
			written = []string{*condition.Value}
		}
		test := Test{Attribute: attribute, Type: declared, Operator: condition.Type}
		switch {
		case condition.Type == v1alpha1.ConditionEquals:
			test.Operator = v1alpha1.ConditionIn
		case condition.Type == v1alpha1.ConditionIn, condition.Type == v1alpha1.ConditionNotEquals:
		case !test.Orders():
			return nil, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf(
				"conditions[%s]: the type %q is unknown: use Equals, NotEquals or In, or LessThan or the like for a Number", attribute, condition.Type)}
		case declared != v1alpha1.AttributeNumber:
			return nil, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf(
				"conditions[%s]: %s compares Numbers, and the attribute is a %s: use Equals, NotEquals or In, or declare it as Number in ResourceType %s",
				attribute, condition.Type, declared, permission.Type)}
		}
		for _, text := range written {
			value, err := ParseValue(text, declared)
			if err != nil {
				return nil, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf("conditions[%s]: %v", attribute, err)}
			}
			if !slices.Contains(test.Values, value) {
				test.Values = append(test.Values, value)
			}
		}
		if declared == v1alpha1.AttributeBoolean && len(test.Values) > 1 {
			return nil, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf(
				"conditions[%s]: values has both true and false, which excludes nothing: leave the condition out, or keep one", attribute)}
		}
		if len(test.Values) == 0 {
			return nil, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf("conditions[%s]: no value: set value or values", attribute)}
		}
		if test.Orders() && len(test.Values) > 1 {
			return nil, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf("conditions[%s]: %s takes one value: set value", attribute, condition.Type)}
		}
		tests = append(tests, test)
	}
	return tests, nil
}
