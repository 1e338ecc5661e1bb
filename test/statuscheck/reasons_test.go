package statuscheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestKnowsEveryReasonOfTheAPI(t *testing.T) {
	declared := reasonsDeclaredIn(t, "../../api/v1alpha1/status.go")
	if len(declared) == 0 {
		t.Fatal("found no reason in the source of the API")
	}
	known := slices.Sorted(slices.Values(reasons))
	if slices.Sort(declared); !slices.Equal(declared, known) {
		t.Errorf("the API declares %q\nthis package knows %q", declared, known)
	}
}

// reasonsDeclaredIn are the values of the constants whose names begin with Reason.
func reasonsDeclaredIn(t *testing.T, path string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
		return false
	})
	return values
}
