package openfga

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// ReadOnly is what there is of a store before an operator starts with it. Nothing is written by it, also where
// the store is not there yet.
type ReadOnly struct {
	// Lacking is what a start makes before anything else: the store, its model. Each is for people.
	Lacking []string
	store   *Store
}

// Walk calls visit for every tuple of the store, of which there is none where there is no store.
func (g *ReadOnly) Walk(ctx context.Context, visit func(store.Tuple) error) error {
	if g.store == nil || g.store.storeID == "" {
		return nil
	}
	return g.store.read(ctx, visit)
}

// Close lets go of the store.
func (g *ReadOnly) Close() error {
	if g.store == nil {
		return nil
	}
	return g.store.Close()
}

// OpenRemoteReadOnly looks at a store in an OpenFGA server. That may be the embedded one of an operator that runs.
// The error is ErrUnavailable if it does not answer, and ErrForeign if a start would refuse it; without an owner that is
// not looked at.
func OpenRemoteReadOnly(ctx context.Context, options RemoteOptions) (*ReadOnly, error) {
	remote, err := dial(options)
	if err != nil {
		return nil, err
	}
	options.StoreName = cmp.Or(options.StoreName, defaultStoreName)
	g, err := readOnly(ctx, remote, options.StoreName)
	if err != nil || options.Owner == "" || remote.storeID == "" {
		return g, err
	}
	if _, err := remote.admit(ctx, options); err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	return g, nil
}

// OpenFileReadOnly looks at the file of an embedded store that no operator has open.
func OpenFileReadOnly(ctx context.Context, options EmbeddedOptions) (*ReadOnly, error) {
	if _, err := os.Stat(options.Path); errors.Is(err, os.ErrNotExist) {
		return &ReadOnly{Lacking: []string{fmt.Sprintf("the file %s", options.Path)}}, nil
	} else if err != nil {
		return nil, fmt.Errorf("looking for the store's file: %w", err)
	}
	// What was written last is there until the file is closed in order. It can't be read without the lock on
	// the file, which is a write.
	if log, err := os.Stat(options.Path + "-wal"); err == nil && log.Size() > 0 {
		return nil, fmt.Errorf("the store's file %s is in use, or was not closed: ask the operator that has it instead, as with --openfga-server=127.0.0.1:8081 --openfga-tls=false in its Pod or through kubectl port-forward; or stop that operator", options.Path)
	}
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	// Nobody changes it meanwhile, and no lock or other file is made beside it.
	datastore, err := datastore("file:" + options.Path + "?mode=ro&immutable=1")
	if err != nil {
		return nil, fmt.Errorf("opening the store's file %s: %w", options.Path, err)
	}
	embedded, err := serveFile(&file{datastore: datastore}, options)
	if err != nil {
		return nil, err
	}
	return readOnly(ctx, embedded.Store, cmp.Or(options.StoreName, defaultStoreName))
}

func readOnly(ctx context.Context, s *Store, name string) (*ReadOnly, error) {
	g := &ReadOnly{store: s}
	var err error
	if s.storeID, err = s.findStore(ctx, name); err != nil {
		return nil, errors.Join(mapped("looking for the store "+name, err), s.Close())
	}
	if s.storeID == "" {
		g.Lacking = append(g.Lacking, "the store "+name)
		return g, nil
	}
	if s.modelID, err = s.findModel(ctx); err != nil {
		return nil, errors.Join(mapped("reading the model of the store "+name, err), s.Close())
	}
	if s.modelID == "" {
		g.Lacking = append(g.Lacking, "the model of this version in the store "+name)
	}
	return g, nil
}
