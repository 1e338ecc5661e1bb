package render

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/cel-go/cel"
)

// The expression looks numbers up by string(number + 0.0), so their keys must be written as CEL does it.
func TestKeysOfNumbersAreWrittenAsCELWritesThem(t *testing.T) {
	written := writer(t)
	const seed = 7
	for several := range slices.Chunk(numbers(rand.New(rand.NewPCG(seed, seed))), 100) {
		rule := rulesOf(one(t, numbered(several...)), "App:View")[0]
		test := rule.GetStructValue().GetFields()["tests"].GetListValue().GetValues()[0].GetStructValue()
		keys := test.GetFields()["numbers"].GetStructValue().GetFields()
		for _, number := range several {
			if key := written(number); keys[key] == nil {
				t.Errorf("seed %d: CEL writes %v as %q, and there is no such key", seed, number, key)
			}
		}
		if len(keys) > len(several) {
			t.Errorf("seed %d: %d numbers have %d keys", seed, len(several), len(keys))
		}
	}
}

// writer writes numbers as the condition's expression does it.
func writer(t *testing.T) func(float64) string {
	t.Helper()
	env, err := cel.NewEnv(cel.Variable("number", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	ast, issues := env.Compile("string(number + 0.0)")
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	made, err := env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	return func(number float64) string {
		out, _, err := made.Eval(map[string]any{"number": number})
		if err != nil {
			t.Fatal(err)
		}
		return out.Value().(string)
	}
}

// numbers are such as conditions may have: small and large ones, those at which the notation changes, and
// any others.
func numbers(random *rand.Rand) []float64 {
	const most = 1 << 53
	some := []float64{0, 1, -1, 0.1, 2.5, 1.0 / 3, math.Pi, most, -most, most - 1, math.SmallestNonzeroFloat64}
	for exponent := -30; exponent <= 15; exponent++ {
		power := math.Pow(10, float64(exponent))
		some = append(some, power, -power, 3*power, math.Nextafter(power, 0), math.Nextafter(power, most))
	}
	for len(some) < 20000 {
		for _, number := range []float64{
			math.Float64frombits(random.Uint64()),
			float64(random.Int64N(2*most) - most),
			float64(random.IntN(100000)) / 100,
			random.Float64(),
		} {
			if math.Abs(number) <= most { // neither NaN nor infinite
				some = append(some, number)
			}
		}
	}
	return some
}
