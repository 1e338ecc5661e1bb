package scim

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"
)

const (
	schemaUser  = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaGroup = "urn:ietf:params:scim:schemas:core:2.0:Group"
)

// The operations of a PATCH. POST and PUT set what they name as replacing does.
const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"
)

// change is one attribute, with what is to become of it.
type change struct {
	op string
	// attribute and part are in small letters, as names of attributes don't differ by case.
	attribute, part string
	// among chooses values of an attribute that has several; nil is all of them.
	among filter.Expression
	value any
}

// attributesOf is the content of a POST or PUT: each attribute as a change. The order is the same each time.
func attributesOf(r *request, schema string) ([]change, error) {
	var content map[string]any
	if err := decode(r, &content); err != nil {
		return nil, err
	}
	return spread(opReplace, content, schema)
}

// changesOf is what a PATCH asks for, in its order.
func changesOf(r *request, schema string) (changes []change, err error) {
	var content struct {
		Operations []struct {
			Op    string `json:"op"`
			Path  string `json:"path"`
			Value any    `json:"value"`
		} `json:"Operations"`
	}
	if err := decode(r, &content); err != nil {
		return nil, err
	}
	if len(content.Operations) == 0 {
		return nil, invalid(scimerrors.ScimTypeInvalidSyntax, "the request has no Operations")
	}
	for _, operation := range content.Operations {
		op := strings.ToLower(operation.Op) // Entra writes Add
		if op != opAdd && op != opReplace && op != opRemove {
			return nil, invalid(scimerrors.ScimTypeInvalidSyntax, "op is %q: it is add, replace or remove", operation.Op)
		}
		if operation.Path == "" && op == opRemove {
			return nil, invalid(scimerrors.ScimTypeNoTarget, "remove needs a path: name what is to be removed")
		}
		if operation.Path == "" {
			values, isObject := operation.Value.(map[string]any)
			if !isObject {
				return nil, invalid(scimerrors.ScimTypeInvalidValue, "%s without a path needs an object of attributes as its value", op)
			}
			several, err := spread(op, values, schema)
			if err != nil {
				return nil, err
			}
			changes = append(changes, several...)
			continue
		}
		one, err := changeOf(op, operation.Path, operation.Value, schema)
		if err != nil {
			return nil, err
		}
		changes = append(changes, one)
	}
	return changes, nil
}

// spread makes a change of each attribute of an object. Its keys may be paths, as Entra sends them, and those of
// an extension's object are nobody's here.
func spread(op string, values map[string]any, schema string) (changes []change, err error) {
	paths := make([]string, 0, len(values))
	for path := range values {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		lower := strings.ToLower(path)
		// Okta sends the id along; both it and meta are ours to say.
		if lower == "schemas" || lower == "id" || lower == "meta" {
			continue
		}
		if _, isObject := values[path].(map[string]any); isObject && strings.HasPrefix(lower, "urn:") && !strings.HasPrefix(lower, strings.ToLower(schema)+":") {
			continue
		}
		one, err := changeOf(op, path, values[path], schema)
		if err != nil {
			return nil, err
		}
		changes = append(changes, one)
	}
	return changes, nil
}

// changeOf reads a path. What is of another schema has no attribute here.
func changeOf(op, path string, value any, schema string) (change, error) {
	parsed, err := filter.ParsePath([]byte(path))
	if err != nil {
		return change{}, invalid(scimerrors.ScimTypeInvalidPath, "%q is not a path: it is to be as in emails[type eq \"work\"].value", path)
	}
	if uri := parsed.AttributePath.URI(); uri != "" && !strings.EqualFold(uri, schema) {
		return change{op: op}, nil
	}
	part := parsed.AttributePath.SubAttributeName()
	if part == "" {
		part = parsed.SubAttributeName()
	}
	return change{
		op: op, attribute: strings.ToLower(parsed.AttributePath.AttributeName), part: strings.ToLower(part),
		among: parsed.ValueExpression, value: value,
	}, nil
}

func decode(r *request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	var tooLarge *http.MaxBytesError
	if err == nil || errors.As(err, &tooLarge) {
		return err
	}
	return invalid(scimerrors.ScimTypeInvalidSyntax, "the body is not a JSON object of SCIM's: %v", err)
}

// text is a change's value where a text belongs. Nothing, and a blank one, is none.
func (c change) text() (string, error) {
	if c.op == opRemove || c.value == nil {
		return "", nil
	}
	value, isText := c.value.(string)
	if !isText {
		return "", invalid(scimerrors.ScimTypeInvalidValue, "%s: this is not a text", c.attribute)
	}
	if strings.TrimSpace(value) == "" {
		return "", nil
	}
	return value, nil
}

// boolean is a change's value where true or false belongs. Entra also sends them as texts.
func (c change) boolean() (bool, error) {
	switch value := c.value.(type) {
	case bool:
		return value, nil
	case string:
		if strings.EqualFold(value, "true") || strings.EqualFold(value, "false") {
			return strings.EqualFold(value, "true"), nil
		}
	}
	return false, invalid(scimerrors.ScimTypeInvalidValue, "%s: it is true or false", c.attribute)
}
