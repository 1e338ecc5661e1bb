package tuples

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func equals(attribute, value string) policy.Test {
	return policy.Test{Attribute: attribute, Type: v1alpha1.AttributeString, Operator: v1alpha1.ConditionIn,
		Values: []policy.Value{{Type: v1alpha1.AttributeString, Text: value}}}
}

// one is the context that the grants fill.
func one(t *testing.T, grants ...policy.Grant) *structpb.Struct {
	t.Helper()
	contexts, err := Contexts(grants, 1)
	if err != nil || len(contexts) != 1 {
		t.Fatalf("%d contexts, %v; want one", len(contexts), err)
	}
	return contexts[0]
}

func permissionsOf(context *structpb.Struct) map[string]*structpb.Value {
	return context.GetFields()["permissions"].GetStructValue().GetFields()
}

func rulesOf(context *structpb.Struct, permission string) []*structpb.Value {
	return context.GetFields()["rules"].GetStructValue().GetFields()[permission].GetListValue().GetValues()
}

func TestNoGrantsFillNoContext(t *testing.T) {
	if contexts, err := Contexts(nil, 1); err != nil || len(contexts) != 0 {
		t.Errorf("got %v, %v", contexts, err)
	}
}

func TestEveryContextHasBothParametersAndNoOther(t *testing.T) {
	always := policy.Grant{Permission: "App:View"}
	ruled := policy.Grant{Permission: "App:Edit", Tests: []policy.Test{equals("color", "red")}}
	many := manyGrants(400, 250)
	for name, grants := range map[string][]policy.Grant{
		"permissions alone": {always}, "rules alone": {ruled}, "both": {always, ruled}, "many": many,
	} {
		contexts, err := Contexts(grants, MaxContexts)
		if err != nil || len(contexts) == 0 {
			t.Fatalf("%s: %d contexts, %v", name, len(contexts), err)
		}
		for _, context := range contexts {
			for _, parameter := range []string{"permissions", "rules"} {
				if _, isMap := context.GetFields()[parameter].GetKind().(*structpb.Value_StructValue); !isMap {
					t.Errorf("%s: %s is no map, and a request could fill it: %v", name, parameter, context)
				}
			}
			if len(context.GetFields()) != 2 {
				t.Errorf("%s: there is more than the condition's parameters: %v", name, context)
			}
		}
	}
}

// manyGrants are unconditional, with names of a given length.
func manyGrants(count, length int) (grants []policy.Grant) {
	for i := range count {
		grants = append(grants, policy.Grant{Permission: fmt.Sprintf("%0*d", length, i)})
	}
	return grants
}

func TestTheOrderOfGrantsDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for round := range 200 {
		var grants []policy.Grant
		for i := range 1 + random.IntN(4) {
			for range 1 + random.IntN(5) {
				grant := policy.Grant{Permission: fmt.Sprint("App:", i), Window: policy.Window{From: noon.Add(-time.Duration(random.IntN(3)) * time.Hour)}}
				for n := range random.IntN(5) {
					grant.Tests = append(grant.Tests, equals(fmt.Sprint("a", n), []string{"red", "blue"}[random.IntN(2)]))
				}
				grants = append(grants, grant)
			}
		}
		want, err := Contexts(grants, MaxContexts)
		if err != nil {
			t.Fatal(err)
		}
		random.Shuffle(len(grants), func(i, j int) { grants[i], grants[j] = grants[j], grants[i] })
		got, err := Contexts(grants, MaxContexts)
		if err != nil || !sameContexts(got, want) {
			t.Fatalf("round %d: %v in another order are %v, %v; want %v", round, grants, got, err, want)
		}
	}
}

func TestTheOrderOfGrantsDoesNotMatterWhereTheyFillSeveralContexts(t *testing.T) {
	grants := manyGrants(480, 250)
	want, err := Contexts(grants, MaxContexts)
	if err != nil || len(want) != MaxContexts {
		t.Fatalf("%d contexts, %v; want %d", len(want), err, MaxContexts)
	}
	slices.Reverse(grants)
	if got, err := Contexts(grants, MaxContexts); err != nil || !sameContexts(got, want) {
		t.Errorf("other contexts in another order, %v", err)
	}
}

func sameContexts(a, b []*structpb.Struct) bool {
	return slices.EqualFunc(a, b, func(a, b *structpb.Struct) bool { return proto.Equal(a, b) })
}

func TestEqualRulesCollapse(t *testing.T) {
	red := policy.Grant{Permission: "App:View", Tests: []policy.Test{equals("color", "red")}}
	inZone := red
	inZone.Window.From, red.Window.From = noon.In(time.FixedZone("elsewhere", 3600)), noon
	listed := func(values ...string) policy.Grant {
		test := equals("color", values[0])
		for _, value := range values[1:] {
			test.Values = append(test.Values, policy.Value{Type: v1alpha1.AttributeString, Text: value})
		}
		return policy.Grant{Permission: "App:View", Tests: []policy.Test{test}}
	}
	for name, c := range map[string]struct {
		grants []policy.Grant
		want   int
	}{
		"the same twice":                    {[]policy.Grant{red, red}, 1},
		"the same instant in another zone":  {[]policy.Grant{red, inZone}, 1},
		"the same list in another order":    {[]policy.Grant{listed("red", "blue"), listed("blue", "red")}, 1},
		"another list":                      {[]policy.Grant{listed("red", "blue"), listed("red")}, 2},
		"the same test in another window":   {[]policy.Grant{red, listed("red")}, 2},
		"negated":                           {[]policy.Grant{listed("red"), negated(listed("red"))}, 2},
		"a string and a number of its look": {[]policy.Grant{listed("3"), numbered(3)}, 2},
	} {
		if got := rulesOf(one(t, c.grants...), "App:View"); len(got) != c.want {
			t.Errorf("%s: %d rules, want %d: %v", name, len(got), c.want, got)
		}
	}
}

func negated(grant policy.Grant) policy.Grant {
	grant.Tests = slices.Clone(grant.Tests)
	grant.Tests[0].Operator = v1alpha1.ConditionNotEquals
	return grant
}

func numbered(values ...float64) policy.Grant {
	test := policy.Test{Attribute: "color", Type: v1alpha1.AttributeNumber, Operator: v1alpha1.ConditionIn}
	for _, value := range values {
		test.Values = append(test.Values, policy.Value{Type: v1alpha1.AttributeNumber, Number: value})
	}
	return policy.Grant{Permission: "App:View", Tests: []policy.Test{test}}
}

func TestUnconditionalBeatsConditional(t *testing.T) {
	always := policy.Grant{Permission: "App:View"}
	ruled := policy.Grant{Permission: "App:View", Tests: []policy.Test{equals("color", "red")}}
	for _, grants := range [][]policy.Grant{{always, ruled}, {ruled, always}, {ruled, always, ruled}, {always, always}} {
		context := one(t, grants...)
		if !permissionsOf(context)["App:View"].GetBoolValue() || rulesOf(context, "App:View") != nil {
			t.Errorf("%v: got %v, want the permission without rules", grants, context)
		}
	}
}

func TestAWindowIsACondition(t *testing.T) {
	for name, window := range map[string]policy.Window{
		"from":           {From: noon},
		"until":          {Until: noon},
		"from and until": {From: noon, Until: noon.Add(time.Hour)},
	} {
		context := one(t, policy.Grant{Permission: "App:View", Window: window})
		if len(permissionsOf(context)) != 0 || len(rulesOf(context, "App:View")) != 1 {
			t.Errorf("%s: got %v, want a rule", name, context)
		}
	}
}
