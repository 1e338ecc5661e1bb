package openfga

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	openfgamigrate "github.com/openfga/openfga/pkg/storage/migrate"
)

// ErrNotOurs means that the file of the embedded store is a database of another application. Nothing in it is changed.
var ErrNotOurs = errors.New("the file is a database of another application, and was left alone: name a file of its own with --store-path")

// openFGATables are those that OpenFGA makes in a SQLite file, the one that notes its migrations included.
var openFGATables = []any{"tuple", "authorization_model", "store", "assertion", "changelog", "goose_db_version"}

// tablesToRecognize is how many of them make a file OpenFGA's. Other applications have tables called "store" too, and
// a damaged file may lack some.
const tablesToRecognize = 3

func withDatabase(uri string, do func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

// soundHeader finds what SQLite does not report as damage: a file of a format that it does not know is read-only to it.
func soundHeader(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	var header [20]byte
	read, err := io.ReadFull(file, header[:])
	if err := errors.Join(ignoreEnd(err), file.Close()); err != nil {
		return err
	}
	const writeVersion, readVersion, newest = 18, 19, 2
	if read == len(header) && (header[writeVersion] > newest || header[readVersion] > newest) {
		return damaged(errors.New("its header names a format that SQLite does not have"))
	}
	return nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// ours refuses a database in which there is something, but nothing of OpenFGA. Of what lacks a part of OpenFGA only a
// database that holds together is another application's; the rest is damage.
func ours(ctx context.Context, db *sql.DB) error {
	var all, known int
	err := db.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT CASE WHEN tbl_name IN (?, ?, ?, ?, ?, ?) THEN tbl_name END) FROM sqlite_schema",
		openFGATables...).Scan(&all, &known)
	if err != nil {
		return err
	}
	if all == 0 || known >= tablesToRecognize {
		return nil
	}
	if known == 0 || integrity(ctx, db) == nil {
		return ErrNotOurs
	}
	return nil
}

// integrity reads everything in the file, indexes included. PRAGMA quick_check would take 0.2 s instead of 1.5 s for
// 100,000 tuples, but does not compare an index with its table. Decisions are made by the index, and the comparison of
// the whole store reads the table: where the index names somebody else, they would be allowed and nothing be repaired.
func integrity(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	return nil
}

// freshSchema is the schema of a file that OpenFGA has just made.
var freshSchema = sync.OnceValues(func() (made []string, err error) {
	// The database is there as long as somebody has it open.
	const uri = "file:bailiwick-schema?mode=memory&cache=shared"
	err = withDatabase(uri, func(db *sql.DB) error {
		ctx, cancel := context.WithTimeout(context.Background(), migrationTimeout)
		defer cancel()
		if err := db.PingContext(ctx); err != nil {
			return err
		}
		if err := migrate(uri); err != nil {
			return err
		}
		made, err = schema(ctx, db)
		return err
	})
	return made, err
})

// schema is what defines each table and index, in order, and the last migration. It is empty in an empty file.
func schema(ctx context.Context, db *sql.DB) (defined []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, '') FROM sqlite_schema ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var definition string
		if err := rows.Scan(&definition); err != nil {
			return nil, err
		}
		defined = append(defined, definition)
	}
	if err := rows.Err(); err != nil || len(defined) == 0 {
		return nil, err
	}
	var version string
	err = db.QueryRowContext(ctx, "SELECT CAST(max(version_id) AS TEXT) FROM goose_db_version").Scan(&version)
	return append(defined, "version "+version), err
}

// migrating is held because OpenFGA's migrations keep their settings in variables of the process.
var migrating sync.Mutex

func migrate(uri string) error {
	migrating.Lock()
	defer migrating.Unlock()
	return openfgamigrate.RunMigrations(openfgamigrate.MigrationConfig{
		Engine:      "sqlite",
		URI:         uri,
		Timeout:     migrationTimeout,
		PingTimeout: migrationTimeout,
	})
}
