package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

var view = policy.Permission{Type: "App", Attributes: map[string]v1alpha1.AttributeType{
	"color": v1alpha1.AttributeString, "floor": v1alpha1.AttributeNumber, "draft": v1alpha1.AttributeBoolean,
	"ti\tle": v1alpha1.AttributeString,
}}

type conditions = map[string]v1alpha1.AttributeCondition

func equals(value string) v1alpha1.AttributeCondition {
	return v1alpha1.AttributeCondition{Type: v1alpha1.ConditionEquals, Value: &value}
}

func notEquals(value string) v1alpha1.AttributeCondition {
	return v1alpha1.AttributeCondition{Type: v1alpha1.ConditionNotEquals, Value: &value}
}

func in(values ...string) v1alpha1.AttributeCondition {
	return v1alpha1.AttributeCondition{Type: v1alpha1.ConditionIn, Values: values}
}

func compares(operator v1alpha1.ConditionType, value string) v1alpha1.AttributeCondition {
	return v1alpha1.AttributeCondition{Type: operator, Value: &value}
}

const (
	isIn       = v1alpha1.ConditionIn
	isNotEqual = v1alpha1.ConditionNotEquals
)

// ordering are the operators that order numbers.
var ordering = []v1alpha1.ConditionType{
	v1alpha1.ConditionLessThan, v1alpha1.ConditionLessThanOrEqual, v1alpha1.ConditionGreaterThan, v1alpha1.ConditionGreaterThanOrEqual,
}

func text(values ...string) (read []policy.Value) {
	for _, value := range values {
		read = append(read, policy.Value{Type: v1alpha1.AttributeString, Text: value})
	}
	return read
}

func number(values ...float64) (read []policy.Value) {
	for _, value := range values {
		read = append(read, policy.Value{Type: v1alpha1.AttributeNumber, Number: value})
	}
	return read
}

func truth(values ...bool) (read []policy.Value) {
	for _, value := range values {
		read = append(read, policy.Value{Type: v1alpha1.AttributeBoolean, Truth: value})
	}
	return read
}

func TestParseTestsReadsEachConditionByTheTypeThatItsAttributeHas(t *testing.T) {
	str, num, truthValue := v1alpha1.AttributeString, v1alpha1.AttributeNumber, v1alpha1.AttributeBoolean
	for name, c := range map[string]struct {
		conditions conditions
		want       []policy.Test
	}{
		"none":                     {nil, nil},
		"a string":                 {conditions{"color": equals("red")}, []policy.Test{{"color", str, isIn, text("red")}}},
		"the empty string":         {conditions{"color": equals("")}, []policy.Test{{"color", str, isIn, text("")}}},
		"a string of digits":       {conditions{"color": equals("3")}, []policy.Test{{"color", str, isIn, text("3")}}},
		"another string":           {conditions{"color": notEquals("red")}, []policy.Test{{"color", str, isNotEqual, text("red")}}},
		"a list":                   {conditions{"color": in("red", "blue")}, []policy.Test{{"color", str, isIn, text("red", "blue")}}},
		"a number":                 {conditions{"floor": equals("3")}, []policy.Test{{"floor", num, isIn, number(3)}}},
		"another number":           {conditions{"floor": notEquals("3")}, []policy.Test{{"floor", num, isNotEqual, number(3)}}},
		"equal numbers count once": {conditions{"floor": in("3", "4", "3.0", "30e-1", "4")}, []policy.Test{{"floor", num, isIn, number(3, 4)}}},
		"zeros count once":         {conditions{"floor": in("0", "-0", "0.0")}, []policy.Test{{"floor", num, isIn, number(0)}}},
		"equal strings count once": {conditions{"color": in("red", "red", "Red")}, []policy.Test{{"color", str, isIn, text("red", "Red")}}},
		"a truth value":            {conditions{"draft": equals("false")}, []policy.Test{{"draft", truthValue, isIn, truth(false)}}},
		"another truth value":      {conditions{"draft": notEquals("true")}, []policy.Test{{"draft", truthValue, isNotEqual, truth(true)}}},
		"less":                     {conditions{"floor": compares("LessThan", "3")}, []policy.Test{{"floor", num, v1alpha1.ConditionLessThan, number(3)}}},
		"at least":                 {conditions{"floor": compares("GreaterThanOrEqual", "-2.5e1")}, []policy.Test{{"floor", num, v1alpha1.ConditionGreaterThanOrEqual, number(-25)}}},
		"a truth value twice":      {conditions{"draft": in("true", "true")}, []policy.Test{{"draft", truthValue, isIn, truth(true)}}},
		"several, by name": {conditions{"floor": equals("3"), "draft": equals("true"), "color": equals("red")}, []policy.Test{
			{"color", str, isIn, text("red")}, {"draft", truthValue, isIn, truth(true)}, {"floor", num, isIn, number(3)},
		}},
	} {
		got, fault := policy.ParseTests(c.conditions, view)
		if fault != nil || !slices.EqualFunc(got, c.want, sameTest) {
			t.Errorf("%s: got %+v, %+v; want %+v", name, got, fault, c.want)
		}
	}
}

