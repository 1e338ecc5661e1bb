package openfga_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

func TestEmbeddedFindsEverythingAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	first := openEmbedded(t, path)
	write(t, first, granted)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := openEmbedded(t, path)
	if again.StoreID() != first.StoreID() || again.ModelID() != first.ModelID() {
		t.Errorf("opened store %s with model %s, and again %s with %s",
			first.StoreID(), first.ModelID(), again.StoreID(), again.ModelID())
	}
	expectCheck(t, again, true)
}

// That is how a deadline can be seen to be kept while the operator is stopped.
func TestEmbeddedFileCanBeReadByASecondServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	first, second := openEmbedded(t, path), openEmbedded(t, path)
	if first.StoreID() != second.StoreID() {
		t.Errorf("one opened store %s, the other %s", first.StoreID(), second.StoreID())
	}
	write(t, first, granted)
	expectCheck(t, second, true)
	if err := first.Write(t.Context(), nil, []store.Key{granted.Key}); err != nil {
		t.Fatal(err)
	}
	expectCheck(t, second, false)
}

func TestEmbeddedIsUnavailableWhileSomebodyElseHoldsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	opened := openEmbedded(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute := func(statement string) {
		if _, err := holder.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	execute("BEGIN IMMEDIATE")
	// One waits for the file, the other for the first.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	failures := make(chan error, 2)
	for range cap(failures) {
		go func() { failures <- opened.Write(ctx, []store.Tuple{granted}, nil) }()
	}
	for range cap(failures) {
		expectUnavailable(t, <-failures)
	}
	expectCheck(t, opened, false)
	select {
	case <-opened.Damaged():
		t.Error("a lock was taken for damage")
	default:
	}
	execute("ROLLBACK")
	write(t, opened, granted)
	expectCheck(t, opened, true)
}

func TestEmbeddedKeepsStoresOfSeveralNamesApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	write(t, openEmbedded(t, path), granted)
	other, err := openfga.Embedded(t.Context(), openfga.EmbeddedOptions{Path: path, StoreName: "another"})
	if err != nil {
		t.Fatal(err)
	}
	closeInTheEnd(t, other)
	expectCheck(t, other, false)
}

func TestEmbeddedInMemoryLeavesNothing(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("TMPDIR", directory)
	opened, err := openfga.Embedded(t.Context(), openfga.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, opened, granted)
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestEmbeddedSaysWhatIsWrongWithItsFile(t *testing.T) {
	for name, test := range map[string]struct{ path, want string }{
		"a directory":  {t.TempDir(), "is a directory"},
		"no directory": {filepath.Join(t.TempDir(), "nowhere", "store.db"), "no such file or directory"},
		"a question":   {filepath.Join(t.TempDir(), "what?"), `has a "?"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openfga.Embedded(t.Context(), openfga.EmbeddedOptions{Path: test.path})
			if err == nil || !strings.Contains(err.Error(), test.path) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %s and says %q", err, test.path, test.want)
			}
		})
	}
}
