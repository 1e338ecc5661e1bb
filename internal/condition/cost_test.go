package condition_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	openfgav1 "github.com/openfga/api/proto/openfga/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// evaluate asks CEL itself what a decision says and costs.
func evaluate(t *testing.T, grants []policy.Grant, attributes map[string]any, at time.Time) (met bool, cost int) {
	t.Helper()
	contexts, err := tuples.Contexts(grants, tuples.MaxContexts)
	if err != nil || len(contexts) != 1 {
		t.Fatalf("%d contexts, %v", len(contexts), err)
	}
	variables := contexts[0].AsMap()
	variables["permission"], variables["attributes"], variables["current_time"] = "App:View", attributes, at
	out, details, err := newDecider(t).program.Eval(variables)
	if err != nil {
		t.Fatalf("evaluating: %v", err)
	}
	return out.Value().(bool), int(*details.ActualCost())
}

func program(t *testing.T) cel.Program {
	t.Helper()
	modelled := openfga.Model().GetConditions()[condition.Name]
	kinds := map[openfgav1.ConditionParamTypeRef_TypeName]*cel.Type{
		openfgav1.ConditionParamTypeRef_TYPE_NAME_STRING:    cel.StringType,
		openfgav1.ConditionParamTypeRef_TYPE_NAME_TIMESTAMP: cel.TimestampType,
		openfgav1.ConditionParamTypeRef_TYPE_NAME_MAP:       cel.MapType(cel.StringType, cel.DynType),
	}
	var variables []cel.EnvOption
	for name, parameter := range modelled.GetParameters() {
		variables = append(variables, cel.Variable(name, kinds[parameter.GetTypeName()]))
	}
	env, err := cel.NewEnv(variables...)
	if err != nil {
		t.Fatal(err)
	}
	ast, issues := env.Compile(modelled.GetExpression())
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	made, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost, cel.OptPartialEval))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func window(from, until time.Duration) policy.Window {
	return policy.Window{From: noon.Add(from), Until: noon.Add(until)}
}

func equals(attribute string, value string) policy.Test {
	return policy.Test{Attribute: attribute, Type: v1alpha1.AttributeString, Operator: v1alpha1.ConditionIn, Values: []policy.Value{{Type: v1alpha1.AttributeString, Text: value}}}
}

func TestCostIsThatOfCEL(t *testing.T) {
	live, ended := window(-time.Hour, time.Hour), window(-2*time.Hour, -time.Hour)
	windows := func(n int) (grants []policy.Grant) {
		for range n - 1 {
			ended.From = ended.From.Add(-time.Second) // equal rules would be one
			grants = append(grants, policy.Grant{Permission: "App:View", Window: ended})
		}
		return append(grants, policy.Grant{Permission: "App:View", Window: live})
	}
	tests := func(n int) []policy.Grant {
		grant := policy.Grant{Permission: "App:View"}
		for i := range n {
			grant.Tests = append(grant.Tests, equals(fmt.Sprintf("a%d", i), "red"))
		}
		return []policy.Grant{grant}
	}
	attributes := map[string]any{}
	for i := range 10 {
		attributes[fmt.Sprintf("a%d", i)] = "red"
	}
	for name, grants := range map[string][]policy.Grant{
		"one window": windows(1), "five windows": windows(5), "one test": tests(1), "five tests": tests(5),
	} {
		met, cost := evaluate(t, grants, attributes, noon)
		if !met {
			t.Errorf("%s: not met", name)
		}
		if expected := condition.Cost(grants); cost > expected || cost < expected-6 { // the price of going on to tests, if the last has none
			t.Errorf("%s: CEL says %d, we say %d", name, cost, expected)
		}
		if cost > store.MaxConditionCost {
			t.Errorf("%s: an ordinary case costs %d, more than a stock store allows", name, cost)
		}
	}
}

// What comes, windows of roles and memberships first, needs some of the 512 characters that OpenFGA takes.
func TestTheExpressionLeavesRoom(t *testing.T) {
	if size := len(condition.Expression); size > 400 {
		t.Errorf("it has %d characters", size)
	}
}

func TestCostIsNeverLessThanCEL(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		grants, attributes := randomGrants(random)
		_, cost := evaluate(t, grants, attributes, noon)
		if expected := condition.Cost(grants); cost > expected {
			t.Fatalf("CEL says %d, we say %d, of %+v asked with %v", cost, expected, grants, attributes)
		}
	}
}

// randomGrants are some grants of one permission, with attributes that often meet them.
func randomGrants(random *rand.Rand) (grants []policy.Grant, attributes map[string]any) {
	attributes = map[string]any{}
	for i := range 6 {
		attributes[fmt.Sprintf("t%d", i)] = []any{"red", "blue", 3.0, nil}[random.IntN(4)]
		attributes[fmt.Sprintf("n%d", i)] = []any{3.0, 4.0, "3", true}[random.IntN(4)]
		attributes[fmt.Sprintf("b%d", i)] = []any{true, false, "true"}[random.IntN(3)]
	}
	for range 1 + random.IntN(5) {
		grant := policy.Grant{Permission: "App:View", Window: window(-time.Duration(random.IntN(3))*time.Hour, time.Duration(random.IntN(3))*time.Hour)}
		for i := range random.IntN(5) {
			grant.Tests = append(grant.Tests, randomTest(random, i))
		}
		grants = append(grants, grant)
	}
	return grants, attributes
}

func randomTest(random *rand.Rand, i int) policy.Test {
	var test policy.Test
	operators := []v1alpha1.ConditionType{v1alpha1.ConditionIn, v1alpha1.ConditionNotEquals}
	switch random.IntN(3) {
	case 0:
		test = equals(fmt.Sprintf("t%d", i), "red")
	case 1:
		test = policy.Test{Attribute: fmt.Sprintf("n%d", i), Type: v1alpha1.AttributeNumber,
			Values: []policy.Value{{Type: v1alpha1.AttributeNumber, Number: 3}}}
		operators = append(operators, ordering...)
	default:
		test = policy.Test{Attribute: fmt.Sprintf("b%d", i), Type: v1alpha1.AttributeBoolean,
			Values: []policy.Value{{Type: v1alpha1.AttributeBoolean, Truth: true}}}
	}
	test.Operator = operators[random.IntN(len(operators))]
	if test.Operator == v1alpha1.ConditionIn && test.Type == v1alpha1.AttributeNumber {
		for n := range random.IntN(200) {
			test.Values = append(test.Values, policy.Value{Type: v1alpha1.AttributeNumber, Number: float64(n) + 2.5e-9})
		}
	}
	return test
}

// ordering are the operators that order numbers.
var ordering = []v1alpha1.ConditionType{
	v1alpha1.ConditionLessThan, v1alpha1.ConditionLessThanOrEqual, v1alpha1.ConditionGreaterThan, v1alpha1.ConditionGreaterThanOrEqual,
}
