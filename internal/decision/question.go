package decision

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// subjectUser is the one type of subject: its id is a User's spec.subject.
const subjectUser = "user"

// The types of resources that are no types of objects. Each has a path as its id.
const (
	typeOrganization = "organization"
	typeWorkspace    = "workspace"
	typeProject      = "project"
	typeGroup        = "group"
)

// maxAttributes of one question keep a request with many questions cheap. A permission has at most 32.
const maxAttributes = 256

// propertyScope is where an object's resource says where the object lies.
const propertyScope = "scope"

// question is what one evaluation asks.
type question struct {
	subjectType, subject string
	permission           string
	resourceType         string
	resource             string
	place                place
	attributes           object
}

// place is what a resource names: a path, or a group of the organization.
type place struct {
	scope.Path
	group string
}

// isObject says whether the place is an object of a ResourceType.
func (p place) isObject() bool { return p.ResourceType != "" }

// object is its id in the store.
func (p place) object() string {
	switch {
	case p.group != "":
		return objectid.Group(p.Organization, p.group)
	case p.Organization != "":
		return objectid.Scope(p.Path)
	default:
		return ""
	}
}

// parent is the id of what an object of a ResourceType lies in; nothing else needs to say that.
func (p place) parent() string {
	if !p.isObject() {
		return ""
	}
	return objectid.Scope(p.Container())
}

// parseQuestion reads an evaluation: subject, action, resource and context. Fields that it does not know
// don't count. The error names the field, and says what to write.
func parseQuestion(evaluation object) (question, error) {
	var q question
	subject, err := entity(evaluation, "subject")
	if err != nil {
		return q, err
	}
	if q.subjectType, err = text(subject, "subject", "type"); err != nil {
		return q, err
	}
	if q.subject, err = text(subject, "subject", "id"); err != nil {
		return q, err
	}
	if _, err := properties(subject, "subject"); err != nil {
		return q, err
	}
	action, err := entity(evaluation, "action")
	if err != nil {
		return q, err
	}
	if q.permission, err = text(action, "action", "name"); err != nil {
		return q, err
	}
	if _, err := properties(action, "action"); err != nil {
		return q, err
	}
	return q, q.parseResource(evaluation)
}

func (q *question) parseResource(evaluation object) error {
	resource, err := entity(evaluation, "resource")
	if err != nil {
		return err
	}
	if q.resourceType, err = text(resource, "resource", "type"); err != nil {
		return err
	}
	if q.resource, err = text(resource, "resource", "id"); err != nil {
		return err
	}
	given, err := properties(resource, "resource")
	if err != nil {
		return err
	}
	if q.place, err = parsePlace(q.resourceType, q.resource, given); err != nil {
		return err
	}
	environment, err := optional(evaluation, "context", "context")
	if err != nil {
		return err
	}
	q.attributes, err = attributes(given, environment)
	return err
}

// parsePlace finds out what a resource names. An organization, workspace, project or group has its path
// as its id; every other type is that of an object, which says in its properties where it lies.
func parsePlace(resourceType, id string, given object) (place, error) {
	example, isPath := map[string]string{
		typeOrganization: "acme",
		typeWorkspace:    "acme/prod",
		typeProject:      "acme/prod/vision",
		typeGroup:        "acme/engineering",
	}[resourceType]
	where, hasScope := given[propertyScope]
	if !isPath {
		if !hasScope {
			return place{}, fmt.Errorf(`resource.properties.scope is missing: say where the %.128q lies, as in {"organization": "acme", "workspace": "prod", "project": "vision"}`, resourceType)
		}
		return parseObject(resourceType, id, where)
	}
	if hasScope {
		return place{}, fmt.Errorf("resource.properties.scope is for objects: the %s is named by its id, as in %s", resourceType, example)
	}
	segments := strings.Split(id, "/")
	if len(segments) != strings.Count(example, "/")+1 {
		return place{}, fmt.Errorf("resource.id: the %s is named by its path, as in %s", resourceType, example)
	}
	if slices.Contains(segments, "") {
		return place{}, fmt.Errorf("resource.id: a name is empty in the path, which is to be as in %s", example)
	}
	if resourceType == typeGroup {
		return place{Path: scope.Path{Organization: segments[0]}, group: segments[1]}, nil
	}
	path := scope.Path{Organization: segments[0]}
	if len(segments) > 1 {
		path.Workspace = segments[1]
	}
	if len(segments) > 2 {
		path.Project = segments[2]
	}
	return place{Path: path}, nil
}

// parseObject reads where an object lies. Unlike elsewhere no other field may be there: one that is
// misspelled would make it another object.
func parseObject(resourceType, id string, where any) (place, error) {
	const at = "resource.properties.scope"
	fields, ok := where.(object)
	if !ok {
		return place{}, fmt.Errorf("%s is not an object", at)
	}
	path := scope.Path{ResourceType: resourceType, ResourceID: id}
	for name, value := range fields {
		segment, known := map[string]*string{
			typeOrganization: &path.Organization,
			typeWorkspace:    &path.Workspace,
			typeProject:      &path.Project,
		}[name]
		if !known {
			return place{}, fmt.Errorf("%s has organization, workspace and project, and no %.64q", at, name)
		}
		if *segment, ok = value.(string); !ok || *segment == "" {
			return place{}, fmt.Errorf("%s.%s is not a text with at least one character: leave out what the scope does not have", at, name)
		}
	}
	switch {
	case path.Organization == "":
		return place{}, fmt.Errorf("%s.organization is missing", at)
	case path.Project != "" && path.Workspace == "":
		return place{}, fmt.Errorf("%s.workspace is missing: a project needs the workspace that it is in", at)
	}
	return place{Path: path}, nil
}

// attributes are what conditions are tested against: the resource's properties and the request's context.
// Neither can overrule the other.
func attributes(given, environment object) (object, error) {
	if count := len(given) + len(environment); count > maxAttributes {
		return nil, fmt.Errorf("resource.properties and context have %d members: the most is %d", count, maxAttributes)
	}
	made := make(object, len(given)+len(environment))
	for name, value := range given {
		if name != propertyScope {
			made[name] = value
		}
	}
	for name, value := range environment {
		if other, twice := made[name]; twice && !reflect.DeepEqual(value, other) {
			return nil, fmt.Errorf("the attribute %.128q has one value in resource.properties and another in context: send it once", name)
		}
		made[name] = value
	}
	return made, nil
}

func entity(evaluation object, name string) (object, error) {
	value, there := evaluation[name]
	if !there {
		return nil, fmt.Errorf("%s is missing", name)
	}
	made, ok := value.(object)
	if !ok {
		return nil, fmt.Errorf("%s is not an object", name)
	}
	return made, nil
}

func properties(of object, path string) (object, error) {
	return optional(of, "properties", path+".properties")
}

func optional(of object, name, path string) (object, error) {
	value, there := of[name]
	if !there {
		return nil, nil
	}
	made, ok := value.(object)
	if !ok {
		return nil, fmt.Errorf("%s is not an object", path)
	}
	return made, nil
}

func text(of object, path, name string) (string, error) {
	value, there := of[name]
	if !there {
		return "", fmt.Errorf("%s.%s is missing", path, name)
	}
	made, ok := value.(string)
	if !ok || made == "" {
		return "", fmt.Errorf("%s.%s is not a text with at least one character", path, name)
	}
	return made, nil
}
