package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// field is a line of the table of fields.
type field struct {
	path, kind, bounds, fallback, meaning string
}

// fieldsOf are the fields below a schema, each before those in it. The rules say which can't be changed.
func fieldsOf(path string, of apiextensionsv1.JSONSchemaProps, rules []rule) []field {
	var fields []field
	walk(path, of, func(at string, of apiextensionsv1.JSONSchemaProps, required bool) {
		isElement := strings.HasSuffix(at, "[]") || strings.HasSuffix(at, ".*")
		if at == path || isElement || isStandard(at) {
			return
		}
		bounds := boundsOf(of)
		if slices.ContainsFunc(rules, func(r rule) bool { return r.path == at && r.fixes() }) {
			bounds = append(bounds, "can't be changed")
		}
		fallback := ""
		switch {
		case of.Default != nil:
			fallback = "`" + string(of.Default.Raw) + "`"
		case required:
			fallback = "required"
		}
		fields = append(fields, field{
			path: at, kind: typeOf(of), bounds: strings.Join(bounds, "; "), fallback: fallback, meaning: of.Description,
		})
	})
	return fields
}

// isStandard tells the fields of Kubernetes' own conditions, which every kind has.
func isStandard(path string) bool { return strings.HasPrefix(path, "status.conditions[].") }

// walk visits a schema and all below it. The path of what is in a list has [] in it, in a map a star.
func walk(path string, of apiextensionsv1.JSONSchemaProps, visit func(path string, of apiextensionsv1.JSONSchemaProps, required bool)) {
	var below func(path string, of apiextensionsv1.JSONSchemaProps, required bool)
	inside := func(path string, of apiextensionsv1.JSONSchemaProps) {
		for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
			below(path+"."+name, of.Properties[name], slices.Contains(of.Required, name))
		}
	}
	elements := func(path string, of apiextensionsv1.JSONSchemaProps) {
		visit(path, of, false)
		inside(path, of)
	}
	below = func(path string, of apiextensionsv1.JSONSchemaProps, required bool) {
		visit(path, of, required)
		switch {
		case of.AdditionalProperties != nil && of.AdditionalProperties.Schema != nil:
			elements(path+".*", *of.AdditionalProperties.Schema)
		case of.Items != nil && of.Items.Schema != nil:
			elements(path+"[]", *of.Items.Schema)
		default:
			inside(path, of)
		}
	}
	below(path, of, false)
}

func typeOf(of apiextensionsv1.JSONSchemaProps) string {
	switch {
	case of.Items != nil:
		return "list of " + typeOf(*of.Items.Schema)
	case of.AdditionalProperties != nil:
		return "map to " + typeOf(*of.AdditionalProperties.Schema)
	case of.Format == "date-time":
		return "time"
	default:
		return of.Type
	}
}

// boundsOf says what the schema bounds, with the elements of a list or map.
func boundsOf(of apiextensionsv1.JSONSchemaProps) []string {
	var bounds []string
	add := func(bound string) {
		if bound != "" {
			bounds = append(bounds, bound)
		}
	}
	if len(of.Enum) > 0 {
		values := make([]string, len(of.Enum))
		for i, value := range of.Enum {
			values[i] = "`" + strings.Trim(string(value.Raw), `"`) + "`"
		}
		add(strings.Join(values, ", "))
	}
	add(span(of.MinLength, of.MaxLength, "characters"))
	add(span(of.MinItems, of.MaxItems, "entries"))
	add(span(of.MinProperties, of.MaxProperties, "keys"))
	add(span(of.Minimum, of.Maximum, ""))
	if of.Pattern != "" {
		add("matches `" + of.Pattern + "`")
	}
	switch {
	case of.XListType != nil && *of.XListType == "set":
		add("each once")
	case of.XListType != nil && *of.XListType == "map":
		add("each `" + strings.Join(of.XListMapKeys, "`, `") + "` once")
	}
	var element *apiextensionsv1.JSONSchemaProps
	switch {
	case of.Items != nil:
		element = of.Items.Schema
	case of.AdditionalProperties != nil:
		element = of.AdditionalProperties.Schema
	}
	if element != nil && len(element.Properties) == 0 {
		for _, bound := range boundsOf(*element) {
			add("each " + bound)
		}
	}
	return bounds
}

func span[N cmp.Ordered](from, to *N, unit string) string {
	var text string
	switch {
	case from == nil && to == nil:
		return ""
	case from == nil:
		text = fmt.Sprintf("up to %v", *to)
	case to == nil:
		text = fmt.Sprintf("at least %v", *from)
	default:
		text = fmt.Sprintf("%v to %v", *from, *to)
	}
	return strings.TrimSpace(text + " " + unit)
}
