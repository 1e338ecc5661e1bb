package build

import "github.com/bailiwick-dev/bailiwick/api/v1alpha1"

// Condition is a condition on an attribute.
type Condition struct {
	attribute string
	condition v1alpha1.AttributeCondition
}

// Equals is met by this value of the attribute.
func Equals(attribute, value string) Condition {
	return Condition{attribute, v1alpha1.AttributeCondition{Type: v1alpha1.ConditionEquals, Value: &value}}
}

// NotEquals is met by every other value of the attribute.
func NotEquals(attribute, value string) Condition {
	return Condition{attribute, v1alpha1.AttributeCondition{Type: v1alpha1.ConditionNotEquals, Value: &value}}
}

// In is met by any of these values of the attribute.
func In(attribute string, values ...string) Condition {
	return Condition{attribute, v1alpha1.AttributeCondition{Type: v1alpha1.ConditionIn, Values: values}}
}

// LessThan is met by every smaller number.
func LessThan(attribute, bound string) Condition {
	return Condition{attribute, v1alpha1.AttributeCondition{Type: v1alpha1.ConditionLessThan, Value: &bound}}
}

// AtMost is met by the number and every smaller one.
func AtMost(attribute, most string) Condition {
	return Condition{attribute, v1alpha1.AttributeCondition{Type: v1alpha1.ConditionLessThanOrEqual, Value: &most}}
}

// GreaterThan is met by every larger number.
func GreaterThan(attribute, bound string) Condition {
	return Condition{attribute, v1alpha1.AttributeCondition{Type: v1alpha1.ConditionGreaterThan, Value: &bound}}
}

// AtLeast is met by the number and every larger one.
func AtLeast(attribute, least string) Condition {
	return Condition{attribute, v1alpha1.AttributeCondition{Type: v1alpha1.ConditionGreaterThanOrEqual, Value: &least}}
}

func entry(permission string, conditions []Condition) v1alpha1.PermissionEntry {
	entry := v1alpha1.PermissionEntry{Permission: permission}
	for _, c := range conditions {
		if entry.Conditions == nil {
			entry.Conditions = map[string]v1alpha1.AttributeCondition{}
		}
		entry.Conditions[c.attribute] = c.condition
	}
	return entry
}
