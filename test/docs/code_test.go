package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
)

// TestEveryFunctionThatIsNamedIsThere: a page that leads through the code leads through the code as it is.
func TestEveryFunctionThatIsNamedIsThere(t *testing.T) {
	named, files := 0, map[string]sets.Set[string]{}
	for _, page := range pages(t) {
		for _, link := range page.code {
			named++
			path := filepath.Join(top, filepath.Dir(page.path), link.file)
			if files[path] == nil {
				files[path] = functionsIn(t, path)
			}
			if !files[path].Has(link.name) {
				t.Errorf("%s: %s is not in %s", page.path, link.name, link.file)
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d functions were found", named)
	}
	for path, functions := range files {
		if functions.Has("engine.Nothing") {
			t.Errorf("%s has everything", path)
		}
	}
}

// functionsIn are the functions of a file, and its methods as Type.Name.
func functionsIn(t *testing.T, path string) sets.Set[string] {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := sets.New[string]()
	for _, declaration := range file.Decls {
		if function, is := declaration.(*ast.FuncDecl); is {
			names.Insert(nameOf(function))
		}
	}
	return names
}

func nameOf(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return function.Name.Name
	}
	receiver := function.Recv.List[0].Type
	if pointer, is := receiver.(*ast.StarExpr); is {
		receiver = pointer.X
	}
	if of, is := receiver.(*ast.Ident); is {
		return of.Name + "." + function.Name.Name
	}
	return function.Name.Name
}
