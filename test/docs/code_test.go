package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// TestEveryFunctionThatIsNamedIsThere: a page that leads through the code leads through the code as it is.
func TestEveryFunctionThatIsNamedIsThere(t *testing.T) {
	named := 0
	for _, page := range pages(t) {
		for _, link := range page.code {
			named++
			if declares(t, filepath.Join(top, filepath.Dir(page.path), link.file), "engine.Nothing") {
				t.Errorf("%s declares everything", link.file)
			}
			if !declares(t, filepath.Join(top, filepath.Dir(page.path), link.file), link.name) {
				t.Errorf("%s: %s is not in %s", page.path, link.name, link.file)
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d functions were found", named)
	}
}

// declares says whether a file has a function, or a method as Type.Name.
func declares(t *testing.T, path, name string) bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range file.Decls {
		if function, is := declaration.(*ast.FuncDecl); is && nameOf(function) == name {
			return true
		}
	}
	return false
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
