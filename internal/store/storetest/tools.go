package storetest

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// now is the time at which questions are asked, unless a test is about time.
var now = time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC)

func key(object, relation, user string) store.Key {
	return store.Key{Object: object, Relation: relation, User: user}
}

func plain(object, relation, user string) store.Tuple {
	return store.Tuple{Key: key(object, relation, user)}
}

// granting is a tuple with a condition, under which these permissions are held always.
func granting(object, relation, user string, permissions ...string) store.Tuple {
	held := map[string]any{}
	for _, permission := range permissions {
		held[permission] = true
	}
	return store.Tuple{Key: key(object, relation, user), Context: conditions(held, map[string]any{})}
}

// ruled is a tuple with a condition, under which the permission is held as one of the rules says.
func ruled(object, relation, user, permission string, rules ...rule) store.Tuple {
	list := make([]any, 0, len(rules))
	for _, r := range rules {
		list = append(list, r.complete())
	}
	return store.Tuple{
		Key:     key(object, relation, user),
		Context: conditions(map[string]any{}, map[string]any{permission: list}),
	}
}

func conditions(permissions, rules map[string]any) *structpb.Struct {
	return structOf(map[string]any{"permissions": permissions, "rules": rules})
}

func structOf(fields map[string]any) *structpb.Struct {
	made, err := structpb.NewStruct(fields)
	if err != nil {
		panic(err)
	}
	return made
}

// rule is one way in which a permission is held; what is left out restricts nothing.
type rule struct {
	from, until time.Time
	values      map[string]any
	tests       []any
}

func (r rule) complete() map[string]any {
	complete := map[string]any{
		"from": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z", "values": map[string]any{}, "tests": []any{},
	}
	if !r.from.IsZero() {
		complete["from"] = r.from.Format(time.RFC3339Nano)
	}
	if !r.until.IsZero() {
		complete["until"] = r.until.Format(time.RFC3339Nano)
	}
	if r.values != nil {
		complete["values"] = r.values
	}
	if r.tests != nil {
		complete["tests"] = r.tests
	}
	return complete
}

// listed are values, as rules hold them.
func listed[T any](values ...T) []any {
	made := make([]any, len(values))
	for n, value := range values {
		made[n] = value
	}
	return made
}

// isNot is a test of "it" against these values, of one type.
func isNot(values ...any) map[string]any {
	return map[string]any{"a": "it", "of": values[0], "not": values}
}

// between is a test of "it" against these numbers, both included.
func between(least, most float64) map[string]any {
	return map[string]any{"a": "it", "of": 0.0, "min": least, "max": most}
}

func write(t *testing.T, s store.Store, tuples ...store.Tuple) {
	t.Helper()
	if err := s.Write(t.Context(), tuples, nil); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, s store.Store, keys ...store.Key) {
	t.Helper()
	if err := s.Write(t.Context(), nil, keys); err != nil {
		t.Fatal(err)
	}
}

// held asks whether the user has the permission at the object.
func held(t *testing.T, s store.Store, object, user, permission string) bool {
	t.Helper()
	return answer(t, s, question(object, user, permission))
}

func answer(t *testing.T, s store.Store, question store.Question) bool {
	t.Helper()
	allowed, err := s.Check(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	return allowed
}

func question(object, user, permission string) store.Question {
	return store.Question{Key: key(object, "can", user), Permission: permission, Time: now}
}

// expectHeld asks for a permission and wants this answer.
func expectHeld(t *testing.T, s store.Store, object, user, permission string, want bool) {
	t.Helper()
	if got := held(t, s, object, user, permission); got != want {
		t.Errorf("%s can %s at %s: %t, want %t", user, permission, object, got, want)
	}
}

func expectThere(t *testing.T, s store.Store, want store.Tuple) {
	t.Helper()
	got, found, err := s.Get(t.Context(), want.Key)
	if err != nil {
		t.Fatal(err)
	}
	if !found || got.Key != want.Key || (got.Context == nil) != (want.Context == nil) || !proto.Equal(got.Context, want.Context) {
		t.Errorf("reading %v: %v, %t; want %v", want.Key, got, found, want)
	}
}

func expectNotThere(t *testing.T, s store.Store, key store.Key) {
	t.Helper()
	got, found, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if found {
		t.Errorf("reading %v: %v, want nothing", key, got)
	}
}

func expectRefused(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrRefused) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want it refused", err)
	}
}

func all(t *testing.T, s store.Store) map[store.Key]store.Tuple {
	t.Helper()
	found := map[store.Key]store.Tuple{}
	err := s.Walk(t.Context(), func(tuple store.Tuple) error {
		if _, twice := found[tuple.Key]; twice {
			t.Errorf("saw %v twice", tuple.Key)
		}
		found[tuple.Key] = tuple
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
