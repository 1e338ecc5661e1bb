// Command reference writes docs/reference: each kind as the API server knows it, from its definition in
// config/crd/bases, and all reasons with what to do about them, from the source of the API and the pages
// of the kinds. The reasons also go into test/statuscheck, which holds statuses against them. `make generate` runs it, in the top
// directory.
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

const notice = "<!-- Written by `make generate`. Change the Go types, or the pages of the kinds. -->\n"

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// write writes the reference of the repository in a directory.
func write(root string) error {
	pages, err := generate(root)
	if err != nil {
		return err
	}
	directory := filepath.Join(root, "docs/reference")
	// A page of a kind that is gone goes too.
	if err := os.RemoveAll(directory); err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // For everyone to read, as the rest of the repository.
		return err
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	reasons, err := readReasons(filepath.Join(root, apiReasons))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "test/statuscheck/zz_generated.reasons.go"), []byte(reasonsSource(reasons)), 0o644)
}

// generate makes the pages, by file name.
func generate(root string) (map[string]string, error) {
	definitions, err := readDefinitions(filepath.Join(root, "config/crd/bases"))
	if err != nil {
		return nil, err
	}
	kinds := make([]string, len(definitions))
	pages := map[string]string{}
	for i, definition := range definitions {
		kinds[i] = definition.Spec.Names.Kind
		pages[definition.Spec.Names.Singular+".md"] = kindPage(definition)
	}
	reasons, err := reasonsPage(root, kinds)
	if err != nil {
		return nil, err
	}
	pages["reasons.md"] = reasons
	pages["README.md"] = indexPage(definitions)
	return pages, nil
}

func readDefinitions(directory string) ([]apiextensionsv1.CustomResourceDefinition, error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no definitions: run it in the top directory", directory)
	}
	var definitions []apiextensionsv1.CustomResourceDefinition
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &definition); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(definition.Spec.Versions) != 1 {
			return nil, fmt.Errorf("%s has %d versions: this program shows one", path, len(definition.Spec.Versions))
		}
		definitions = append(definitions, definition)
	}
	slices.SortFunc(definitions, func(a, b apiextensionsv1.CustomResourceDefinition) int {
		return strings.Compare(a.Spec.Names.Kind, b.Spec.Names.Kind)
	})
	return definitions, nil
}

func indexPage(definitions []apiextensionsv1.CustomResourceDefinition) string {
	var page strings.Builder
	page.WriteString("# Reference\n\n" + notice + "\n")
	page.WriteString("Every field with its type and bounds, what is refused and with which words, as the API server enforces it. The pages of the kinds explain the same with examples; [reasons](reasons.md) has every reason that a status can give, and what to do about it.\n\n")
	page.WriteString("| kind | short | is |\n|---|---|---|\n")
	for _, definition := range definitions {
		names := definition.Spec.Names
		fmt.Fprintf(&page, "| [%s](%s.md) | `%s` | %s |\n", names.Kind, names.Singular, strings.Join(names.ShortNames, "`, `"), cell(firstSentence(schema(definition).Description)))
	}
	return page.String()
}

func schema(definition apiextensionsv1.CustomResourceDefinition) apiextensionsv1.JSONSchemaProps {
	return *definition.Spec.Versions[0].Schema.OpenAPIV3Schema
}

func firstSentence(text string) string {
	sentence, _, found := strings.Cut(oneLine(text), ". ")
	if found {
		return sentence + "."
	}
	return sentence
}

// oneLine undoes the breaking of lines.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// cell makes text fit into a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(oneLine(text))
}
