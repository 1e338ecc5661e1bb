package openfga_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// seen are the tuples at a readOnly.
func seen(t *testing.T, g *openfga.ReadOnly) (keys []store.Key) {
	t.Helper()
	if err := g.Walk(t.Context(), func(tuple store.Tuple) error { keys = append(keys, tuple.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return keys
}

// filesIn are the files of a directory with what is in them.
func filesIn(t *testing.T, directory string) map[string]string {
	t.Helper()
	found, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range found {
		content, err := os.ReadFile(filepath.Join(directory, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[file.Name()] = string(content)
	}
	return files
}

func TestAGlanceAtAFileChangesNothing(t *testing.T) {
	directory := t.TempDir()
	options := openfga.EmbeddedOptions{Path: filepath.Join(directory, "store.db"), Timeout: patience}
	missing, err := openfga.OpenFileReadOnly(t.Context(), options)
	if err != nil || len(missing.Lacking) != 1 || len(seen(t, missing)) != 0 || len(filesIn(t, directory)) != 0 {
		t.Errorf("no file: %v, %v, and then there is %v", missing, err, filesIn(t, directory))
	}

	opened := openEmbedded(t, options.Path)
	write(t, opened, granted)
	_, err = openfga.OpenFileReadOnly(t.Context(), options)
	if err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), "--openfga-server") {
		t.Errorf("a file in use: %v", err)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}

	before := filesIn(t, directory)
	found, err := openfga.OpenFileReadOnly(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Lacking) > 0 {
		t.Errorf("a store that is there lacks %v", found.Lacking)
	}
	if keys := seen(t, found); len(keys) != 1 || keys[0] != granted.Key {
		t.Errorf("found %v", keys)
	}
	options.StoreName = "other"
	other, err := openfga.OpenFileReadOnly(t.Context(), options)
	if err != nil || len(other.Lacking) != 1 || len(seen(t, other)) != 0 {
		t.Errorf("a store that is not in the file: %v, %v", other, err)
	}
	if after := filesIn(t, directory); !maps.Equal(before, after) {
		t.Error("the files are not as they were")
	}
}

func TestAGlanceAtAServerMakesNothing(t *testing.T) {
	running := server.Start(t, server.Options{Engine: "sqlite", URI: filepath.Join(t.TempDir(), "openfga.db"), Keys: []string{preSharedKey}})
	options := optionsFor(t, running)
	look := func(want int) *openfga.ReadOnly {
		t.Helper()
		g, err := openfga.OpenRemoteReadOnly(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Lacking) != want {
			t.Errorf("it lacks %v", g.Lacking)
		}
		return g
	}
	// What a first readOnly had made, a second would find.
	for range 2 {
		if keys := seen(t, look(1)); len(keys) > 0 {
			t.Errorf("found %v", keys)
		}
	}
	client := anyone(t, running)
	made, err := client.CreateStore(t.Context(), &openfgav1.CreateStoreRequest{Name: "bailiwick"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		seen(t, look(1))
	}
	models, err := client.ReadAuthorizationModels(t.Context(), &openfgav1.ReadAuthorizationModelsRequest{StoreId: made.GetId()})
	if err != nil || len(models.GetAuthorizationModels()) > 0 {
		t.Errorf("there are models: %v, %v", models, err)
	}
	write(t, openRemote(t, options), granted)
	if keys := seen(t, look(0)); len(keys) != 1 || keys[0] != granted.Key {
		t.Errorf("found %v", keys)
	}
	running.Stop()
	_, err = openfga.OpenRemoteReadOnly(t.Context(), options)
	expectUnavailable(t, err)
}

func TestTheEmbeddedStoreOfARunningOperatorCanBeLookedAtThroughItsAPI(t *testing.T) {
	running := serve(t)
	write(t, running.store, granted)
	g, err := openfga.OpenRemoteReadOnly(t.Context(), openfga.RemoteOptions{Address: running.grpcAddress, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	if keys := seen(t, g); len(g.Lacking) > 0 || len(keys) != 1 || keys[0] != granted.Key {
		t.Errorf("it lacks %v, and has %v", g.Lacking, keys)
	}
}
