// Command apicheck holds the CRDs of the tree against those of the version before: an object that was valid
// must stay valid, and whatever could be read must still be there.
//
// It takes two directories, the earlier one first. It exits with 1, and says what is wrong and what to do,
// where the API has become narrower.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const remedy = `
apicheck: objects that are valid with the version before would be refused, or people and programs that read
them would miss something. Undo the changes above, or make room for both:
  - keep a field that nobody needs any more, and say in its comment that it has no effect
  - put a stricter rule into the controller, which says so in a condition, instead of into the schema; or let
    a CEL rule pass what is unchanged: "oldSelf.hasValue() && self == oldSelf.value() || ..." with
    optionalOldSelf
  - give a new required field a default
If a change is meant to break, write in CHANGELOG.md what users have to do before they upgrade, and take a
new snapshot of the API with hack/snapshot.sh, so that reviewers see both in one diff.
`

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: apicheck <CRDs of the version before> <CRDs of now>")
		os.Exit(2)
	}
	findings, err := run(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "apicheck:", err)
		os.Exit(2)
	}
	for _, finding := range findings {
		fmt.Fprintln(os.Stderr, finding)
	}
	if len(findings) > 0 {
		fmt.Fprint(os.Stderr, remedy)
		os.Exit(1)
	}
}

func run(before, now string) ([]string, error) {
	old, err := read(before)
	if err != nil {
		return nil, err
	}
	current, err := read(now)
	if err != nil {
		return nil, err
	}
	return Compare(old, current), nil
}

// read returns the CRDs in a directory by their names. A directory without any is an error.
func read(directory string) (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", directory, err)
	}
	definitions := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a CRD: %w", err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(content, definition); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		if definition.Kind == "CustomResourceDefinition" {
			definitions[definition.Name] = definition
		}
	}
	if len(definitions) == 0 {
		return nil, fmt.Errorf("%s has no CRDs", directory)
	}
	return definitions, nil
}
