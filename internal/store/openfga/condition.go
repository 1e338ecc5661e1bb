package openfga

import (
	"fmt"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// ConditionName is the model's one condition.
const ConditionName = "grants"

// The parameters of the condition that a request says. The others are what a tuple says: one that left
// store.ParameterPermissions or store.ParameterRules out would let the request fill it in.
const (
	ParameterPermission  = "permission"
	ParameterAttributes  = "attributes"
	ParameterCurrentTime = "current_time"
)

// A tuple's permissions are those held without condition, {"App:View": true}. Its rules are lists by
// permission, of which one has to be met:
//
//	{"App:Edit": [{
//	  "from":   "2030-01-01T00:00:00Z",             both always there, RFC 3339;
//	  "until":  "2030-02-01T00:00:00Z",             from is part of the window, until is not
//	  "values": {                                   every attribute here is one of
//	    "color": {"red": true, "blue": true},       these strings,
//	    "floor": [3],                               this number
//	    "draft": [false]},                          or this truth value
//	  "tests": [                                    and every test here is met:
//	    {"a": "size", "numbers": {"3": true}},      one of these numbers, as CEL writes them
//	    {"a": "name", "texts": {"x": true}},        a string, and none of these
//	    {"a": "rank", "other": 3}]}]}               of this type, and not this
const (
	ruleFrom   = "from"
	ruleUntil  = "until"
	ruleValues = "values"
	ruleTests  = "tests"
)

// expression is met when the permission is held without condition, or under a rule that is met now.
//
// Every attribute is looked for before it is read, and compared by type and value, so that one which
// is missing, null or of another type meets nothing and raises no error: an error would fail the
// whole decision, which other tuples may well allow. Sets of strings and numbers are maps, since
// looking into a map costs the same however many there are. The "+ 0.0" makes -0 the same number
// as 0. OpenFGA takes 512 characters, and this is not far from it.
const expression = `permission in permissions || permission in rules && rules[permission].exists(r,` +
	` current_time >= timestamp(r.from) && current_time < timestamp(r.until)` +
	` && r.values.all(a, a in attributes && attributes[a] in r.values[a])` +
	` && r.tests.all(t, t.a in attributes && (has(t.numbers)` +
	` ? type(attributes[t.a]) == double && string(attributes[t.a] + 0.0) in t.numbers` +
	` : has(t.texts)` +
	` ? type(attributes[t.a]) == string && !(attributes[t.a] in t.texts)` +
	` : type(attributes[t.a]) == type(t.other) && attributes[t.a] != t.other)))`

// conditionOf is a tuple's condition as OpenFGA holds it. What the expression does not look at must
// not be in a context: a restriction that nobody tests would give more than was meant.
func conditionOf(tuple store.Tuple) (*openfgav1.RelationshipCondition, error) {
	if tuple.Context == nil {
		return nil, nil
	}
	if err := checkContext(tuple.Context); err != nil {
		return nil, fmt.Errorf("the context of %s %s %s %w", tuple.User, tuple.Relation, tuple.Object, err)
	}
	return &openfgav1.RelationshipCondition{Name: ConditionName, Context: tuple.Context}, nil
}

func checkContext(context *structpb.Struct) error {
	if err := hasExactly(context, store.ParameterPermissions, store.ParameterRules); err != nil {
		return err
	}
	for permission, rules := range context.GetFields()[store.ParameterRules].GetStructValue().GetFields() {
		for _, rule := range rules.GetListValue().GetValues() {
			if err := hasExactly(rule.GetStructValue(), ruleFrom, ruleUntil, ruleValues, ruleTests); err != nil {
				return fmt.Errorf("has a rule for %q that %w", permission, err)
			}
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
