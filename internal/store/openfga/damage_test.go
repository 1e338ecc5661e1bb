package openfga_test

import (
	"bytes"
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// damages are what may happen to a file that nobody has open.
var damages = map[string]func(t *testing.T, path string){
	"a letter": func(t *testing.T, path string) {
		overwrite(t, path, func([]byte) []byte { return []byte(strings.Repeat("This is a letter to my aunt. ", 1000)) })
	},
	"all but its first page overwritten": func(t *testing.T, path string) {
		overwrite(t, path, func(content []byte) []byte {
			copy(content[page:], bytes.Repeat([]byte("x"), len(content)))
			return content
		})
	},
	"cut in half": func(t *testing.T, path string) {
		overwrite(t, path, func(content []byte) []byte { return content[:len(content)/2] })
	},
	"cut in the middle of a page": func(t *testing.T, path string) {
		overwrite(t, path, func(content []byte) []byte { return content[:len(content)-page/2] })
	},
	"its header overwritten": func(t *testing.T, path string) {
		overwrite(t, path, func(content []byte) []byte {
			copy(content, "no header")
			return content
		})
	},
	"a page of noise": func(t *testing.T, path string) {
		overwrite(t, path, func(content []byte) []byte {
			random := rand.New(rand.NewPCG(1, 1))
			for n := range page {
				content[2*page+n] = byte(random.UintN(256))
			}
			return content
		})
	},
	"a table gone": func(t *testing.T, path string) { execute(t, path, "DROP TABLE store") },
	"the model garbled": func(t *testing.T, path string) {
		execute(t, path, "UPDATE authorization_model SET serialized_protobuf = x'ff'")
	},
}

const page = 4096

func overwrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// filled is the path of a file in which something is granted.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	opened := openEmbedded(t, path)
	write(t, opened, granted)
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// opens takes a file and returns what was logged.
func opens(t *testing.T, path string) (*openfga.EmbeddedStore, *strings.Builder) {
	t.Helper()
	log := &strings.Builder{}
	opened, err := openfga.Embedded(t.Context(), openfga.EmbeddedOptions{Path: path, Timeout: patience,
		Log: funcr.New(func(_, line string) { log.WriteString(line + "\n") }, funcr.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	closeInTheEnd(t, opened)
	return opened, log
}

func TestEmbeddedBeginsAnewWhereItsFileIsDamaged(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			damage(t, path)
			was, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			opened, log := opens(t, path)
			expectCheck(t, opened, false)
			write(t, opened, granted)
			expectCheck(t, opened, true)
			kept, err := os.ReadFile(path + ".damaged")
			if err != nil || !bytes.Equal(kept, was) {
				t.Errorf("%d bytes are kept of %d, %v", len(kept), len(was), err)
			}
			for _, word := range []string{"damaged", "made anew", path} {
				if !strings.Contains(log.String(), word) {
					t.Errorf("the log does not say %q: %s", word, log)
				}
			}
		})
	}
}

func TestEmbeddedKeepsTheFirstDamagedFileOnly(t *testing.T) {
	path := filled(t)
	for range 3 {
		overwrite(t, path, func([]byte) []byte { return []byte(strings.Repeat("no database", 500)) })
		opened, _ := opens(t, path)
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
		overwrite(t, path+".damaged", func(content []byte) []byte { return append(content, "seen"...) })
	}
	if kept, err := os.ReadFile(path + ".damaged"); err != nil || strings.Count(string(kept), "seen") != 3 {
		t.Errorf("%d bytes are kept, %v", len(kept), err)
	}
	if files, err := filepath.Glob(path + "*"); err != nil || len(files) > 4 {
		t.Errorf("there are %v, %v", files, err)
	}
}

func TestEmbeddedTakesAnEmptyFile(t *testing.T) {
	path := filled(t)
	overwrite(t, path, func([]byte) []byte { return nil })
	opened, log := opens(t, path)
	expectCheck(t, opened, false)
	write(t, opened, granted)
	expectCheck(t, opened, true)
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
}

func TestEmbeddedAnswersNobodyOnceItsFileIsDamaged(t *testing.T) {
	for name, statement := range map[string]string{
		"what a tuple says is garbled": "UPDATE tuple SET condition_context = x'ff'",
		"the models are garbled":       "UPDATE authorization_model SET serialized_protobuf = x'ff'; UPDATE tuple SET condition_context = x'ff'",
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			opened, log := opens(t, path)
			expectCheck(t, opened, true)
			execute(t, path, statement)
			if _, err := opened.Check(t.Context(), asked); err == nil {
				t.Error("answered")
			}
			select {
			case <-opened.Damaged():
			default:
				t.Error("it does not know that the file is damaged")
			}
			for _, err := range []error{
				opened.Ping(t.Context()),
				opened.Write(t.Context(), nil, []store.Key{{Object: "group:a/b", Relation: "member", User: "user:c"}}),
			} {
				expectUnavailable(t, err)
			}
			if err := opened.Close(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "made anew") && !strings.Contains(log.String(), "makes everything") {
				t.Errorf("logged %s", log)
			}
			again, _ := opens(t, path)
			expectCheck(t, again, false)
			if _, err := os.Stat(path + ".damaged"); err != nil {
				t.Error(err)
			}
		})
	}
}
