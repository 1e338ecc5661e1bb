package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Written is a question as people write it.
type Written struct {
	// User is the name of a User; empty is anyone.
	User, Permission string
	// Scope is WORKSPACE or WORKSPACE/PROJECT, Resource is TYPE/ID. Empty is the organization, and no resource.
	Scope, Resource string
	// Attributes are each NAME=VALUE.
	Attributes []string
}

// Read reads a question in the light of what there is. Its errors begin with the part that can't be read, as in
// scope=a/b/c.
func (w *World) Read(written Written) (Question, error) {
	at, err := written.path(w.organization, w.ResourceTypes())
	if err != nil {
		return Question{}, err
	}
	attributes, err := w.values(written)
	if err != nil {
		return Question{}, err
	}
	return Question{User: written.User, Permission: written.Permission, At: at, Attributes: attributes}, nil
}

// path is the place that is named.
func (q *Written) path(organization string, types []string) (scope.Path, error) {
	path := scope.Path{Organization: organization}
	if q.Scope != "" {
		parts := strings.Split(q.Scope, "/")
		if len(parts) > 2 || slices.Contains(parts, "") {
			return path, fmt.Errorf("scope=%s: write WORKSPACE or WORKSPACE/PROJECT, without the organization", q.Scope)
		}
		path.Workspace = parts[0]
		if len(parts) == 2 {
			path.Project = parts[1]
		}
	}
	if q.Resource == "" {
		return path, nil
	}
	// A type may have a slash in its name, and an id too.
	var fitting []string
	for _, declared := range types {
		if id, ok := strings.CutPrefix(q.Resource, declared+"/"); ok && id != "" {
			fitting = append(fitting, declared)
		}
	}
	first, id, written := strings.Cut(q.Resource, "/")
	switch {
	case len(fitting) > 1:
		return path, fmt.Errorf("resource=%s: this may be of each of the types [%s]", q.Resource, strings.Join(fitting, ", "))
	case len(fitting) == 1:
		path.ResourceType, path.ResourceID = fitting[0], strings.TrimPrefix(q.Resource, fitting[0]+"/")
	case !written || first == "" || id == "":
		return path, fmt.Errorf("resource=%s: write TYPE/ID", q.Resource)
	default:
		path.ResourceType, path.ResourceID = first, id // a type that is not declared, or can't be read: the answer says so
	}
	return path, nil
}

// values are the attributes, each of the type that the permission's ResourceType declares.
func (w *World) values(q Written) (map[string]any, error) {
	attributes := map[string]any{}
	declared, known := w.Permission(q.Permission)
	for _, written := range q.Attributes {
		name, text, ok := strings.Cut(written, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("attribute=%s: write NAME=VALUE", written)
		}
		if !known {
			continue // no condition on it can be met, and the answer says why
		}
		kind, ok := declared.Attributes[name]
		if !ok {
			has := "and no other"
			if len(declared.Attributes) > 0 {
				has = fmt.Sprintf("but [%s]", strings.Join(slices.Sorted(maps.Keys(declared.Attributes)), ", "))
			}
			return nil, fmt.Errorf("attribute=%s: the permission %s has no attribute %q, %s", written, q.Permission, name, has)
		}
		value, err := policy.ParseValue(text, kind)
		if err != nil {
			return nil, fmt.Errorf("attribute=%s: it is a %s: %w", written, kind, err)
		}
		attributes[name] = value.Any()
	}
	return attributes, nil
}
