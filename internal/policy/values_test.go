package policy_test

import (
	"math"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func TestParseValueReadsNumbersAsJSONHasThem(t *testing.T) {
	for text, want := range map[string]float64{
		"3":                    3,
		"2.5":                  2.5,
		"-7":                   -7,
		"0":                    0,
		"-0":                   0,
		"-0.0":                 0,
		"1e3":                  1000,
		"1E-3":                 0.001,
		"9007199254740991":     1<<53 - 1,
		"9007199254740992":     1 << 53,
		"-9007199254740992":    -1 << 53,
		"9007199254740991.5":   1 << 53, // as any reader of JSON rounds it
		"9.007199254740992e15": 1 << 53,
		"0.1":                  0.1,
		"5e-324":               math.SmallestNonzeroFloat64,
		"0.0e-400":             0,
	} {
		value, err := policy.ParseValue(text, v1alpha1.AttributeNumber)
		if err != nil || value != (policy.Value{Type: v1alpha1.AttributeNumber, Number: want}) {
			t.Errorf("%q: got %v, %v; want %v", text, value, err, want)
		}
		if math.Signbit(value.Number) != (want < 0) {
			t.Errorf("%q: %v has another sign, and would have another key", text, value.Number)
		}
	}
}

func TestParseValueRefusesWhatIsNoNumber(t *testing.T) {
	for _, text := range []string{
		"", " ", " 3", "3 ", "three", "true", "0x1", "0X1p-2", "0b1", "0o7", "1_000", "1,5", "3;", "--3", "1e", "e3", ".",
		"Inf", "+Inf", "-inf", "Infinity", "NaN", "nan", "1e400", "-1e400", "1e999999999999", "٣",
	} {
		if value, err := policy.ParseValue(text, v1alpha1.AttributeNumber); err == nil {
			t.Errorf("%q: read as %v, want an error", text, value.Number)
		} else if !strings.Contains(err.Error(), "is not a number") {
			t.Errorf("%q: the error does not say what is wrong: %v", text, err)
		}
	}
}

func TestParseValueRefusesNumbersThatAreNoLongerExact(t *testing.T) {
	for _, text := range []string{
		"9007199254740993", "-9007199254740993", "9007199254740993.0", "9007199254740992.5", "9007199254740992.000000000000000000001",
		"9.007199254740993e15", "9007199254740994", "1e16", "-1e300", "1e-400", "-1e-400", "0.000001e-999",
	} {
		if value, err := policy.ParseValue(text, v1alpha1.AttributeNumber); err == nil {
			t.Errorf("%q: read as %v, want an error", text, value.Number)
		}
	}
}

func TestParseValueReadsTruthValuesLiterally(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "false": false} {
		value, err := policy.ParseValue(text, v1alpha1.AttributeBoolean)
		if err != nil || value != (policy.Value{Type: v1alpha1.AttributeBoolean, Truth: want}) {
			t.Errorf("%q: got %v, %v; want %t", text, value, err, want)
		}
	}
	for _, text := range []string{"", "True", "TRUE", "yes", "1", "0", " true", "null"} {
		if value, err := policy.ParseValue(text, v1alpha1.AttributeBoolean); err == nil {
			t.Errorf("%q: read as %t, want an error", text, value.Truth)
		}
	}
}

func TestParseValueTakesStringsAsTheyAre(t *testing.T) {
	for _, text := range []string{"", " ", "red", " Red ", "3", "true", "null", "é", "é"} {
		value, err := policy.ParseValue(text, v1alpha1.AttributeString)
		if err != nil || value != (policy.Value{Type: v1alpha1.AttributeString, Text: text}) {
			t.Errorf("%q: got %v, %v", text, value, err)
		}
	}
}

func TestParseValueRefusesWhatTheStoreDoesNotTake(t *testing.T) {
	for _, text := range []string{"a\tb", "\n", "\x00", "\x7f", "red\u0085"} {
		if value, err := policy.ParseValue(text, v1alpha1.AttributeString); err == nil || !strings.Contains(err.Error(), "control character") {
			t.Errorf("%q: got %v, %v; want an error that says why", text, value, err)
		}
	}
}

func TestParseValueRefusesUnknownTypes(t *testing.T) {
	for _, kind := range []v1alpha1.AttributeType{"", "string", "List"} {
		if value, err := policy.ParseValue("3", kind); err == nil {
			t.Errorf("type %q: got %v, want an error", kind, value)
		}
	}
}

// Two values that are written differently may be the same, but what is read is never another number than
// what is written, up to the precision that every reader of JSON has.
func FuzzParseValueReadsItsOwnWriting(f *testing.F) {
	for _, text := range []string{"3", "-0", "1e3", "2.5", "0x1", "9007199254740993", "1e-400", "NaN"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := policy.ParseValue(text, v1alpha1.AttributeNumber)
		if err != nil {
			return
		}
		if math.IsNaN(value.Number) || math.Abs(value.Number) > 1<<53 || (value.Number == 0 && math.Signbit(value.Number)) {
			t.Errorf("%q was read as %v", text, value.Number)
		}
	})
}
