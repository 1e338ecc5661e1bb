package openfga

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

const (
	headerSize = 100
	pageSizeOf = 4096
	// seed makes the random values of these tests the same in every run.
	seed = 20261127
)

// storeFile is the file of an embedded store that nobody has open, with its write-ahead log if it has one.
type storeFile struct{ content, log []byte }

func (f storeFile) put(t *testing.T, path string) {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm", suffix, suffix + "-wal"} {
		if err := unlessMissing(os.Remove(path + suffix)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, f.content, 0o600); err != nil {
		t.Fatal(err)
	}
	if f.log != nil {
		if err := os.WriteFile(path+"-wal", f.log, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// changed is the file with another value of one byte.
func (f storeFile) changed(at int, value byte) storeFile {
	f.content = slices.Clone(f.content)
	f.content[at] = value
	return f
}

func taken(t *testing.T, path string) (f storeFile) {
	t.Helper()
	var err error
	if f.content, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if f.log, err = os.ReadFile(path + "-wal"); unlessMissing(err) != nil {
		t.Fatal(err)
	}
	return f
}

func person(n int) string { return fmt.Sprintf("user:person%02d", n) }

func right(n int) store.Tuple {
	given, err := structpb.NewStruct(map[string]any{"permissions": map[string]any{"App:View": true}, "rules": map[string]any{}})
	if err != nil {
		panic(err) // JSON can say it
	}
	return store.Tuple{Key: store.Key{Object: "organization:acme", Relation: "grant_a", User: person(n)}, Context: given}
}

// rights are those that the cluster describes in these tests: everybody with an even number has one.
func rights() (wanted []store.Tuple) {
	for n := 0; n < 40; n += 2 {
		wanted = append(wanted, right(n))
	}
	return wanted
}

func opened(t *testing.T, path string) *EmbeddedStore {
	t.Helper()
	opened, err := Embedded(t.Context(), EmbeddedOptions{Path: path, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func written(t *testing.T, s store.Store, writes []store.Tuple, deletes []store.Key) {
	t.Helper()
	if err := s.Write(t.Context(), writes, deletes); err != nil {
		t.Fatal(err)
	}
}

// ages are the files of an embedded store as a start may find them: just made, in use and closed in order, and left
// by an operator that was killed.
func ages(t *testing.T) map[string]storeFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	closed := func(s *EmbeddedStore) storeFile {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return taken(t, path)
	}
	files := map[string]storeFile{"fresh": closed(opened(t, path))}
	used := opened(t, path)
	written(t, used, rights(), nil)
	written(t, used, []store.Tuple{right(1), right(3)}, nil)
	written(t, used, nil, []store.Key{right(1).Key, right(3).Key})
	files["in use"] = closed(used)
	killed := opened(t, path)
	written(t, killed, []store.Tuple{right(5)}, []store.Key{right(2).Key})
	files["with a WAL"] = taken(t, path)
	if len(files["with a WAL"].log) == 0 {
		t.Fatal("there is no WAL")
	}
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	return files
}

// schemaPages are the offsets of the pages that define the tables.
func schemaPages(t *testing.T, f storeFile) (offsets []int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	storeFile{content: f.content}.put(t, path)
	err := withDatabase(path, func(db *sql.DB) error {
		rows, err := db.QueryContext(t.Context(), "SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var page int
			if err := rows.Scan(&page); err != nil {
				return err
			}
			offsets = append(offsets, (page-1)*pageSizeOf)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return offsets
}

// dump is all that a file holds, and shows that it can be written to.
func dump(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	err := withDatabase(path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)", func(db *sql.DB) error {
		if _, err := db.ExecContext(t.Context(), "UPDATE store SET name = name"); err != nil {
			return err
		}
		for _, table := range openFGATables {
			if err := dumpTable(t, db, table, &all); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return all.String()
}

func dumpTable(t *testing.T, db *sql.DB, table any, to *strings.Builder) (err error) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf("SELECT * FROM %s ORDER BY rowid", table))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for n := range values {
			values[n] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return err
		}
		for _, value := range values {
			fmt.Fprintf(to, "%v|", *value.(*any))
		}
	}
	return rows.Err()
}

// sweep changes bytes in turn, and expects of each that the file counts as damaged, or holds what it held.
func sweep(t *testing.T, f storeFile, values func(at int) []byte, offsets []int) {
	t.Helper()
	directory := t.TempDir()
	sound := filepath.Join(directory, "sound.db")
	f.put(t, sound)
	want := dump(t, sound)
	next := make(chan int)
	var workers sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			path := filepath.Join(directory, fmt.Sprintf("%d.db", worker))
			for at := range next {
				for _, value := range values(at) {
					f.changed(at, value).put(t, path)
					file, err := openFile(t.Context(), path)
					if err != nil {
						if !errors.Is(err, ErrDamaged) {
							t.Errorf("byte %d = %d: %v", at, value, err)
						}
						continue
					}
					if err := file.close(); err != nil {
						t.Errorf("byte %d = %d: %v", at, value, err)
					}
					if got := dump(t, path); got != want {
						t.Errorf("byte %d = %d: the file is taken and holds\n%q, want\n%q", at, value, got, want)
					}
				}
			}
		})
	}
	for _, at := range offsets {
		next <- at
	}
	close(next)
	workers.Wait()
}

func upTo(n int) (offsets []int) {
	for at := range n {
		offsets = append(offsets, at)
	}
	return offsets
}

func TestEveryByteOfTheHeaderMayBeDamaged(t *testing.T) {
	for age, file := range ages(t) {
		t.Run(age, func(t *testing.T) {
			sweep(t, file, func(at int) []byte {
				was := file.content[at]
				values := []byte{0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, was + 1, was - 1, was ^ 0x20}
				slices.Sort(values)
				return slices.DeleteFunc(slices.Compact(values), func(value byte) bool { return value == was })
			}, upTo(headerSize))
		})
	}
}

func TestEveryByteOfTheSchemaMayBeDamaged(t *testing.T) {
	every := 1
	if testing.Short() {
		every = 5
	}
	for age, file := range ages(t) {
		t.Run(age, func(t *testing.T) {
			var offsets []int
			for _, page := range schemaPages(t, file) {
				for _, n := range upTo(pageSizeOf) {
					if at := page + n; at >= headerSize && at%every == 0 && file.content[at] != 0 {
						offsets = append(offsets, at)
					}
				}
			}
			t.Logf("%d bytes, seed %d", len(offsets), seed)
			sweep(t, file, func(at int) []byte {
				random := rand.New(rand.NewPCG(seed, uint64(at)))
				return []byte{file.content[at] ^ byte(1+random.UintN(255))}
			}, offsets)
		})
	}
}

// repaired brings a store to the wanted tuples, as the comparison at a start does.
func repaired(t *testing.T, s store.Store) {
	t.Helper()
	missing := map[store.Key]store.Tuple{}
	for _, tuple := range rights() {
		missing[tuple.Key] = tuple
	}
	var foreign []store.Key
	err := s.Walk(t.Context(), func(tuple store.Tuple) error {
		if want, ok := missing[tuple.Key]; ok && proto.Equal(want.Context, tuple.Context) {
			delete(missing, tuple.Key)
		} else {
			foreign = append(foreign, tuple.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	written(t, s, nil, foreign)
	written(t, s, slices.Collect(maps.Values(missing)), nil)
}

func expectRights(t *testing.T, s store.Store) {
	t.Helper()
	for n := range 40 {
		got, err := s.Check(t.Context(), store.Question{
			Key:        store.Key{Object: "organization:acme", Relation: "can", User: person(n)},
			Permission: "App:View", Time: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if want := n%2 == 0; err != nil || got != want {
			t.Errorf("%s: got %t, %v, want %t", person(n), got, err, want)
		}
	}
}

// expectRecovery takes a damaged file all the way.
func expectRecovery(t *testing.T, f storeFile) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	f.put(t, path)
	s := opened(t, path)
	// What is found when everything is read for the first time ends the operator; its next start begins anew.
	if err := s.Walk(t.Context(), func(store.Tuple) error { return nil }); err != nil {
		if !errors.Is(s.watch.found(), ErrDamaged) {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = opened(t, path)
	}
	repaired(t, s)
	expectRights(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEmbeddedStartsWhateverByteIsDamaged(t *testing.T) {
	for age, file := range ages(t) {
		t.Run(age, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			offsets := []int{18, 19, 44, 47, 59} // formats, versions and encoding, which SQLite reports each in its own way
			for range 4 {
				offsets = append(offsets, random.IntN(headerSize), random.IntN(len(file.content)))
			}
			for _, at := range offsets {
				value := file.content[at] ^ byte(1+random.UintN(255))
				t.Run(fmt.Sprintf("byte %d = %d", at, value), func(t *testing.T) { expectRecovery(t, file.changed(at, value)) })
			}
		})
	}
}

func TestEmbeddedStartsWhereNoiseIsInItsFile(t *testing.T) {
	file := ages(t)["in use"]
	for n := range seeds.Of(t, 4) {
		t.Run(fmt.Sprintf("seed %d", n), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, n))
			damaged := storeFile{content: slices.Clone(file.content)}
			for range 1 + random.IntN(100) {
				at := random.IntN(len(damaged.content) - 64)
				for n := range 64 {
					damaged.content[at+n] = byte(random.UintN(256))
				}
			}
			expectRecovery(t, damaged)
		})
	}
}

// What OpenFGA can't read does not look damaged to SQLite.
func TestEmbeddedIsDamagedWhereOpenFGACannotReadItAtAStart(t *testing.T) {
	for name, statement := range map[string]string{
		"a tuple":     "UPDATE tuple SET inserted_at = 'never' WHERE user_object_id = 'person04'",
		"the store":   "UPDATE store SET created_at = 'never'",
		"a condition": "UPDATE tuple SET condition_context = x'ff' WHERE user_object_id = 'person04'",
		"a migration": "UPDATE goose_db_version SET version_id = 5 WHERE version_id > 5",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			ages(t)["in use"].put(t, path)
			run := func(db *sql.DB) error { _, err := db.ExecContext(t.Context(), statement); return err }
			if err := withDatabase(path, run); err != nil {
				t.Fatal(err)
			}
			expectRecovery(t, taken(t, path))
		})
	}
}

func TestADatabaseOfAnotherApplicationIsRefusedAndLeftAlone(t *testing.T) {
	for name, statement := range map[string]string{
		"a shop":                 "CREATE TABLE store (name TEXT); CREATE TABLE goose_db_version (id INTEGER); CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('hat')",
		"nothing like OpenFGA's": "CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('hat')",
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, "store.db")
			run := func(db *sql.DB) error { _, err := db.ExecContext(t.Context(), statement); return err }
			if err := withDatabase(path, run); err != nil {
				t.Fatal(err)
			}
			before := taken(t, path)
			_, err := Embedded(t.Context(), EmbeddedOptions{Path: path})
			if !errors.Is(err, ErrNotOurs) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--store-path") {
				t.Errorf("got %v", err)
			}
			if after := taken(t, path); !bytes.Equal(before.content, after.content) {
				t.Error("the file was changed")
			}
			if files, err := os.ReadDir(directory); err != nil || len(files) != 1 {
				t.Errorf("there are %v, %v", files, err)
			}
		})
	}
}

// An index that does not say what its table says is no visible damage: a comparison of the whole store reads the
// table, a decision the index.
func TestEmbeddedDecidesByNoIndexThatLies(t *testing.T) {
	file := ages(t)["in use"]
	name := []byte("person04")
	for at := 0; ; at++ {
		found := bytes.Index(file.content[at:], name)
		if found < 0 {
			break
		}
		at += found
		t.Run(fmt.Sprintf("name at %d", at), func(t *testing.T) { expectRecovery(t, file.changed(at+len(name)-1, '5')) })
	}
}
