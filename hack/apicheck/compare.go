package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// comparison gathers what has become narrower.
type comparison struct{ findings []string }

func (c *comparison) reportf(where, format string, arguments ...any) {
	c.findings = append(c.findings, where+": "+fmt.Sprintf(format, arguments...))
}

// Compare says, in a fixed order, what old allows and now does not, and what old has and now has not.
func Compare(old, now map[string]*apiextensionsv1.CustomResourceDefinition) []string {
	c := &comparison{}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		definition := now[name]
		if definition == nil {
			c.reportf(name, "the kind is gone")
			continue
		}
		c.definition(name, &old[name].Spec, &definition.Spec)
	}
	return c.findings
}

func (c *comparison) definition(name string, old, now *apiextensionsv1.CustomResourceDefinitionSpec) {
	if old.Scope != now.Scope {
		c.reportf(name, "its scope was %s, and is %s", old.Scope, now.Scope)
	}
	if old.Names.Kind != now.Names.Kind || old.Names.Plural != now.Names.Plural {
		c.reportf(name, "it was called %s (%s), and is %s (%s)", old.Names.Kind, old.Names.Plural, now.Names.Kind, now.Names.Plural)
	}
	for _, short := range slices.Concat(old.Names.ShortNames, old.Names.Categories) {
		if !slices.Contains(slices.Concat(now.Names.ShortNames, now.Names.Categories), short) {
			c.reportf(name, "the short name or category %s is gone", short)
		}
	}
	for i := range old.Versions {
		before := &old.Versions[i]
		n := slices.IndexFunc(now.Versions, func(version apiextensionsv1.CustomResourceDefinitionVersion) bool {
			return version.Name == before.Name
		})
		if n < 0 || before.Served && !now.Versions[n].Served {
			c.reportf(name, "version %s is not served any more", before.Name)
			continue
		}
		c.version(name+" "+before.Name, before, &now.Versions[n])
	}
}

func (c *comparison) version(where string, old, now *apiextensionsv1.CustomResourceDefinitionVersion) {
	if !reflect.DeepEqual(old.Subresources, now.Subresources) {
		c.reportf(where, "its subresources have changed")
	}
	for _, field := range old.SelectableFields {
		if !slices.Contains(now.SelectableFields, field) {
			c.reportf(where, "objects can't be selected by %s any more", field.JSONPath)
		}
	}
	c.schema(where, old.Schema.OpenAPIV3Schema, now.Schema.OpenAPIV3Schema)
}

func (c *comparison) schema(at string, old, now *apiextensionsv1.JSONSchemaProps) {
	if old.Type != now.Type {
		c.reportf(at, "its type was %q, and is %q", old.Type, now.Type)
		return
	}
	c.bounds(at, old, now)
	c.rules(at, old, now)
	for _, field := range now.Required {
		if !slices.Contains(old.Required, field) && now.Properties[field].Default == nil {
			c.reportf(at+"."+field, "it is required now")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Properties)) {
		was := old.Properties[name]
		is, there := now.Properties[name]
		if !there {
			c.reportf(at+"."+name, "the field is gone")
			continue
		}
		c.schema(at+"."+name, &was, &is)
	}
	c.items(at, old, now)
	c.values(at, old, now)
}

// items compares what lists and maps hold.
func (c *comparison) items(at string, old, now *apiextensionsv1.JSONSchemaProps) {
	if old.Items != nil && old.Items.Schema != nil && now.Items != nil && now.Items.Schema != nil {
		c.schema(at+"[]", old.Items.Schema, now.Items.Schema)
	} else if !reflect.DeepEqual(old.Items, now.Items) {
		c.reportf(at, "what the list holds has changed")
	}
	was, is := old.AdditionalProperties, now.AdditionalProperties
	if was != nil && was.Schema != nil && is != nil && is.Schema != nil {
		c.schema(at+".*", was.Schema, is.Schema)
	} else if !reflect.DeepEqual(was, is) {
		c.reportf(at, "what the map holds has changed")
	}
	if !reflect.DeepEqual(old.XListType, now.XListType) || !slices.Equal(old.XListMapKeys, now.XListMapKeys) || !reflect.DeepEqual(old.XMapType, now.XMapType) {
		c.reportf(at, "how several writers share it has changed (x-kubernetes-list-type, list-map-keys, map-type)")
	}
	if !reflect.DeepEqual(old.XPreserveUnknownFields, now.XPreserveUnknownFields) {
		c.reportf(at, "whether unknown fields are kept has changed")
	}
}

