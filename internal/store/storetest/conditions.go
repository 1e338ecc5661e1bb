package storetest

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

var conditionTests = map[string]func(*testing.T, store.Store){
	"AWindowIsOpenFromItsStartUntilBeforeItsEnd": func(t *testing.T, s store.Store) {
		from, until := now, now.Add(time.Hour)
		write(t, s, ruled(organization, "grant_a", "user:u", "App:View", rule{from: from, until: until}))
		for _, at := range []struct {
			time time.Time
			want bool
		}{
			{from.Add(-time.Second), false},
			{from.Add(-time.Nanosecond), false},
			{from, true},
			{from.In(time.FixedZone("", 3600)), true},
			{until.Add(-time.Nanosecond), true},
			{until, false},
			{until.Add(time.Second), false},
		} {
			asked := question(organization, "user:u", "App:View")
			asked.Time = at.time
			if got := answer(t, s, asked); got != at.want {
				t.Errorf("at %v: %t, want %t", at.time, got, at.want)
			}
		}
	},
	"OneOfSeveralRulesIsEnough": func(t *testing.T, s store.Store) {
		write(t, s, ruled(organization, "grant_a", "user:u", "App:View",
			rule{until: now}, rule{from: now.Add(time.Second)}, rule{values: map[string]any{"color": listed("red")}},
			rule{from: now, until: now.Add(time.Second), values: map[string]any{"color": listed("blue")}}))
		for color, want := range map[string]bool{"red": true, "blue": true, "green": false} {
			expectMet(t, s, map[string]any{"color": color}, want)
		}
	},
	"EveryTestOfARuleHasToBeMet": func(t *testing.T, s store.Store) {
		write(t, s, ruled(organization, "grant_a", "user:u", "App:View", rule{
			values: map[string]any{"color": listed("red"), "floor": []any{3.0}},
			tests:  []any{map[string]any{"a": "name", "of": "", "not": listed("x")}},
		}))
		met := map[string]any{"color": "red", "floor": 3.0, "name": "y"}
		expectMet(t, s, met, true)
		for attribute, other := range map[string]any{"color": "blue", "floor": 4.0, "name": "x"} {
			asked := maps.Clone(met)
			asked[attribute] = other
			expectMet(t, s, asked, false)
			delete(asked, attribute)
			expectMet(t, s, asked, false)
		}
	},
	"ARuleIsOfItsPermissionOnly": func(t *testing.T, s store.Store) {
		write(t, s, ruled(organization, "grant_a", "user:u", "App:View", rule{}))
		expectHeld(t, s, organization, "user:u", "App:View", true)
		expectHeld(t, s, organization, "user:u", "App:Edit", false)
		expectHeld(t, s, organization, "user:u", "", false)
	},
	"ValuesAreComparedByTypeAndValue": func(t *testing.T, s store.Store) {
		for name, test := range valueTests {
			t.Run(name, func(t *testing.T) {
				tuple := ruled(organization, "grant_a", "user:u", "App:View", test.rule)
				write(t, s, tuple)
				for _, value := range test.met {
					expectMet(t, s, map[string]any{"it": value}, true)
				}
				for _, value := range append(test.unmet, nil, []any{}, []any{"red", 3.0, true}, map[string]any{"red": true, "3": true}) {
					expectMet(t, s, map[string]any{"it": value}, false)
				}
				expectMet(t, s, nil, false)
				expectMet(t, s, map[string]any{"other": "red"}, false)
				remove(t, s, tuple.Key)
			})
		}
	},
	// OpenFGA itself refuses a whole request for one control character.
	"ControlCharactersFailNoDecision": func(t *testing.T, s store.Store) {
		write(t, s, ruled(organization, "grant_a", "user:u", "App:View", rule{values: map[string]any{"it": listed("red")}}))
		write(t, s, ruled(organization, "grant_b", "user:u", "App:View", rule{tests: []any{isNot("red", "blue")}}))
		expectMet(t, s, map[string]any{"it": "blue", "a\nb": "red"}, false)
		expectMet(t, s, map[string]any{"it": "red", "a\nb": "red", "list": []any{"\x00"}, "object": map[string]any{"\x00": "\x00"}}, true)
		expectMet(t, s, map[string]any{"it": "re\x00d"}, true)
		expectMet(t, s, map[string]any{"it": "blue", "other": "\u0085"}, false)
		expectHeld(t, s, organization, "user:u", "App:View\x00", false)
	},
	// What a stock server evaluates, at its limit of 100: five attributes, and five windows of which
	// the last is open.
	"AStockServerTakesTheirCost": func(t *testing.T, s store.Store) {
		values, asked := map[string]any{}, map[string]any{}
		for i := range 5 {
			attribute := fmt.Sprintf("a%d", i)
			values[attribute], asked[attribute] = listed(many("v", 200)...), "v199"
		}
		tuple := ruled(organization, "grant_a", "user:u", "App:View", rule{values: values})
		write(t, s, tuple)
		expectMet(t, s, asked, true)
		remove(t, s, tuple.Key)
		windows := make([]rule, 0, 5)
		for i := range 5 {
			windows = append(windows, rule{until: now.Add(time.Duration(i-3) * time.Hour)})
		}
		write(t, s, ruled(organization, "grant_a", "user:u", "App:View", windows...))
		expectMet(t, s, nil, true)
	},
}

