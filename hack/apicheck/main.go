// Command apicheck holds the CRDs of the tree against those of the version before: an object that was valid
// must stay valid, and whatever could be read must still be there.
//
// It takes two directories, the earlier one first, and a file of the findings that are meant, one a line. It exits
// with 1, and says what is wrong and what to do, where the API has become narrower in another way, and where a
// line of the file is no finding any more.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
If a change is meant to break, write in CHANGELOG.md what users have to do before they upgrade, and add the
findings above to hack/apicheck/breaking.txt, so that reviewers see both in one diff.
`

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: apicheck <CRDs of the version before> <CRDs of now> <findings that are meant>")
		os.Exit(2)
	}
	findings, err := run(os.Args[1], os.Args[2], os.Args[3])
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

func run(before, now, meant string) ([]string, error) {
	old, err := read(before)
	if err != nil {
		return nil, err
	}
	current, err := read(now)
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(meant)
	if err != nil {
		return nil, fmt.Errorf("reading what is meant to break: %w", err)
	}
	return unexpected(Compare(old, current), string(list)), nil
}

// unexpected are the findings that no line of a list names, and the lines that name no finding. Empty lines and
// those that begin with # are comments.
func unexpected(findings []string, list string) (unexpected []string) {
	var meant []string
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			meant = append(meant, line)
		}
	}
	for _, finding := range findings {
		if !slices.Contains(meant, finding) {
			unexpected = append(unexpected, finding)
		}
	}
	for _, line := range meant {
		if !slices.Contains(findings, line) {
			unexpected = append(unexpected, "said to be meant, and not found: remove the line: "+line)
		}
	}
	return unexpected
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
