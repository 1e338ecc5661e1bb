package openfga_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/postgres"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

func members(name string, many int) (tuples []store.Tuple, keys []store.Key) {
	for n := range many {
		key := store.Key{Object: "group:acme/" + name, Relation: "member", User: fmt.Sprint("user:", n)}
		tuples, keys = append(tuples, store.Tuple{Key: key}), append(keys, key)
	}
	return tuples, keys
}

func keysIn(t *testing.T, s store.Store) map[store.Key]bool {
	t.Helper()
	keys := map[store.Key]bool{}
	if err := s.Walk(t.Context(), func(tuple store.Tuple) error {
		keys[tuple.Key] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return keys
}

func takeOver(t *testing.T, s store.Store) {
	t.Helper()
	gomega.NewWithT(t).Eventually(s.TakeOver, patience).WithContext(t.Context()).Should(gomega.Succeed())
}

func TestOnlyWhoTookOverLastWrites(t *testing.T) {
	running := startOnSQLite(t)
	first, second := openRemote(t, optionsFor(t, running)), openRemote(t, optionsFor(t, running))
	tuples, keys := members("g", store.MaxTuplesPerWrite)
	takeOver(t, first)
	write(t, first, tuples...)
	for _, writer := range []struct{ now, before *openfga.Store }{{second, first}, {first, second}} {
		takeOver(t, writer.now)
		for name, err := range map[string]error{
			"writing":  writer.before.Write(t.Context(), []store.Tuple{granted}, nil),
			"deleting": writer.before.Write(t.Context(), nil, keys[:1]),
			"both":     writer.before.Write(t.Context(), []store.Tuple{granted}, keys[:1]),
		} {
			if !errors.Is(err, store.ErrReplaced) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: got %v, want it replaced", name, err)
			}
		}
		if found := keysIn(t, writer.before); len(found) != len(keys) {
			t.Errorf("the store holds %d tuples, want the %d that were there", len(found), len(keys))
		}
		write(t, writer.now, granted)
		if err := writer.now.Write(t.Context(), nil, []store.Key{granted.Key}); err != nil {
			t.Error(err)
		}
		other := granted
		other.Context = conditions(map[string]any{"App:Other": true}, nil)
		write(t, writer.now, granted)
		expectRefused(t, writer.now.Write(t.Context(), []store.Tuple{other}, nil))
		if err := writer.now.Write(t.Context(), nil, []store.Key{granted.Key}); err != nil {
			t.Error(err)
		}
	}
}

// atOnce writes three tuples each from many sides, and returns when the first are on their way.
func atOnce(t *testing.T, s store.Store, name string) (done *sync.WaitGroup) {
	t.Helper()
	const many = 20
	began := make(chan struct{}, many)
	done = &sync.WaitGroup{}
	for n := range many {
		done.Go(func() {
			tuples, _ := members(fmt.Sprint(name, "-", n), 3)
			began <- struct{}{}
			// Some come before, and some too late.
			_ = s.Write(t.Context(), tuples, nil)
		})
	}
	<-began
	return done
}

func TestNothingIsOnItsWayAnyMoreWhenATurnBegins(t *testing.T) {
	running := server.Start(t, server.Options{Engine: "postgres", URI: postgres.Start(t), Keys: []string{preSharedKey}})
	first, second := openRemote(t, optionsFor(t, running)), openRemote(t, optionsFor(t, running))
	for round := range 20 {
		takeOver(t, first)
		writing := atOnce(t, first, fmt.Sprint(round))
		takeOver(t, second)
		now := keysIn(t, second)
		writing.Wait()
		if later := keysIn(t, second); !maps.Equal(now, later) {
			t.Fatalf("round %d: %d tuples when the epoch began, and %d later", round, len(now), len(later))
		}
		first, second = second, first
	}
}

// What was given up may have been applied after it was fenced where the database itself has gone back in time.
func TestAForeignFenceIsReplacedByFencing(t *testing.T) {
	running := startOnSQLite(t)
	remote := openRemote(t, optionsFor(t, running))
	takeOver(t, remote)
	// This copy puts a fence of its own into the store, in the same epoch.
	earlier := *remote
	if err := earlier.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"writing":  remote.Write(t.Context(), []store.Tuple{granted}, nil),
		"deleting": remote.Write(t.Context(), nil, []store.Key{granted.Key}),
	} {
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrStaleWrite) || errors.Is(err, store.ErrRefused) {
			t.Errorf("%s: got %v, want store.ErrStaleWrite", name, err)
		}
	}
	if err := remote.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, remote, granted)
	if err := earlier.Write(t.Context(), nil, []store.Key{granted.Key}); !errors.Is(err, store.ErrStaleWrite) {
		t.Errorf("got %v, want that the other fence does not count any more", err)
	}
	other := granted
	other.Context = conditions(map[string]any{"App:Other": true}, nil)
	expectRefused(t, remote.Write(t.Context(), []store.Tuple{other}, nil))
}

func TestAFencedWriteNeverHappens(t *testing.T) {
	running := server.Start(t, server.Options{Engine: "postgres", URI: postgres.Start(t), Keys: []string{preSharedKey}})
	remote := openRemote(t, optionsFor(t, running))
	takeOver(t, remote)
	for round := range 5 {
		// What is written from now on by this copy stands for what was given up.
		earlier := *remote
		writing := atOnce(t, &earlier, fmt.Sprint(round))
		gomega.NewWithT(t).Eventually(remote.Fence, patience).WithContext(t.Context()).Should(gomega.Succeed())
		now := keysIn(t, remote)
		writing.Wait()
		if later := keysIn(t, remote); !maps.Equal(now, later) {
			t.Fatalf("round %d: %d tuples when it was fenced, and %d later", round, len(now), len(later))
		}
		write(t, remote, granted)
	}
	takeOver(t, openRemote(t, optionsFor(t, running)))
	if err := remote.Fence(t.Context()); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("got %v, want it replaced", err)
	}
}
