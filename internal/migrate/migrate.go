// Package migrate says in Bailiwick's kinds what the tuples of an OpenFGA store say whose model is somebody
// else's, as far as it can be said, and names the rest. A mapping tells what the types and relations of that model
// stand for.
package migrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectname"
)

// Kind is what a type of the store stands for.
type Kind string

// The kinds.
const (
	KindUser         Kind = "User"
	KindGroup        Kind = "Group"
	KindOrganization Kind = "Organization"
	KindWorkspace    Kind = "Workspace"
	KindProject      Kind = "Project"
	KindResource     Kind = "Resource"
)

// Mapping tells what a model means.
type Mapping struct {
	// Types are by their names in the model.
	Types map[string]Type `json:"types"`
	// Relations are by TYPE#RELATION, as in folder#viewer.
	Relations map[string]Relation `json:"relations"`
}

// Type is what a type stands for.
type Type struct {
	Kind Kind `json:"kind"`
	// ID is which object of the type is the organization.
	ID string `json:"id,omitempty"`
	// ResourceType is the spec.type of a ResourceType, for resources.
	ResourceType string `json:"resourceType,omitempty"`
}

// Relation is what a relation means: one of these.
type Relation struct {
	// Role is the name of the Role that it gives, at the object.
	Role string `json:"role,omitempty"`
	// Membership is what it makes of a user in a group: Member or Admin.
	Membership v1alpha1.GroupRole `json:"membership,omitempty"`
	// Parent says that it leads to where the object lies.
	Parent bool `json:"parent,omitempty"`
}

// Tuple is one of the store's.
type Tuple struct {
	User      string          `json:"user"`
	Relation  string          `json:"relation"`
	Object    string          `json:"object"`
	Condition json.RawMessage `json:"condition,omitempty"`
}

func (t Tuple) String() string { return t.User + " " + t.Relation + " " + t.Object }

// Unsaid is a tuple that is not in the result, and why.
type Unsaid struct {
	Tuple string `json:"tuple"`
	Why   string `json:"why"`
}

// Result is what became of the tuples.
type Result struct {
	// Objects are in the order in which they are applied.
	Objects []v1alpha1.Object
	// Workspaces are what the Organization must declare, and Roles the names of Roles that must be there.
	Workspaces []v1alpha1.Workspace
	Roles      []string
	Unsaid     []Unsaid
}

