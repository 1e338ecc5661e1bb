package decision

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

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

// The properties of subject and action are attributes of these names.
const (
	prefixSubject = "subject_"
	prefixAction  = "action_"
)

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
func parseQuestion(evaluation object, caller asker) (question, error) {
	var q question
	ofSubject, err := q.parseSubject(evaluation)
	if err != nil {
		return q, err
	}
	ofAction, err := q.parseAction(evaluation)
	if err != nil {
		return q, err
	}
	ofResource, err := q.parseResource(evaluation, caller.DefaultScope)
	if err != nil {
		return q, err
	}
	environment, err := optional(evaluation, "context", "context")
	if err != nil {
		return q, err
	}
	q.attributes, err = attributes(ofSubject, ofAction, ofResource, environment)
	return q, err
}

func (q *question) parseSubject(evaluation object) (properties object, err error) {
	subject, err := entity(evaluation, "subject")
	if err != nil {
		return nil, err
	}
	if q.subjectType, err = text(subject, "subject", "type"); err != nil {
		return nil, err
	}
	if q.subject, err = text(subject, "subject", "id"); err != nil {
		return nil, err
	}
	return propertiesOf(subject, "subject")
}

func (q *question) parseAction(evaluation object) (properties object, err error) {
	action, err := entity(evaluation, "action")
	if err != nil {
		return nil, err
	}
	if q.permission, err = text(action, "action", "name"); err != nil {
		return nil, err
	}
	return propertiesOf(action, "action")
}

func (q *question) parseResource(evaluation object, defaultScope scope.Path) (properties object, err error) {
	resource, err := entity(evaluation, "resource")
	if err != nil {
		return nil, err
	}
	if q.resourceType, err = text(resource, "resource", "type"); err != nil {
		return nil, err
	}
	if q.resource, err = text(resource, "resource", "id"); err != nil {
		return nil, err
	}
	given, err := propertiesOf(resource, "resource")
	if err != nil {
		return nil, err
	}
	q.place, err = parsePlace(q.resourceType, q.resource, given, defaultScope)
	return given, err
}

// pathExamples are the types of resources that have a path as their id.
var pathExamples = map[string]string{
	typeOrganization: "acme",
	typeWorkspace:    "acme/prod",
	typeProject:      "acme/prod/vision",
	typeGroup:        "acme/engineering",
}

// parsePlace finds out what a resource names. An organization, workspace, project or group has its path
// as its id; every other type is that of an object, which says in its properties where it lies, unless its caller
// has a scope by default.
func parsePlace(resourceType, id string, given object, defaultScope scope.Path) (place, error) {
	example, isPath := pathExamples[resourceType]
	where := given[propertyScope]
	hasScope := where != nil
	if !isPath {
		if !hasScope && defaultScope.Organization != "" {
			defaultScope.ResourceType, defaultScope.ResourceID = resourceType, id
			return place{Path: defaultScope}, nil
		}
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
	path, err := parseScope(where)
	path.ResourceType, path.ResourceID = resourceType, id
	return place{Path: path}, err
}

// parseScope reads an organization, workspace or project.
func parseScope(where any) (scope.Path, error) {
	const at = "resource.properties.scope"
	fields, ok := where.(object)
	if !ok {
		return scope.Path{}, fmt.Errorf("%s is not an object", at)
	}
	var path scope.Path
	for name, value := range fields {
		segment, known := map[string]*string{
			typeOrganization: &path.Organization,
			typeWorkspace:    &path.Workspace,
			typeProject:      &path.Project,
		}[name]
		if !known {
			return scope.Path{}, fmt.Errorf("%s has organization, workspace and project, and no %.64q", at, name)
		}
		if *segment, ok = value.(string); !ok || *segment == "" {
			return scope.Path{}, fmt.Errorf("%s.%s is not a text with at least one character: leave out what the scope does not have", at, name)
		}
	}
	switch {
	case path.Organization == "":
		return scope.Path{}, fmt.Errorf("%s.organization is missing", at)
	case path.Project != "" && path.Workspace == "":
		return scope.Path{}, fmt.Errorf("%s.workspace is missing: a project needs the workspace that it is in", at)
	}
	return path, nil
}

// attributes are what conditions are tested against: the properties of subject, action and resource, and the request's
// context. None can overrule another.
func attributes(ofSubject, ofAction, given, environment object) (object, error) {
	count := len(ofSubject) + len(ofAction) + len(given) + len(environment)
	if count > maxAttributes {
		return nil, fmt.Errorf("the properties and context have %d members: the most is %d", count, maxAttributes)
	}
	made := make(object, count)
	for name, value := range ofSubject {
		made[prefixSubject+name] = value
	}
	for name, value := range ofAction {
		made[prefixAction+name] = value
	}
	for name, value := range given {
		if err := unprefixed("resource.properties", name); err != nil {
			return nil, err
		}
		if name != propertyScope {
			made[name] = value
		}
	}
	for name, value := range environment {
		if err := unprefixed("context", name); err != nil {
			return nil, err
		}
		if other, twice := made[name]; twice && !reflect.DeepEqual(value, other) {
			return nil, fmt.Errorf("the attribute %.128q has one value in resource.properties and another in context: send it once", name)
		}
		made[name] = value
	}
	return made, nil
}

// unprefixed refuses what would pass for a property of the subject or the action.
func unprefixed(where, name string) error {
	for prefix, entity := range map[string]string{prefixSubject: "subject", prefixAction: "action"} {
		if strings.HasPrefix(name, prefix) {
			return fmt.Errorf("%s has the attribute %.128q: send it in %s.properties, without %q", where, name, entity, prefix)
		}
	}
	return nil
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

func propertiesOf(of object, path string) (object, error) {
	return optional(of, "properties", path+".properties")
}

func optional(of object, name, path string) (object, error) {
	value := of[name]
	if value == nil { // null is as absent
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
