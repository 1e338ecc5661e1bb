package openfga

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openfga/openfga/pkg/storage"
	"github.com/openfga/openfga/pkg/storage/sqlcommon"
	"github.com/openfga/openfga/pkg/storage/sqlite"
)

const (
	// migrationTimeout bounds how long the file may be locked by somebody else at the start.
	migrationTimeout = 10 * time.Second
	// idleConnections are kept open: opening one costs more than most queries. There is no limit to
	// those in use, since a decision reads from several at once and must not wait for itself.
	idleConnections = 16
)

// file is an open SQLite file with OpenFGA's tables in it.
type file struct {
	datastore storage.OpenFGADatastore
	// temporary is the directory to remove in the end, if any.
	temporary string
}

// openFile opens and prepares the file, or a temporary one if path is empty. SQLite's own databases
// in memory are no way: they have no write-ahead log, so readers and the writer lock each other out.
func openFile(ctx context.Context, path string) (*file, error) {
	opened := &file{}
	// A second process may read the file at any time, and may hold its lock for a moment.
	pragmas := "?_pragma=busy_timeout(1000)"
	if path == "" {
		directory, err := os.MkdirTemp("", "bailiwick-store-")
		if err != nil {
			return nil, fmt.Errorf("making a place for the temporary store: %w", err)
		}
		opened.temporary = directory
		path = filepath.Join(directory, "store.db")
		// It does not survive the process, so it need not survive the machine.
		pragmas += "&_pragma=synchronous(OFF)"
	}
	datastore, err := prepare(ctx, path, pragmas)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store's file %s: %w", path, err), opened.removeTemporary())
	}
	opened.datastore = datastore
	return opened, nil
}

func (f *file) close() error {
	f.datastore.Close()
	return f.removeTemporary()
}

func (f *file) removeTemporary() error {
	if f.temporary == "" {
		return nil
	}
	return os.RemoveAll(f.temporary)
}

func prepare(ctx context.Context, path, pragmas string) (storage.OpenFGADatastore, error) {
	if strings.Contains(path, "?") {
		return nil, errors.New(`the path has a "?", which SQLite does not take`)
	}
	// Nothing else says plainly that a file or its directory may not be written.
	probe, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := probe.Close(); err != nil {
		return nil, err
	}
	if err := soundHeader(path); err != nil {
		return nil, err
	}
	want, err := freshSchema()
	if err != nil {
		return nil, fmt.Errorf("making an empty database to compare with: %w", err)
	}
	opened, err := openDatabase(ctx, path+pragmas, want)
	if err != nil && !errors.Is(err, ErrNotOurs) && !environmental(err) {
		return nil, damaged(err)
	}
	return opened, err
}

// openDatabase checks the file before and after OpenFGA's migrations. SQLite and OpenFGA report damage in so many
// ways that its caller counts every error as damage that is not plainly of another kind.
func openDatabase(ctx context.Context, uri string, want []string) (storage.OpenFGADatastore, error) {
	var got []string
	inspect := func(db *sql.DB) (err error) {
		got, err = schema(ctx, db)
		return err
	}
	err := withDatabase(uri, func(db *sql.DB) error {
		if err := ours(ctx, db); err != nil {
			return err
		}
		if err := integrity(ctx, db); err != nil {
			return err
		}
		return inspect(db)
	})
	if err == nil && !slices.Equal(got, want) {
		if err = migrate(uri); err == nil {
			err = withDatabase(uri, inspect)
		}
	}
	if err != nil {
		return nil, err
	}
	if !slices.Equal(got, want) {
		return nil, fmt.Errorf("%w: its tables are not those of OpenFGA", ErrDamaged)
	}
	return datastore(uri)
}

func datastore(uri string) (storage.OpenFGADatastore, error) {
	uri, err := sqlite.PrepareDSN(uri)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(idleConnections)
	datastore, err := sqlite.NewWithDB(db, sqlcommon.NewConfig())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return datastore, nil
}
