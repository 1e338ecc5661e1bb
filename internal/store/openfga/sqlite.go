package openfga

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openfga/openfga/pkg/storage"
	"github.com/openfga/openfga/pkg/storage/migrate"
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
	db, err := sql.Open("sqlite", path+pragmas)
	if err != nil {
		return nil, err
	}
	if err := integrity(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	if err := migrated(path + pragmas); err != nil {
		return nil, err
	}
	opened, err := datastore(path + pragmas)
	if err != nil {
		return nil, err
	}
	if err := complete(ctx, path+pragmas); err != nil {
		opened.Close()
		return nil, err
	}
	return opened, nil
}

// complete finds out whether all tables are there, which OpenFGA does not: it looks at what it has noted of its
// migrations.
func complete(ctx context.Context, uri string) error {
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return err
	}
	const tables = 5
	var found int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"+
		" AND name IN ('tuple', 'authorization_model', 'store', 'assertion', 'changelog')").Scan(&found)
	if err == nil && found < tables {
		err = fmt.Errorf("%w: %d of its %d tables are there", ErrDamaged, found, tables)
	}
	return errors.Join(err, db.Close())
}

// integrity finds a damaged file at the start, where it can be told, and not in the middle of a
// decision.
func integrity(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	return nil
}

// migrating is held because OpenFGA's migrations keep their settings in variables of the process.
var migrating sync.Mutex

func migrated(uri string) error {
	migrating.Lock()
	defer migrating.Unlock()
	return migrate.RunMigrations(migrate.MigrationConfig{
		Engine:      "sqlite",
		URI:         uri,
		Timeout:     migrationTimeout,
		PingTimeout: migrationTimeout,
	})
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
