package storetest

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

var tupleTests = map[string]func(*testing.T, store.Store){
	"AreReadBackAsTheyWereWritten": func(t *testing.T, s store.Store) {
		tuples := []store.Tuple{
			plain("group:acme/devs", "member", "user:alice"),
			plain("binding:organization/acme/viewer", "assignee", "group:acme/devs#member"),
			granting("organization:acme", "role", "binding:organization/acme/viewer#slot_7", "App:View"),
			ruled("project:acme/prod/vision", "grant_b", "user:alice", "App:Edit", rule{
				from: now, until: now.AddDate(0, 1, 0),
				values: map[string]any{"color": listed("red", ""), "floor": []any{3.5}},
				tests:  []any{isNot("x", "y"), between(-5e-324, math.MaxFloat64)},
			}),
			granting("workspace:acme/prod", "grant_a", "user:nobody"),
		}
		write(t, s, tuples...)
		for _, tuple := range tuples {
			expectThere(t, s, tuple)
		}
		expectNotThere(t, s, key("organization:acme", "role", "binding:organization/acme/viewer#slot_6"))
		expectNotThere(t, s, key("workspace:acme/prod", "grant_b", "user:nobody"))
	},
	"AreAllVisitedPageByPage": func(t *testing.T, s store.Store) {
		want := map[store.Key]store.Tuple{}
		for page := range 3 {
			tuples := make([]store.Tuple, 0, 90)
			for i := range 90 {
				tuple := granting("organization:acme", "grant_a", fmt.Sprintf("user:u%d", 90*page+i), "App:View")
				tuples = append(tuples, tuple)
				want[tuple.Key] = tuple
			}
			write(t, s, tuples...)
		}
		got := all(t, s)
		if len(got) != len(want) {
			t.Errorf("visited %d tuples, want %d", len(got), len(want))
		}
		for key, tuple := range want {
			if !proto.Equal(got[key].Context, tuple.Context) {
				t.Errorf("%v has %v, want %v", key, got[key].Context, tuple.Context)
			}
		}
	},
	"AreNoLongerVisitedAfterAnError": func(t *testing.T, s store.Store) {
		write(t, s, plain("group:acme/a", "member", "user:u"), plain("group:acme/b", "member", "user:u"))
		enough, visited := errors.New("enough"), 0
		err := s.Walk(t.Context(), func(store.Tuple) error { visited++; return enough })
		if !errors.Is(err, enough) || visited != 1 {
			t.Errorf("visited %d tuples and got %v, want 1 and the visitor's error", visited, err)
		}
	},
	"AreNotVisitedInAnEmptyStore": func(t *testing.T, s store.Store) {
		if got := all(t, s); len(got) != 0 {
			t.Errorf("found %v, want nothing", got)
		}
	},
	"CanBeWrittenAndDeletedAgain": func(t *testing.T, s store.Store) {
		with, without := granting("organization:acme", "grant_a", "user:u", "App:View"), plain("group:acme/a", "member", "user:u")
		for range 2 {
			write(t, s, with, without)
			expectThere(t, s, with)
			expectThere(t, s, without)
		}
		for range 2 {
			remove(t, s, with.Key, without.Key)
			expectNotThere(t, s, with.Key)
			expectNotThere(t, s, without.Key)
		}
	},
	"AreRefusedWholeWhereOneHasAnotherContext": func(t *testing.T, s store.Store) {
		old, kept := granting("organization:acme", "grant_a", "user:u", "App:View"), plain("group:acme/a", "member", "user:u")
		write(t, s, old, kept)
		another := granting("organization:acme", "grant_a", "user:u", "App:Edit")
		beside := plain("group:acme/b", "member", "user:u")
		expectRefused(t, s.Write(t.Context(), []store.Tuple{beside, another}, []store.Key{kept.Key}))
		expectThere(t, s, old)
		expectThere(t, s, kept)
		expectNotThere(t, s, beside.Key)
	},
	"AreRefusedWholeWhereOneIsNotOfTheModel": func(t *testing.T, s store.Store) {
		good := granting("organization:acme", "grant_a", "user:u", "App:View")
		for name, bad := range map[string]store.Tuple{
			"type":              plain("galaxy:acme", "member", "user:u"),
			"relation":          granting("organization:acme", "grant_c", "user:u", "App:View"),
			"kind of user":      granting("organization:acme", "role", "user:u", "App:View"),
			"computed relation": granting("organization:acme", "can", "user:u", "App:View"),
			"no condition":      plain("organization:acme", "grant_b", "user:u"),
			"a condition":       granting("group:acme/a", "member", "user:u", "App:View"),
			"everyone":          granting("organization:acme", "grant_a", "user:*", "App:View"),
		} {
			t.Run(name, func(t *testing.T) {
				expectRefused(t, s.Write(t.Context(), []store.Tuple{good, bad}, nil))
				expectNotThere(t, s, good.Key)
			})
		}
	},
	"AreRefusedWhereAKeyComesTwice": func(t *testing.T, s store.Store) {
		tuple := granting("organization:acme", "grant_a", "user:u", "App:View")
		expectRefused(t, s.Write(t.Context(), []store.Tuple{tuple, tuple}, nil))
		expectRefused(t, s.Write(t.Context(), []store.Tuple{tuple}, []store.Key{tuple.Key}))
		expectNotThere(t, s, tuple.Key)
	},
	"AreRefusedWhereARequestCouldFillIn": func(t *testing.T, s store.Store) {
		none := map[string]any{}
		for name, context := range map[string]map[string]any{
			"no permissions":         {"rules": none},
			"no rules":               {"permissions": none},
			"nothing":                {},
			"a time of its own":      {"permissions": none, "rules": none, "current_time": "2030-01-01T00:00:00Z"},
			"permissions, no object": {"permissions": "App:View", "rules": none},
			"rules, no object":       {"permissions": none, "rules": []any{}},
			"an unknown restriction": {"permissions": none, "rules": map[string]any{"App:View": []any{map[string]any{
				"from": "2000-01-01T00:00:00Z", "until": "3000-01-01T00:00:00Z", "values": none, "tests": []any{}, "exact": none,
			}}}},
			"an unknown test": {"permissions": none, "rules": map[string]any{"App:View": []any{map[string]any{
				"from": "2000-01-01T00:00:00Z", "until": "3000-01-01T00:00:00Z", "values": none,
				"tests": []any{map[string]any{"a": "it", "of": "", "not": []any{"x"}, "exact": true}},
			}}}},
			"a bound without the other": {"permissions": none, "rules": map[string]any{"App:View": []any{map[string]any{
				"from": "2000-01-01T00:00:00Z", "until": "3000-01-01T00:00:00Z", "values": none,
				"tests": []any{map[string]any{"a": "it", "of": 0.0, "max": 3.0}},
			}}}},
			"a rule without end": {"permissions": none, "rules": map[string]any{"App:View": []any{map[string]any{
				"from": "2000-01-01T00:00:00Z", "values": none, "tests": []any{},
			}}}},
		} {
			t.Run(name, func(t *testing.T) {
				tuple := store.Tuple{Key: key("organization:acme", "grant_a", "user:u"), Context: structOf(context)}
				expectRefused(t, s.Write(t.Context(), []store.Tuple{tuple}, nil))
			})
		}
	},
	"ThatAreNoneAreWrittenAtOnce": func(t *testing.T, s store.Store) {
		if err := s.Write(t.Context(), nil, nil); err != nil {
			t.Error(err)
		}
	},
}
