package openfga

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// [F1] SQLite's own limit stands for a disk without room: the error is the same.
func TestAFileWithoutRoomIsUnavailableForWritesAndNotDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	datastore, err := prepare(t.Context(), path, "?_pragma=busy_timeout(1000)&_pragma=max_page_count(60)")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := embed(t.Context(), &file{datastore: datastore}, EmbeddedOptions{Path: path, StoreName: defaultStoreName, Timeout: time.Minute, Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	member := func(n int) store.Key {
		return store.Key{Object: "group:acme/devs", Relation: store.RelationMember, User: fmt.Sprint("user:", n)}
	}
	written := 0
	for ; err == nil; written++ {
		var tuples []store.Tuple
		for n := range 20 {
			tuples = append(tuples, store.Tuple{Key: member(20*written + n)})
		}
		err = opened.Write(t.Context(), tuples, nil)
	}
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "full") {
		t.Errorf("after %d writes: %v", written, err)
	}
	if found := opened.watch.found(); found != nil {
		t.Errorf("taken for damage: %v", found)
	}
	for n, want := range map[int]bool{0: written > 1, 20 * written: false} {
		if _, there, err := opened.Get(t.Context(), member(n)); err != nil || there != want {
			t.Errorf("member %d: %t, %v", n, there, err)
		}
	}
}