const long = 100_000

// valueTests are rules about the attribute "it". What is unmet is so by every rule: none, null, a list
// and an object are added to it.
var valueTests = map[string]struct {
	rule       rule
	met, unmet []any
}{
	"EqualsText": {
		rule{values: map[string]any{"it": listed("3", "red", "", "true")}},
		[]any{"3", "red", "", "true"},
		[]any{"Red", "re", 3.0, true, 0.0, false, strings.Repeat("red", long)},
	},
	"EqualsNumber": {
		rule{values: map[string]any{"it": []any{3.0}}},
		[]any{3.0, 3},
		[]any{"3", 3.5, -3.0, true, "3.0", strings.Repeat("3", long)},
	},
	"EqualsZero": {
		rule{values: map[string]any{"it": []any{0.0}}},
		[]any{0.0, math.Copysign(0, -1)},
		[]any{"0", "", false, 1e-300},
	},
	"EqualsTruth": {
		rule{values: map[string]any{"it": []any{true}}},
		[]any{true},
		[]any{false, "true", 1.0, strings.Repeat("true", long)},
	},
	"InNumbers": {
		rule{values: map[string]any{"it": listed(0.0, 3, 1e21, 0.1, -7.25, 9007199254740992)}},
		[]any{0.0, math.Copysign(0, -1), 3.0, 1e21, 0.1, -7.25, 9007199254740992.0},
		[]any{"3", "0", 3.5, true, false, "1e+21", strings.Repeat("3", long)},
	},
	"NotText": {
		rule{tests: []any{isNot("red", "3", "")}},
		[]any{"blue", "Red", "true", strings.Repeat("red", long)},
		[]any{"red", "3", "", 3.0, 4.0, true},
	},
	"NotNumber": {
		rule{tests: []any{isNot(3.0)}},
		[]any{4.0, -3.0, 0.0, 1e21},
		[]any{3.0, 3, "3", "4", true, strings.Repeat("4", long)},
	},
	"NotZero": {
		rule{tests: []any{isNot(0.0)}},
		[]any{1.0, 1e-300},
		[]any{0.0, math.Copysign(0, -1), "1", true},
	},
	"LessThan": {
		rule{tests: []any{between(-math.MaxFloat64, math.Nextafter(3, 0))}},
		[]any{0.0, math.Copysign(0, -1), -1e300, -math.MaxFloat64, 2.5, math.Nextafter(3, 0)},
		[]any{3.0, 3.5, math.MaxFloat64, "2", "", true, false, strings.Repeat("2", long)},
	},
	"GreaterThanZero": {
		rule{tests: []any{between(math.SmallestNonzeroFloat64, math.MaxFloat64)}},
		[]any{math.SmallestNonzeroFloat64, 1.0, math.MaxFloat64},
		[]any{0.0, math.Copysign(0, -1), -1.0, "1", true},
	},
	"NotTruth": {
		rule{tests: []any{isNot(true)}},
		[]any{false},
		[]any{true, "false", 0.0, ""},
	},
}

func expectMet(t *testing.T, s store.Store, attributes map[string]any, want bool) {
	t.Helper()
	asked := question(organization, "user:u", "App:View")
	asked.Attributes = attributes
	if got := answer(t, s, asked); got != want {
		t.Errorf("with %.200v: %t, want %t", attributes, got, want)
	}
}

func many(prefix string, count int) []string {
	made := make([]string, count)
	for i := range made {
		made[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return made
}
