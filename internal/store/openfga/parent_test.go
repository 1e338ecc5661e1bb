package openfga

import (
	"context"
	"testing"
	"time"

	"github.com/openfga/openfga/pkg/storage"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// countingReads counts what is read of an object's relations.
type countingReads struct {
	storage.OpenFGADatastore
	reads map[string]int
}

// Read implements storage.RelationshipTupleReader.
func (d countingReads) Read(
	ctx context.Context, storeID string, filter storage.ReadFilter, options storage.ReadOptions,
) (storage.TupleIterator, error) {
	d.reads[filter.Object+" "+filter.Relation]++
	return d.OpenFGADatastore.Read(ctx, storeID, filter, options)
}

// A question that says where its object lies must not make OpenFGA look twice at what is above it.
func TestWhatAQuestionSaysOfItsObjectIsNotReadAgain(t *testing.T) {
	const flow, project = "resource:acme/prod/vision/flow/42", "project:acme/prod/vision"
	counted := countingReads{reads: map[string]int{}}
	opened, err := openFile(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	counted.OpenFGADatastore = opened.datastore
	opened.datastore = counted
	embedded, err := embed(t.Context(), opened, EmbeddedOptions{StoreName: defaultStoreName, Timeout: time.Minute, Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = embedded.Close() }()
	err = embedded.Write(t.Context(), []store.Tuple{
		{Key: store.Key{Object: flow, Relation: store.RelationParent, User: project}},
		{Key: store.Key{Object: project, Relation: store.RelationParent, User: "workspace:acme/prod"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for parent, want := range map[string]int{"": 1, project: 0} {
		clear(counted.reads)
		question := store.Question{Key: store.Key{Object: flow, Relation: store.RelationCan, User: "user:alice"}, Parent: parent, Permission: "App:View", Time: time.Now()}
		if _, err := embedded.Check(t.Context(), question); err != nil {
			t.Fatal(err)
		}
		if got := counted.reads[flow+" parent"]; got != want {
			t.Errorf("said %q: the object's parent was read %d times, want %d", parent, got, want)
		}
		if got := counted.reads[project+" parent"]; got != 1 {
			t.Errorf("said %q: the parent above it was read %d times, want 1", parent, got)
		}
	}
}
