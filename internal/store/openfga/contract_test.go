package openfga_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/postgres"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

func TestMain(m *testing.M) { server.Main(m) }

const (
	preSharedKey = "a key that both know"
	// patience is for slow machines: no test is about how long a call may take.
	patience = time.Minute
)

func TestEmbeddedInMemoryKeepsTheContract(t *testing.T) {
	storetest.Contract(t, func(t *testing.T) store.Store { return openEmbedded(t, "") })
}

func TestEmbeddedOnAFileKeepsTheContract(t *testing.T) {
	storetest.Contract(t, func(t *testing.T) store.Store {
		return openEmbedded(t, filepath.Join(t.TempDir(), "store.db"))
	})
}

func TestRemoteOnSQLiteKeepsTheContract(t *testing.T) {
	contractOf(t, startOnSQLite(t))
}

func TestRemoteOnPostgreSQLKeepsTheContract(t *testing.T) {
	contractOf(t, server.Start(t, server.Options{
		Engine: "postgres", URI: postgres.Start(t), Keys: []string{preSharedKey},
	}))
}

// contractOf uses one server for all tests, which each get a store of their own in it.
func contractOf(t *testing.T, running *server.Server) {
	names := 0
	storetest.Contract(t, func(t *testing.T) store.Store {
		options := optionsFor(t, running)
		names++
		options.StoreName = fmt.Sprintf("contract-%d", names)
		return openRemote(t, options)
	})
}

func startOnSQLite(t *testing.T) *server.Server {
	t.Helper()
	return server.Start(t, server.Options{
		Engine: "sqlite", URI: filepath.Join(t.TempDir(), "openfga.db"), Keys: []string{preSharedKey},
	})
}

func optionsFor(t *testing.T, running *server.Server) openfga.RemoteOptions {
	t.Helper()
	return openfga.RemoteOptions{
		Address: running.Address, TLS: true, CAFile: running.CAFile, KeyFile: fileWith(t, preSharedKey+"\n"), Owner: "here",
	}
}

func openEmbedded(t *testing.T, path string) *openfga.EmbeddedStore {
	t.Helper()
	opened, err := openfga.Embedded(t.Context(), openfga.EmbeddedOptions{Path: path, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	closeInTheEnd(t, opened)
	return opened
}

func openRemote(t *testing.T, options openfga.RemoteOptions) *openfga.Store {
	t.Helper()
	// In these tests every decision is our own, and those are waited for without it.
	options.SwitchGrace = 1
	options.Timeout = patience
	opened, err := openfga.Remote(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	closeInTheEnd(t, opened)
	return opened
}

func closeInTheEnd(t *testing.T, opened store.Store) {
	t.Helper()
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
}

func fileWith(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
