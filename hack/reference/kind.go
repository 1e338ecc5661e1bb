package main

import (
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// kindPage is the reference of a kind.
func kindPage(definition apiextensionsv1.CustomResourceDefinition) string {
	names, version, root := definition.Spec.Names, definition.Spec.Versions[0], schema(definition)
	var page strings.Builder
	fmt.Fprintf(&page, "# %s: reference\n\n%s\n%s\n\n", names.Kind, notice, oneLine(root.Description))
	fmt.Fprintf(&page, "[The page of the kind](../kinds/%s.md) explains it with examples, reasons and remedies.\n\n", names.Singular)

	page.WriteString("| | |\n|---|---|\n")
	fmt.Fprintf(&page, "| `apiVersion` | `%s/%s` |\n", definition.Spec.Group, version.Name)
	fmt.Fprintf(&page, "| `kind` | `%s` |\n", names.Kind)
	fmt.Fprintf(&page, "| short name | `%s` |\n", strings.Join(names.ShortNames, "`, `"))
	if definition.Spec.Scope == apiextensionsv1.ClusterScoped {
		page.WriteString("| is in | the cluster, in no namespace |\n")
	} else {
		page.WriteString("| is in | the namespace of its organization |\n")
	}
	var selectable []string
	for _, field := range version.SelectableFields {
		selectable = append(selectable, "`"+strings.TrimPrefix(field.JSONPath, ".")+"`")
	}
	if len(selectable) > 0 {
		fmt.Fprintf(&page, "| `--field-selector` takes | %s |\n", strings.Join(selectable, ", "))
	}
	var columns, wide []string
	for _, column := range version.AdditionalPrinterColumns {
		if column.Priority == 0 {
			columns = append(columns, column.Name)
		} else {
			wide = append(wide, column.Name)
		}
	}
	fmt.Fprintf(&page, "| `kubectl get` shows | %s |\n", strings.Join(columns, ", "))
	if len(wide) > 0 {
		fmt.Fprintf(&page, "| with `-o wide` also | %s |\n", strings.Join(wide, ", "))
	}

	rules := rulesOf("", root)
	for _, part := range []struct{ title, name string }{{"Spec", "spec"}, {"Status", "status"}} {
		fmt.Fprintf(&page, "\n## %s\n\n", part.title)
		fields := fieldsOf(part.name, root.Properties[part.name], rules)
		page.WriteString("| field | type | bounds | default | meaning |\n|---|---|---|---|---|\n")
		for _, field := range fields {
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", field.path, field.kind, cell(field.bounds), field.fallback, cell(field.meaning))
		}
	}

	page.WriteString("\n## What is refused\n\nBeside what is out of bounds. A rule for updates compares with what was there before.\n\n")
	page.WriteString("| field | when | the answer |\n|---|---|---|\n")
	for _, rule := range rules {
		when := "always"
		if rule.onUpdate {
			when = "update"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", rule.path, when, cell(rule.message))
	}
	return page.String()
}

type rule struct {
	path, message string
	onUpdate      bool
}

// fixes tells a rule that keeps a field as it is.
func (r rule) fixes() bool { return r.onUpdate && strings.HasPrefix(r.message, "can't be") }

// rulesOf are the rules of a schema and of everything below it, in the order of the paths they are about.
func rulesOf(path string, of apiextensionsv1.JSONSchemaProps) []rule {
	var rules []rule
	walk(path, of, func(path string, of apiextensionsv1.JSONSchemaProps, _ bool) {
		for _, validation := range of.XValidations {
			found := rule{path: strings.TrimPrefix(path+validation.FieldPath, "."), message: validation.Message, onUpdate: strings.Contains(validation.Rule, "oldSelf")}
			if !slices.Contains(rules, found) {
				rules = append(rules, found)
			}
		}
	})
	slices.SortStableFunc(rules, func(a, b rule) int { return strings.Compare(a.path, b.path) })
	return rules
}
