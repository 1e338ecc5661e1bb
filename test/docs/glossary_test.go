package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
)

// glossaryRow is a word of the glossary that a package has: the word, what it means, and the directory.
var glossaryRow = regexp.MustCompile("(?m)^\\| ([^|]+) \\| [^|]+ `(internal/[a-z/]+)` \\|$")

// TestTheGlossaryHasTheWordsOfTheCode: a word that the code has given up is given up in the glossary, too.
func TestTheGlossaryHasTheWordsOfTheCode(t *testing.T) {
	glossary, err := os.ReadFile(filepath.Join(top, "docs/glossary.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := glossaryRow.FindAllStringSubmatch(string(glossary), -1)
	if len(rows) < 5 {
		t.Errorf("only %d words of packages were found", len(rows))
	}
	for _, row := range rows {
		word, directory := row[1], row[2]
		if !identifiersIn(t, filepath.Join(top, directory)).Has(strings.ToLower(word)) {
			t.Errorf("docs/glossary.md: nothing in %s is called %s", directory, word)
		}
	}
}

// identifiersIn are the names in a package, in lower case.
func identifiersIn(t *testing.T, directory string) sets.Set[string] {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := sets.New[string]()
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if identifier, is := node.(*ast.Ident); is {
				names.Insert(strings.ToLower(identifier.Name))
			}
			return true
		})
	}
	return names
}