// ReadMapping reads a mapping from YAML, and refuses one that means nothing.
func ReadMapping(content []byte) (*Mapping, error) {
	m := &Mapping{}
	if err := yaml.UnmarshalStrict(content, m); err != nil {
		return nil, fmt.Errorf("reading the mapping: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Types)) {
		switch t := m.Types[name]; t.Kind {
		case KindUser, KindGroup, KindWorkspace, KindProject:
		case KindOrganization:
			if t.ID == "" {
				return nil, fmt.Errorf("types.%s.id: name the object that is the organization", name)
			}
		case KindResource:
			if t.ResourceType == "" {
				return nil, fmt.Errorf("types.%s.resourceType: name the spec.type of a ResourceType", name)
			}
		default:
			return nil, fmt.Errorf("types.%s.kind: write User, Group, Organization, Workspace, Project or Resource, not %q", name, t.Kind)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Relations)) {
		if err := m.checkRelation(name); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Mapping) checkRelation(name string) error {
	objectType, _, ok := strings.Cut(name, "#")
	of, known := m.Types[objectType]
	if !ok || !known {
		return fmt.Errorf("relations.%s: write TYPE#RELATION, of a type that types has", name)
	}
	r, meanings := m.Relations[name], 0
	for _, is := range []bool{r.Role != "", r.Membership != "", r.Parent} {
		if is {
			meanings++
		}
	}
	switch {
	case meanings != 1:
		return fmt.Errorf("relations.%s: write one of role, membership and parent", name)
	case r.Membership != "" && (of.Kind != KindGroup || r.Membership != v1alpha1.GroupMember && r.Membership != v1alpha1.GroupAdmin):
		return fmt.Errorf("relations.%s.membership: write Member or Admin, of a type that is a Group", name)
	case r.Role != "" && (of.Kind == KindUser || of.Kind == KindGroup):
		return fmt.Errorf("relations.%s.role: a role is given at an Organization, Workspace, Project or Resource", name)
	case r.Parent && of.Kind != KindProject && of.Kind != KindResource:
		return fmt.Errorf("relations.%s.parent: only a Project or a Resource lies somewhere", name)
	}
	return nil
}

// ReadTuples reads what `fga tuple read` prints, or the answer of OpenFGA's Read.
func ReadTuples(content []byte) ([]Tuple, error) {
	type keyed struct {
		Key *Tuple `json:"key"`
		Tuple
	}
	var list []keyed
	if err := json.Unmarshal(content, &list); err != nil {
		var answer struct {
			Tuples []keyed `json:"tuples"`
		}
		if err := json.Unmarshal(content, &answer); err != nil {
			return nil, fmt.Errorf("reading tuples: %w; write them with `fga tuple read --max-pages 0`", err)
		}
		list = answer.Tuples
	}
	tuples := make([]Tuple, 0, len(list))
	for i, item := range list {
		tuple := item.Tuple
		if item.Key != nil {
			tuple = *item.Key
		}
		if tuple.User == "" || tuple.Relation == "" || tuple.Object == "" {
			return nil, fmt.Errorf("reading tuples: the tuple %d has no user, relation or object", i)
		}
		tuples = append(tuples, tuple)
	}
	return tuples, nil
}

// Migrate says what tuples say, as objects of an organization.
func Migrate(organization string, mapping *Mapping, tuples []Tuple) *Result {
	m := &migration{
		Mapping: mapping, organization: organization, parents: map[string]string{},
		users: map[string]*v1alpha1.User{}, groups: map[string]*v1alpha1.Group{},
		memberships: map[string]*v1alpha1.GroupMembership{}, assignments: map[string]*v1alpha1.RoleAssignment{},
		roles: map[string]bool{}, projects: map[string]map[string]bool{},
	}
	for _, tuple := range tuples {
		if relation, _ := m.relation(tuple); relation.Parent {
			m.parents[tuple.Object] = tuple.User
		}
	}
	for _, tuple := range tuples {
		if why := m.say(tuple); why != "" {
			m.unsaid = append(m.unsaid, Unsaid{Tuple: tuple.String(), Why: why})
		}
	}
	return m.result()
}

type migration struct {
	*Mapping
	organization string
	// parents are where objects lie, by ids of the store.
	parents     map[string]string
	users       map[string]*v1alpha1.User
	groups      map[string]*v1alpha1.Group
	memberships map[string]*v1alpha1.GroupMembership
	assignments map[string]*v1alpha1.RoleAssignment
	roles       map[string]bool
	// projects are by workspace.
	projects map[string]map[string]bool
	unsaid   []Unsaid
}

func (m *migration) relation(tuple Tuple) (relation Relation, known bool) {
	objectType, _, _ := strings.Cut(tuple.Object, ":")
	relation, known = m.Relations[objectType+"#"+tuple.Relation]
	return relation, known
}

// say makes what a tuple says, or returns why it can't be said.
func (m *migration) say(tuple Tuple) string {
	relation, known := m.relation(tuple)
	switch {
	case !known:
		objectType, _, _ := strings.Cut(tuple.Object, ":")
		return fmt.Sprintf("the mapping has no relation %s#%s", objectType, tuple.Relation)
	case relation.Parent:
		_, why := m.place(tuple.Object)
		return why
	case len(tuple.Condition) > 0 && string(tuple.Condition) != "null":
		return "it has a condition: write it as a condition of the Role's permission"
	case relation.Membership != "":
		return m.member(tuple, relation.Membership)
	default:
		return m.assign(tuple, relation.Role)
	}
}

func (m *migration) member(tuple Tuple, as v1alpha1.GroupRole) string {
	subject, why := m.subject(tuple.User)
	if why != "" {
		return why
	}
	if subject.User == "" {
		return "a group in a group: give the role to both groups"
	}
	_, id, _ := strings.Cut(tuple.Object, ":")
	group := m.group(id)
	name := objectname.Membership(group, subject.User)
	if before := m.memberships[name]; before != nil && before.Spec.Role == v1alpha1.GroupAdmin {
		return ""
	}
	m.memberships[name] = &v1alpha1.GroupMembership{
		ObjectMeta: m.meta(name),
		Spec:       v1alpha1.GroupMembershipSpec{User: subject.User, Group: group, Role: as},
	}
	return ""
}

func (m *migration) assign(tuple Tuple, role string) string {
	place, why := m.place(tuple.Object)
	if why != "" {
		return why
	}
	subject, why := m.subject(tuple.User)
	if why != "" {
		return why
	}
	name := objectname.Assignment(role, subject.User+subject.Group, tuple.String())
	m.assignments[name] = &v1alpha1.RoleAssignment{
		ObjectMeta: m.meta(name),
		Spec:       v1alpha1.RoleAssignmentSpec{RoleRef: v1alpha1.RoleReference{Name: role}, Subject: subject, Scope: place},
	}
	m.roles[role] = true
	return ""
}

// subject is who a tuple's user is.
func (m *migration) subject(user string) (subject v1alpha1.AssignmentSubject, why string) {
	userType, id, _ := strings.Cut(user, ":")
	id, relation, isSet := strings.Cut(id, "#")
	switch kind := m.Types[userType].Kind; {
	case id == "*":
		return subject, "it is for everybody: make a Group of those that are meant"
	case kind == KindUser && !isSet:
		return v1alpha1.AssignmentSubject{User: m.user(id)}, ""
	case kind == KindGroup && isSet && m.Relations[userType+"#"+relation].Membership == v1alpha1.GroupMember:
		return v1alpha1.AssignmentSubject{Group: m.group(id)}, ""
	default:
		return subject, fmt.Sprintf("%s is neither a User nor the members of a Group", user)
	}
}

// place is where an object of the store is, or what is below it.
func (m *migration) place(object string) (place v1alpha1.Scope, why string) {
	objectType, id, _ := strings.Cut(object, ":")
	mapped := m.Types[objectType]
	switch {
	case mapped.Kind == KindOrganization && id != mapped.ID:
		return place, fmt.Sprintf("it is about another organization than %s:%s", objectType, mapped.ID)
	case mapped.Kind == KindOrganization:
		return place, ""
	case mapped.Kind == KindWorkspace:
		place.Workspace = objectname.Candidates(id)[0]
		m.declare(place)
		return place, ""
	}
	parent, lies := m.parents[object]
	parentType, _, _ := strings.Cut(parent, ":")
	within := m.Types[parentType].Kind
	switch {
	case mapped.Kind == KindProject && within == KindWorkspace:
		place, why = m.place(parent)
		place.Project = objectname.Candidates(id)[0]
		m.declare(place)
		return place, why
	case mapped.Kind == KindProject:
		return place, fmt.Sprintf("no tuple says in which Workspace %s is", object)
	case mapped.Kind == KindResource && (!lies || within == KindOrganization || within == KindWorkspace || within == KindProject):
		if lies {
			place, why = m.place(parent)
		}
		place.Resource = &v1alpha1.ResourceReference{Type: mapped.ResourceType, ID: id}
		return place, why
	default:
		return place, fmt.Sprintf("%s lies in %s, which is no place of ours", object, parent)
	}
}

func (m *migration) declare(place v1alpha1.Scope) {
	if m.projects[place.Workspace] == nil {
		m.projects[place.Workspace] = map[string]bool{}
	}
	if place.Project != "" {
		m.projects[place.Workspace][place.Project] = true
	}
}

func (m *migration) user(id string) string {
	name := objectname.Candidates(id)[0]
	m.users[name] = &v1alpha1.User{ObjectMeta: m.meta(name), Spec: v1alpha1.UserSpec{Subject: id}}
	return name
}

func (m *migration) group(id string) string {
	name := objectname.Candidates(id)[0]
	group := &v1alpha1.Group{ObjectMeta: m.meta(name)}
	if name != id {
		group.Spec.DisplayName = id
	}
	m.groups[name] = group
	return name
}

func (m *migration) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.organization, Name: name}
}

func (m *migration) result() *Result {
	r := &Result{Roles: slices.Sorted(maps.Keys(m.roles)), Unsaid: m.unsaid}
	r.Objects = appendSorted(r.Objects, m.users)
	r.Objects = appendSorted(r.Objects, m.groups)
	r.Objects = appendSorted(r.Objects, m.memberships)
	r.Objects = appendSorted(r.Objects, m.assignments)
	for _, name := range slices.Sorted(maps.Keys(m.projects)) {
		workspace := v1alpha1.Workspace{Name: name}
		for _, project := range slices.Sorted(maps.Keys(m.projects[name])) {
			workspace.Projects = append(workspace.Projects, v1alpha1.Project{Name: project})
		}
		r.Workspaces = append(r.Workspaces, workspace)
	}
	return r
}

func appendSorted[T v1alpha1.Object](to []v1alpha1.Object, objects map[string]T) []v1alpha1.Object {
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		to = append(to, objects[name])
	}
	return to
}
