package main

import (
	"context"
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// openFGA is the store that Bailiwick embeds, with its model and the tuples that it writes, asked without the wire.
type openFGA struct {
	store *openfga.EmbeddedStore
	// gone are the tuples that nobody wants any more once an assignment has been taken away, by its name.
	gone map[string][]store.Key
}

func startOpenFGA(ctx context.Context, w *world) (engine, error) {
	embedded, err := openfga.Embedded(ctx, openfga.EmbeddedOptions{})
	if err != nil {
		return nil, err
	}
	o, wanted := &openFGA{embedded, map[string][]store.Key{}}, stateOf(w)
	var written []store.Tuple
	for _, key := range wanted.DesiredTuples() {
		written = append(written, store.Tuple{Key: key})
	}
	for _, cell := range wanted.DesiredCells() {
		for n, context := range wanted.Contexts(cell) {
			if context == tuples.ForGood {
				context = nil
			}
			written = append(written, store.Tuple{Key: cell.Place(n), Context: context})
		}
	}
	for some := range slices.Chunk(written, store.MaxTuplesPerWrite) {
		if err := embedded.Write(ctx, some, nil); err != nil {
			return nil, err
		}
	}
	for _, a := range w.leaving() {
		change := wanted.Remove(ref(a))
		for _, touched := range change.Tuples {
			if !wanted.Desired(touched.What) {
				o.gone[a.name] = append(o.gone[a.name], touched.What)
			}
		}
		for _, touched := range change.Cells {
			for n := len(wanted.Contexts(touched.What)); n < touched.What.Places(); n++ {
				o.gone[a.name] = append(o.gone[a.name], touched.What.Place(n))
			}
		}
	}
	return o, nil
}

func (o *openFGA) may(ctx context.Context, q question) (bool, error) {
	return o.store.Check(ctx, store.Question{
		Key:        store.Key{Object: objectid.Scope(q.place.path()), Relation: store.RelationCan, User: objectid.User(q.user)},
		Permission: q.permission, Attributes: map[string]any{"amount": float64(q.amount)}, Time: time.Now(),
	})
}

func (o *openFGA) revoke(ctx context.Context, a assignment) error {
	return o.store.Write(ctx, nil, o.gone[a.name])
}

func (o *openFGA) close() error { return o.store.Close() }
