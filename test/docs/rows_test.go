package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
)

const conformance = "docs/conformance.md"

var (
	// promise is a line of a table of promises: its rows, and what the last column says of them.
	promise = regexp.MustCompile(`(?m)^\| ([A-Z]\d+(?:, [A-Z]\d+)*) \|.*\| ([^|]+) \|$`)
	// namedRow is a row in the name of a test, or in the comment of one.
	namedRow = regexp.MustCompile(`\[([A-Z]\d+)\]`)
)

// TestEveryPromiseThatWorksIsNamedByATest: what the page says can be looked up, and run.
func TestEveryPromiseThatWorksIsNamedByATest(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(top, conformance))
	if err != nil {
		t.Fatal(err)
	}
	promises := promise.FindAllStringSubmatch(string(content), -1)
	if len(promises) < 90 {
		t.Errorf("only %d promises were found in %s", len(promises), conformance)
	}
	named := rowsNamedByTests(t)
	for _, found := range promises {
		for row := range strings.SplitSeq(found[1], ", ") {
			if strings.HasPrefix(found[2], "works") && !named.Has(row) {
				t.Errorf("%s says that %s works, but no test has [%s] in its name: name one that shows it, as in It(\"[%s] ...\"), "+
					"or above a function as in // [%s] ..., or say in its last column what is missing", conformance, row, row, row, row)
			}
		}
	}
}

func TestARowThatNoTestNamesIsFound(t *testing.T) {
	lines := "| Z1 | A promise. | works |\n| K1, K2 | Two, with `a` pipe. | works: both |\n| row | promise | |\n"
	var rows []string
	for _, found := range promise.FindAllStringSubmatch(lines, -1) {
		rows = append(rows, found[1]+": "+found[2])
	}
	if got := strings.Join(rows, "; "); got != "Z1: works; K1, K2: works: both" {
		t.Errorf("got %s", got)
	}
	if named := rowsNamedByTests(t); !named.HasAll("Z1", "C1", "I3") || named.Has("Z0") {
		t.Errorf("got %v", sets.List(named))
	}
}

// rowsNamedByTests are the rows that a test in Go or JavaScript, or what tests are made of, has in brackets.
func rowsNamedByTests(t *testing.T) sets.Set[string] {
	t.Helper()
	named := sets.New[string]()
	repository := os.DirFS(top)
	err := fs.WalkDir(repository, ".", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "bin"):
			return fs.SkipDir
		case entry.IsDir() || !isTest(path) || name == "rows_test.go":
			return nil
		}
		content, err := fs.ReadFile(repository, path)
		for _, found := range namedRow.FindAllStringSubmatch(string(content), -1) {
			named.Insert(found[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}

// isTest says whether a file is of tests: by its name, or since rows of the schema are declared in test/schema.
func isTest(path string) bool {
	switch {
	case strings.HasSuffix(path, "_test.go"), strings.HasSuffix(path, ".test.mjs"), strings.HasSuffix(path, ".test.js"):
		return true
	default:
		return strings.HasSuffix(path, ".go") && strings.HasPrefix(path, "test/schema/")
	}
}
