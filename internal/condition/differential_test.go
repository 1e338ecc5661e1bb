package condition_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/cel-go/cel"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// decider asks CEL itself.
type decider struct{ program cel.Program }

// newDecider compiles the expression once for all.
func newDecider(t *testing.T) decider {
	t.Helper()
	compile.Do(func() { compiled = program(t) })
	return decider{compiled}
}

var (
	compile  sync.Once
	compiled cel.Program
)

// allows says whether a tuple of these grants allows the permission.
func (d decider) allows(grants []policy.Grant, permission string, attributes map[string]any, at time.Time) (bool, error) {
	contexts, err := tuples.Contexts(grants, tuples.MaxContexts)
	if err != nil {
		return false, err
	}
	allowed := false
	for _, context := range contexts { // each is a tuple of its own, and one is enough
		variables := context.AsMap()
		variables["permission"], variables["attributes"], variables["current_time"] = permission, attributes, at
		out, _, err := d.program.Eval(variables)
		if err != nil {
			return false, fmt.Errorf("a decision must never fail: %w", err)
		}
		allowed = allowed || out.Value().(bool)
	}
	return allowed, nil
}

// expectSame compares CEL's answer with that of package policy.
func (d decider) expectSame(t *testing.T, grants []policy.Grant, permission string, attributes map[string]any, at time.Time) bool {
	t.Helper()
	want := false
	for _, grant := range grants {
		want = want || grant.Permission == permission && grant.Holds(at, attributes)
	}
	got, err := d.allows(grants, permission, attributes, at)
	if err != nil || got != want {
		t.Fatalf("%+v\nasked for %s with %v at %v: %t, %v; want %t", grants, permission, attributes, at, got, err, want)
	}
	return want
}

func TestWhatIsRenderedMeansWhatPolicySays(t *testing.T) {
	const seed, rounds = 8, 6000
	decider, maker := newDecider(t), maker{rand.New(rand.NewPCG(seed, seed))}
	t.Logf("seed %d", seed)
	allowed := 0
	for range rounds {
		if decider.expectSame(t, maker.grants(), maker.permission(), maker.attributes(), maker.instant()) {
			allowed++
		}
	}
	if allowed < rounds/10 || allowed > rounds*9/10 {
		t.Errorf("%d of %d were allowed: the grants are not of the kind that this test needs", allowed, rounds)
	}
}

func FuzzWhatIsRenderedMeansWhatPolicySays(f *testing.F) {
	for _, seed := range []string{"", "a", "bailiwick", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", "\xff\xfe\xfd\xfc\xfb\xfa"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		maker := maker{&bytesAsChoices{script}}
		newDecider(t).expectSame(t, maker.grants(), maker.permission(), maker.attributes(), maker.instant())
	})
}

// An attribute of any kind, against every test that there is of a value of every type.
func TestNoTestIsMetByAnotherTypeThanItsOwn(t *testing.T) {
	decider := newDecider(t)
	values := map[v1alpha1.AttributeType][]policy.Value{
		v1alpha1.AttributeString: {
			{Type: v1alpha1.AttributeString, Text: "3"}, {Type: v1alpha1.AttributeString, Text: "true"}, {Type: v1alpha1.AttributeString},
		},
		v1alpha1.AttributeNumber:  {{Type: v1alpha1.AttributeNumber, Number: 3}, {Type: v1alpha1.AttributeNumber, Number: 0}},
		v1alpha1.AttributeBoolean: {{Type: v1alpha1.AttributeBoolean, Truth: true}},
	}
	asked := []any{
		nil, "3", "true", "", "false", "null", 3.0, 0.0, 1.0, true, false, []any{}, []any{"3"}, []any{3.0}, []any{true}, []any{nil},
		map[string]any{}, map[string]any{"3": true}, map[string]any{"true": true},
	}
	for kind, listed := range values {
		for count := 1; count <= len(listed); count++ {
			operators := []v1alpha1.ConditionType{v1alpha1.ConditionIn}
			if count == 1 {
				operators = append(operators, v1alpha1.ConditionNotEquals)
				if kind == v1alpha1.AttributeNumber {
					operators = append(operators, ordering...)
				}
			}
			for _, operator := range operators {
				grants := []policy.Grant{{Permission: "App:View", Tests: []policy.Test{
					{Attribute: "a", Type: kind, Operator: operator, Values: listed[:count]},
				}}}
				decider.expectSame(t, grants, "App:View", map[string]any{}, noon)
				for _, value := range asked {
					decider.expectSame(t, grants, "App:View", map[string]any{"a": value}, noon)
				}
			}
		}
	}
}