// values compares what single values may be, and what is put where there is none.
func (c *comparison) values(at string, old, now *apiextensionsv1.JSONSchemaProps) {
	if text := raw(old.Default); text != raw(now.Default) {
		c.reportf(at, "what leaving it out means was %s, and is %s", text, raw(now.Default))
	}
	if old.Nullable && !now.Nullable {
		c.reportf(at, "it may not be null any more")
	}
	if len(now.Enum) > 0 && len(old.Enum) == 0 {
		c.reportf(at, "it may only have some values now")
	}
	for _, value := range old.Enum {
		if len(now.Enum) > 0 && !slices.ContainsFunc(now.Enum, func(other apiextensionsv1.JSON) bool { return string(other.Raw) == string(value.Raw) }) {
			c.reportf(at, "it may not be %s any more", value.Raw)
		}
	}
	if now.Pattern != "" && old.Pattern != now.Pattern {
		c.reportf(at, "the pattern was %q, and is %q", old.Pattern, now.Pattern)
	}
	if now.Format != "" && old.Format != now.Format {
		c.reportf(at, "the format was %q, and is %q", old.Format, now.Format)
	}
}

func raw(value *apiextensionsv1.JSON) string {
	if value == nil {
		return "nothing"
	}
	return string(value.Raw)
}

// bounds compares how much something may be.
func (c *comparison) bounds(at string, old, now *apiextensionsv1.JSONSchemaProps) {
	atMost(c, at, "maxLength", old.MaxLength, now.MaxLength)
	atMost(c, at, "maxItems", old.MaxItems, now.MaxItems)
	atMost(c, at, "maxProperties", old.MaxProperties, now.MaxProperties)
	atMost(c, at, "maximum", old.Maximum, now.Maximum)
	atLeast(c, at, "minLength", old.MinLength, now.MinLength)
	atLeast(c, at, "minItems", old.MinItems, now.MinItems)
	atLeast(c, at, "minProperties", old.MinProperties, now.MinProperties)
	atLeast(c, at, "minimum", old.Minimum, now.Minimum)
	if now.ExclusiveMaximum && !old.ExclusiveMaximum || now.ExclusiveMinimum && !old.ExclusiveMinimum {
		c.reportf(at, "it may not be its bound any more")
	}
	if now.MultipleOf != nil && !reflect.DeepEqual(old.MultipleOf, now.MultipleOf) {
		c.reportf(at, "it must be a multiple of %v now", *now.MultipleOf)
	}
	if now.UniqueItems && !old.UniqueItems {
		c.reportf(at, "its items must differ now")
	}
}

func atMost[N int64 | float64](c *comparison, at, name string, old, now *N) {
	switch {
	case now == nil:
	case old == nil:
		c.reportf(at, "%s is %v now, and there was none", name, *now)
	case *now < *old:
		c.reportf(at, "%s was %v, and is %v", name, *old, *now)
	}
}

func atLeast[N int64 | float64](c *comparison, at, name string, old, now *N) {
	switch {
	case now == nil:
	case old == nil:
		c.reportf(at, "%s is %v now, and there was none", name, *now)
	case *now > *old:
		c.reportf(at, "%s was %v, and is %v", name, *old, *now)
	}
}

// rules compares rules across fields. Which of two is stricter can't be told from their texts, so that one
// that is new, or another one, is reported.
func (c *comparison) rules(at string, old, now *apiextensionsv1.JSONSchemaProps) {
	for _, rule := range now.XValidations {
		if !slices.ContainsFunc(old.XValidations, func(other apiextensionsv1.ValidationRule) bool {
			return other.Rule == rule.Rule && reflect.DeepEqual(other.OptionalOldSelf, rule.OptionalOldSelf)
		}) {
			c.reportf(at, "the rule is new, or has changed: %s", rule.Rule)
		}
	}
	combined := func(s *apiextensionsv1.JSONSchemaProps) []any { return []any{s.OneOf, s.AnyOf, s.AllOf, s.Not} }
	if !reflect.DeepEqual(combined(old), combined(now)) {
		c.reportf(at, "oneOf, anyOf, allOf or not has changed")
	}
}
