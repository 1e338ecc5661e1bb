package scim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"
)

// attributeTypes are what filters may name, in small letters, and of what type it is.
type attributeTypes map[string]attributeType

type attributeType int

const (
	// typeText is compared without its case, typeExact with it.
	typeText attributeType = iota
	typeExact
	typeBoolean
	// typeComplex has parts.
	typeComplex
)

var commonTypes = attributeTypes{
	"id": typeExact, "externalid": typeExact, "displayname": typeText,
	"meta": typeComplex, "meta.resourcetype": typeExact, "meta.location": typeExact, "meta.version": typeExact,
	// In RFC 3339 and UTC, so that they are in order as texts.
	"meta.created": typeExact, "meta.lastmodified": typeExact,
}

// afterBrackets is what Entra asks for by an address and the RFC has no grammar for: emails[type eq "work"].value eq "x".
var afterBrackets = regexp.MustCompile(`(\w+)\[(\w+ eq [^ \]]+)\]\.(\w+\s+\w\w\s+(?:"(?:[^"\\]|\\.)*"|\w+))`)

// parseFilter reads a filter, and refuses what is not known here: who is told that there is nobody creates them
// a second time.
func parseFilter(text string, types attributeTypes) (filter.Expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	parsed, err := filter.ParseFilter([]byte(afterBrackets.ReplaceAllString(text, "$1[$2 and $3]")))
	if err != nil {
		return nil, invalid(scimerrors.ScimTypeInvalidFilter, "the filter can't be read: it is to be as in userName eq \"alice@example.com\"")
	}
	if err := checkFilter(parsed, "", types); err != nil {
		return nil, err
	}
	return parsed, nil
}

func checkFilter(e filter.Expression, within string, types attributeTypes) error {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		if err := checkFilter(e.Left, within, types); err != nil {
			return err
		}
		return checkFilter(e.Right, within, types)
	case *filter.NotExpression:
		return checkFilter(e.Expression, within, types)
	case *filter.ValuePath:
		if _, known := types[pathOf(e.AttributePath, within)]; !known {
			return unknownAttribute(e.AttributePath)
		}
		return checkFilter(e.ValueFilter, pathOf(e.AttributePath, within)+".", types)
	case *filter.AttributeExpression:
		path := pathOf(e.AttributePath, within)
		known, isKnown := types[path]
		if known == typeComplex && e.Operator != filter.PR {
			known, isKnown = types[path+".value"]
		}
		_, isText := e.CompareValue.(string)
		_, isBoolean := e.CompareValue.(bool)
		switch {
		case path == "password":
			failure := fail(http.StatusForbidden, "a password is no part of a URL")
			failure.ScimType = scimerrors.ScimTypeSensitive
			return failure
		case !isKnown:
			return unknownAttribute(e.AttributePath)
		case e.Operator == filter.PR:
			return nil
		case known == typeBoolean && (isBoolean || isText) && (e.Operator == filter.EQ || e.Operator == filter.NE):
			return nil
		case known != typeBoolean && isText:
			return nil
		}
		return invalid(scimerrors.ScimTypeInvalidFilter, "%s can't be compared in this way", e)
	}
	return fmt.Errorf("no such filter: %T", e)
}

func unknownAttribute(path filter.AttributePath) error {
	return invalid(scimerrors.ScimTypeInvalidFilter, "%s is not kept here, so it finds nobody: Schemas says what is", path)
}

// pathOf is an attribute's name in small letters; the schema before it says nothing more.
func pathOf(path filter.AttributePath, within string) string {
	name := within + path.AttributeName
	if part := path.SubAttributeName(); part != "" {
		name += "." + part
	}
	return strings.ToLower(name)
}

// matches says whether a resource is what a filter asks for.
func matches(e filter.Expression, attributes map[string]any, within string, types attributeTypes) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *filter.LogicalExpression:
		if e.Operator == filter.AND {
			return matches(e.Left, attributes, within, types) && matches(e.Right, attributes, within, types)
		}
		return matches(e.Left, attributes, within, types) || matches(e.Right, attributes, within, types)
	case *filter.NotExpression:
		return !matches(e.Expression, attributes, within, types)
	case *filter.ValuePath:
		path := pathOf(e.AttributePath, within)
		return slices.ContainsFunc(valuesOf(attributes, e.AttributePath), func(value any) bool {
			parts, isObject := value.(map[string]any)
			return isObject && matches(e.ValueFilter, parts, path+".", types)
		})
	case *filter.AttributeExpression:
		path := pathOf(e.AttributePath, within)
		values := valuesOf(attributes, e.AttributePath)
		if e.Operator == filter.PR {
			return len(values) > 0
		}
		if types[path] == typeComplex {
			path += ".value"
		}
		compare := func(value any) bool { return compares(types[path], e.Operator, value, e.CompareValue) }
		if e.Operator == filter.NE {
			return !slices.ContainsFunc(values, func(value any) bool { return compares(types[path], filter.EQ, value, e.CompareValue) })
		}
		return slices.ContainsFunc(values, compare)
	}
	return false
}

// valuesOf are the values of an attribute, or of a part of it.
func valuesOf(attributes map[string]any, path filter.AttributePath) (values []any) {
	value, found := attribute(attributes, path.AttributeName)
	if !found {
		return nil
	}
	values = []any{value}
	if several, isList := value.([]any); isList {
		values = several
	}
	part := path.SubAttributeName()
	if part == "" {
		return values
	}
	var parts []any
	for _, value := range values {
		if object, isObject := value.(map[string]any); isObject {
			if found, has := attribute(object, part); has {
				parts = append(parts, found)
			}
		}
	}
	return parts
}

func attribute(attributes map[string]any, name string) (any, bool) {
	for key, value := range attributes {
		if strings.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

// compares says whether one value is as it is to be. Of a complex one its value is meant.
func compares(as attributeType, operator filter.CompareOperator, value, with any) bool {
	if object, isObject := value.(map[string]any); isObject {
		value = object["value"]
	}
	if as == typeBoolean {
		return strings.EqualFold(fmt.Sprint(value), fmt.Sprint(with))
	}
	has, _ := value.(string)
	wanted := unescaped(with)
	if as == typeText {
		has, wanted = strings.ToLower(has), strings.ToLower(wanted)
	}
	switch operator {
	case filter.EQ:
		return has == wanted
	case filter.CO:
		return strings.Contains(has, wanted)
	case filter.SW:
		return strings.HasPrefix(has, wanted)
	case filter.EW:
		return strings.HasSuffix(has, wanted)
	case filter.GT:
		return cmp.Compare(has, wanted) > 0
	case filter.GE:
		return cmp.Compare(has, wanted) >= 0
	case filter.LT:
		return cmp.Compare(has, wanted) < 0
	case filter.LE:
		return cmp.Compare(has, wanted) <= 0
	default:
		return false
	}
}

// unescaped is a text of a filter, which is JSON's; the parser leaves its escapes as they are.
func unescaped(value any) string {
	text, _ := value.(string)
	var plain string
	if err := json.Unmarshal([]byte(`"`+text+`"`), &plain); err != nil {
		return text
	}
	return plain
}

// required is the value that an attribute must have for a filter to match, if the filter says so at its top.
func required(e filter.Expression, name string) (string, bool) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		if e.Operator != filter.AND {
			return "", false
		}
		if value, is := required(e.Left, name); is {
			return value, true
		}
		return required(e.Right, name)
	case *filter.AttributeExpression:
		if e.Operator == filter.EQ && pathOf(e.AttributePath, "") == name {
			return unescaped(e.CompareValue), true
		}
	}
	return "", false
}
