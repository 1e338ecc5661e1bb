package policy

import (
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Holds says whether the grant gives its permission at an instant, to a request with these attributes. It
// is what the store's condition says, as a test shows: attributes are as JSON has them, so a number is a
// float64.
func (g Grant) Holds(at time.Time, attributes map[string]any) bool {
	return g.Window.Includes(at) && g.Met(attributes)
}

// Met says whether a request with these attributes meets all tests.
func (g Grant) Met(attributes map[string]any) bool {
	for i := range g.Tests {
		if !g.Tests[i].Met(attributes) {
			return false
		}
	}
	return true
}

// Unmet are the tests that a request with these attributes does not meet.
func (g Grant) Unmet(attributes map[string]any) []Test {
	var unmet []Test
	for _, test := range g.Tests {
		if !test.Met(attributes) {
			unmet = append(unmet, test)
		}
	}
	return unmet
}

// Met says whether the attribute is there, has the declared type, and compares with the values as the operator says.
func (t Test) Met(attributes map[string]any) bool {
	asked := Value{Type: t.Type}
	var ofType bool
	switch t.Type {
	case v1alpha1.AttributeString:
		asked.Text, ofType = attributes[t.Attribute].(string)
	case v1alpha1.AttributeNumber:
		asked.Number, ofType = attributes[t.Attribute].(float64)
	case v1alpha1.AttributeBoolean:
		asked.Truth, ofType = attributes[t.Attribute].(bool)
	}
	return ofType && t.admits(asked)
}

// Equal says whether two tests are the same.
func (t Test) Equal(other Test) bool {
	return t.Attribute == other.Attribute && t.Type == other.Type && t.Operator == other.Operator && slices.Equal(t.Values, other.Values)
}

// admits says whether a value of the declared type meets the test.
func (t Test) admits(value Value) bool {
	switch t.Operator {
	case v1alpha1.ConditionIn:
		return slices.Contains(t.Values, value)
	case v1alpha1.ConditionNotEquals:
		return !slices.Contains(t.Values, value)
	default:
		least, most := t.Bounds()
		return t.Orders() && least <= value.Number && value.Number <= most
	}
}
