package objectid_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// FuzzTheStoreTakesIDs writes every kind of id in every place where one stands, and asks for what they
// say together.
func FuzzTheStoreTakesIDs(f *testing.F) {
	opened, err := openfga.Embedded(f.Context(), openfga.EmbeddedOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = opened.Close() })
	view, err := structpb.NewStruct(map[string]any{"permissions": map[string]any{"App:View": true}, "rules": map[string]any{}})
	if err != nil {
		f.Fatal(err)
	}
	for i, name := range names {
		f.Add(byte(i), name)
	}
	f.Fuzz(func(t *testing.T, level byte, name string) {
		if name == "" {
			return
		}
		path := place(level, name, name, name, name, name)
		user, group, binding := objectid.User(name), objectid.Group(name, name), objectid.Binding(path, name)
		tuples := []store.Tuple{
			{Key: store.Key{Object: group, Relation: "member", User: user}},
			{Key: store.Key{Object: binding, Relation: "assignee", User: group + "#member"}},
			{Key: store.Key{Object: objectid.Scope(path), Relation: "role", User: binding + "#slot_7"}, Context: view},
		}
		if above, ok := path.Parent(); ok {
			tuples = append(tuples, store.Tuple{Key: store.Key{
				Object: objectid.Scope(path), Relation: "parent", User: objectid.Scope(above),
			}})
		}
		if err := opened.Write(t.Context(), tuples, nil); err != nil {
			t.Fatal(err)
		}
		var keys []store.Key
		for _, tuple := range tuples {
			if _, found, err := opened.Get(t.Context(), tuple.Key); err != nil || !found {
				t.Errorf("%v is not there: %v", tuple.Key, err)
			}
			keys = append(keys, tuple.Key)
		}
		allowed, err := opened.Check(t.Context(), store.Question{
			Key:        store.Key{Object: objectid.Scope(path), Relation: "can", User: user},
			Permission: "App:View", Time: time.Now(),
		})
		if err != nil || !allowed {
			t.Errorf("%s can not view %s: %v", user, objectid.Scope(path), err)
		}
		if err := opened.Write(t.Context(), nil, keys); err != nil {
			t.Fatal(err)
		}
	})
}
