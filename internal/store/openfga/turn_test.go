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
	for _, turn := range []struct{ now, before *openfga.Store }{{second, first}, {first, second}} {
		takeOver(t, turn.now)
		for name, err := range map[string]error{
			"writing":  turn.before.Write(t.Context(), []store.Tuple{granted}, nil),
			"deleting": turn.before.Write(t.Context(), nil, keys[:1]),
			"both":     turn.before.Write(t.Context(), []store.Tuple{granted}, keys[:1]),
		} {
			if !errors.Is(err, store.ErrReplaced) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: got %v, want it replaced", name, err)
			}
		}
		if found := keysIn(t, turn.before); len(found) != len(keys) {
			t.Errorf("the store holds %d tuples, want the %d that were there", len(found), len(keys))
		}
		write(t, turn.now, granted)
		if err := turn.now.Write(t.Context(), nil, []store.Key{granted.Key}); err != nil {
			t.Error(err)
		}
		other := granted
		other.Context = conditions(map[string]any{"App:Other": true}, nil)
		write(t, turn.now, granted)
		expectRefused(t, turn.now.Write(t.Context(), []store.Tuple{other}, nil))
		if err := turn.now.Write(t.Context(), nil, []store.Key{granted.Key}); err != nil {
			t.Error(err)
		}
	}
}

// Whoever writes without pause while it is replaced has written all that it ever will when the other's turn
// begins.
func TestNothingIsOnItsWayAnyMoreWhenATurnBegins(t *testing.T) {
	running := server.Start(t, server.Options{Engine: "postgres", URI: postgres.Start(t), Keys: []string{preSharedKey}})
	const rounds, writers = 20, 4
	for round := range rounds {
		options := optionsFor(t, running)
		options.StoreName = fmt.Sprint("turn-", round)
		first, second := openRemote(t, options), openRemote(t, options)
		takeOver(t, first)
		var writing sync.WaitGroup
		began := make(chan struct{}, writers)
		for writer := range writers {
			writing.Go(func() {
				for n := 0; ; n++ {
					tuples, _ := members(fmt.Sprint(writer, "-", n), 3)
					err := first.Write(t.Context(), tuples, nil)
					if n == 0 {
						began <- struct{}{}
					}
					if errors.Is(err, store.ErrReplaced) {
						return
					}
				}
			})
		}
		for range writers {
			<-began
		}
		takeOver(t, second)
		now := keysIn(t, second)
		writing.Wait()
		if later := keysIn(t, second); !maps.Equal(now, later) {
			t.Fatalf("round %d: %d tuples when the turn began, and %d later", round, len(now), len(later))
		}
	}
}

// A write that somebody still waits for on another connection stands for one that was given up: it is on its
// way for as long as it likes.
func TestWhatIsSettledNeverHappens(t *testing.T) {
	running := server.Start(t, server.Options{Engine: "postgres", URI: postgres.Start(t), Keys: []string{preSharedKey}})
	remote := openRemote(t, optionsFor(t, running))
	takeOver(t, remote)
	const rounds, writers = 20, 4
	for round := range rounds {
		earlier := *remote
		var writing sync.WaitGroup
		began := make(chan struct{}, writers)
		for writer := range writers {
			writing.Go(func() {
				for n := 0; ; n++ {
					tuples, _ := members(fmt.Sprint(round, "-", writer, "-", n), 3)
					err := earlier.Write(t.Context(), tuples, nil)
					if n == 0 {
						began <- struct{}{}
					}
					if errors.Is(err, store.ErrRefused) {
						return
					}
				}
			})
		}
		for range writers {
			<-began
		}
		gomega.NewWithT(t).Eventually(remote.Settle, patience).WithContext(t.Context()).Should(gomega.Succeed())
		now := keysIn(t, remote)
		writing.Wait()
		if later := keysIn(t, remote); !maps.Equal(now, later) {
			t.Fatalf("round %d: %d tuples when it was settled, and %d later", round, len(now), len(later))
		}
		write(t, remote, granted)
	}
	takeOver(t, openRemote(t, optionsFor(t, running)))
	if err := remote.Settle(t.Context()); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("got %v, want it replaced", err)
	}
}
