package storetest

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

var limitTests = map[string]func(*testing.T, store.Store){
	"TuplesInOneWrite": func(t *testing.T, s store.Store) {
		members := func(group string, count int) (tuples []store.Tuple, keys []store.Key) {
			for i := range count {
				tuple := plain("group:acme/"+group, "member", fmt.Sprintf("user:u%d", i))
				tuples, keys = append(tuples, tuple), append(keys, tuple.Key)
			}
			return tuples, keys
		}
		most, mostKeys := members("a", store.MaxTuplesPerWrite)
		write(t, s, most...)
		tooMany, tooManyKeys := members("b", store.MaxTuplesPerWrite+1)
		expectRefused(t, s.Write(t.Context(), tooMany, nil))
		expectRefused(t, s.Write(t.Context(), nil, tooManyKeys))
		if got := len(all(t, s)); got != store.MaxTuplesPerWrite {
			t.Errorf("the store holds %d tuples, want %d", got, store.MaxTuplesPerWrite)
		}
		const half = store.MaxTuplesPerWrite / 2
		expectRefused(t, s.Write(t.Context(), tooMany[half:], mostKeys[:half]))
		if err := s.Write(t.Context(), tooMany[:half], mostKeys[:half]); err != nil {
			t.Error(err)
		}
		remove(t, s, append(mostKeys[half:], tooManyKeys[:half]...)...)
		if got := len(all(t, s)); got != 0 {
			t.Errorf("the store holds %d tuples, want none", got)
		}
	},
	"ContextOfOneTuple": func(t *testing.T, s store.Store) {
		largest := sized(t, "user:largest", store.MaxContextBytes)
		write(t, s, largest)
		expectThere(t, s, largest)
		expectHeld(t, s, largest.Object, largest.User, "App:View", true)
		tooLarge := sized(t, "user:too-large", store.MaxContextBytes+1)
		expectRefused(t, s.Write(t.Context(), []store.Tuple{tooLarge}, nil))
	},
	"ContextsOfOneWrite": func(t *testing.T, s store.Store) {
		var tuples []store.Tuple
		for size := 0; size+store.MaxContextBytes <= store.MaxWriteBytes; size += store.MaxContextBytes {
			tuples = append(tuples, sized(t, fmt.Sprintf("user:u%d", size), store.MaxContextBytes))
		}
		for len(tuples) < store.MaxTuplesPerWrite {
			tuples = append(tuples, plain("group:"+strings.Repeat("g", 180), "member", fmt.Sprintf("user:%0180d", len(tuples))))
		}
		write(t, s, tuples...)
		if got := len(all(t, s)); got != len(tuples) {
			t.Errorf("the store holds %d tuples, want %d", got, len(tuples))
		}
	},
	"ContextsOfOneWriteFarBeyond": func(t *testing.T, s store.Store) {
		tuples := make([]store.Tuple, 0, 20)
		for i := range 20 {
			tuples = append(tuples, sized(t, fmt.Sprintf("user:u%d", i), store.MaxContextBytes))
		}
		expectRefused(t, s.Write(t.Context(), tuples, nil))
	},
	"IDs": func(t *testing.T, s store.Store) {
		long := strings.Repeat("#", 512)
		path := scope.Path{Organization: long, Workspace: long, Project: long, ResourceType: long, ResourceID: long}
		user, group, binding := objectid.User(long), objectid.Group(long, long), objectid.Binding(path, long)
		write(t, s,
			plain(group, "member", user),
			plain(binding, "assignee", group+"#member"),
			granting(objectid.Scope(path), "role", binding+"#slot_0", "App:View"))
		expectHeld(t, s, objectid.Scope(path), user, "App:View", true)
	},
}

// sized is a tuple whose context has exactly this size.
func sized(t *testing.T, user string, size int) store.Tuple {
	t.Helper()
	tuple := granting("organization:acme", "grant_a", user, "App:View")
	permissions := tuple.Context.GetFields()["permissions"].GetStructValue().GetFields()
	for name := strings.Repeat("f", size); ; {
		permissions[name] = structpb.NewBoolValue(true)
		excess := proto.Size(tuple.Context) - size
		if excess == 0 {
			return tuple
		}
		if excess < 0 {
			t.Fatalf("no context has exactly %d bytes", size)
		}
		delete(permissions, name)
		name = name[excess:]
	}
}