func sameTest(a, b policy.Test) bool {
	return a.Attribute == b.Attribute && a.Type == b.Type && a.Operator == b.Operator && slices.Equal(a.Values, b.Values)
}

func TestParseTestsNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		conditions conditions
		reason     string
		mentions   []string
	}{
		"an unknown attribute": {
			conditions{"colour": equals("red")},
			v1alpha1.ReasonAttributeNotFound, []string{`"colour"`, "color, draft, floor", "ResourceType App"},
		},
		"an attribute in another case": {conditions{"Color": equals("red")}, v1alpha1.ReasonAttributeNotFound, []string{`"Color"`}},
		"a word for a number":          {conditions{"floor": equals("three")}, v1alpha1.ReasonValueInvalid, []string{"floor", `"three"`}},
		"a word among numbers":         {conditions{"floor": in("3", "four")}, v1alpha1.ReasonValueInvalid, []string{"floor", `"four"`}},
		"a number for a truth value":   {conditions{"draft": equals("1")}, v1alpha1.ReasonValueInvalid, []string{"draft", `"1"`}},
		"both truth values":            {conditions{"draft": in("true", "false")}, v1alpha1.ReasonValueInvalid, []string{"draft", "excludes nothing"}},
		"both, one of them twice":      {conditions{"draft": in("true", "true", "false")}, v1alpha1.ReasonValueInvalid, []string{"draft"}},
		"the order of strings": {
			conditions{"color": compares("LessThan", "3")}, v1alpha1.ReasonValueInvalid, []string{"color", "LessThan compares Numbers", "is a String", "ResourceType App"},
		},
		"the order of truth values":  {conditions{"draft": compares("GreaterThan", "0")}, v1alpha1.ReasonValueInvalid, []string{"draft", "is a Boolean"}},
		"more than a word":           {conditions{"floor": compares("GreaterThan", "three")}, v1alpha1.ReasonValueInvalid, []string{"floor", `"three"`}},
		"an unknown type":            {conditions{"floor": compares("Matches", "3")}, v1alpha1.ReasonValueInvalid, []string{"floor", `"Matches"`}},
		"more than nothing":          {conditions{"floor": {Type: v1alpha1.ConditionGreaterThan}}, v1alpha1.ReasonValueInvalid, []string{"floor", "no value"}},
		"less than one of two":       {conditions{"floor": {Type: v1alpha1.ConditionLessThan, Values: []string{"1", "2"}}}, v1alpha1.ReasonValueInvalid, []string{"floor", "takes one value"}},
		"a control character":        {conditions{"color": in("red", "r\ned")}, v1alpha1.ReasonValueInvalid, []string{"color", "control character"}},
		"one in an attribute's name": {conditions{"ti\tle": equals("red")}, v1alpha1.ReasonValueInvalid, []string{`"ti\tle"`, "control character"}},
		"no value":                   {conditions{"color": {Type: v1alpha1.ConditionEquals}}, v1alpha1.ReasonValueInvalid, []string{"color", "no value"}},
		"an empty list":              {conditions{"color": in()}, v1alpha1.ReasonValueInvalid, []string{"color", "no value"}},
		"one of several": {
			conditions{"color": equals("red"), "floor": equals("x")}, v1alpha1.ReasonValueInvalid, []string{"floor"},
		},
	} {
		tests, fault := policy.ParseTests(c.conditions, view)
		if fault == nil || fault.Reason != c.reason || tests != nil {
			t.Errorf("%s: got %+v, %+v; want no test and the reason %s", name, tests, fault, c.reason)
			continue
		}
		for _, word := range c.mentions {
			if !strings.Contains(fault.Message, word) {
				t.Errorf("%s: the message does not mention %s: %s", name, word, fault.Message)
			}
		}
	}
}

func TestParseTestsNamesTheFirstFaultByNameWhateverTheOrderOfTheMap(t *testing.T) {
	wrong := conditions{"zone": equals("x"), "floor": equals("x"), "draft": equals("x"), "alpha": equals("x")}
	for range 20 {
		_, fault := policy.ParseTests(wrong, view)
		if fault == nil || !strings.Contains(fault.Message, `"alpha"`) {
			t.Fatalf("got %+v, want the fault of alpha: a status that changes by chance is written again and again", fault)
		}
	}
}
