package tuples_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

var project = scope.Path{Organization: "acme", Workspace: "prod", Project: "vision"}

func TestACellIsFoundAgainFromEachOfItsPlaces(t *testing.T) {
	for name, cell := range map[string]tuples.Cell{
		"of a role":             tuples.RoleCell(objectid.Scope(project), objectid.Binding(project, "editor")),
		"of a role named #slot": tuples.RoleCell(objectid.Scope(project), objectid.Binding(project, "#slot_1")),
		"of a user":             tuples.GrantCell(objectid.Scope(project), tuples.User("alice@example.com")),
		"of a user named #slot": tuples.GrantCell(objectid.Scope(project), tuples.User("x#slot_1")),
		"of an assignee":        tuples.Assignee(objectid.Binding(project, "editor"), tuples.User("alice")),
		"of a member":           tuples.Member(objectid.Group("acme", "devs"), tuples.User("alice")),
		"of an admin":           tuples.Admin(objectid.Group("acme", "devs"), tuples.User("alice")),
		"of a group":            tuples.GrantCell(objectid.Scope(project), tuples.GroupMembers("acme", "devs")),
	} {
		keys := map[store.Key]bool{}
		for n := range cell.Places() {
			key := cell.Place(n)
			keys[key] = true
			if found, place, ok := tuples.CellOf(key); !ok || found != cell || place != n {
				t.Errorf("%s: %v is place %d of %v, %t; want %d of %v", name, key, place, found, ok, n, cell)
			}
		}
		if len(keys) != cell.Places() || len(keys) < 2 {
			t.Errorf("%s: %d places have %d keys; want at least one to switch to", name, cell.Places(), len(keys))
		}
	}
}

func TestHalfOfARolesPlacesHoldTheMostThatItFills(t *testing.T) {
	if places := tuples.RoleCell("", "").Places(); places < 2*tuples.MaxContexts {
		t.Errorf("%d places are too few to switch %d contexts at once", places, tuples.MaxContexts)
	}
}

func TestNothingElseIsACell(t *testing.T) {
	parent, ok := tuples.Parent(project)
	if !ok {
		t.Fatal("a project has no parent")
	}
	object, binding := objectid.Scope(project), objectid.Binding(project, "editor")
	for _, key := range []store.Key{
		parent,
		{Object: binding, Relation: "assignee_a", User: "user:alice"},
		{Object: object, Relation: store.RelationRole, User: binding},
		{Object: object, Relation: store.RelationRole, User: binding + "#assignee"},
		{Object: object, Relation: store.RelationRole, User: binding + "#slot_"},
		{Object: object, Relation: store.RelationRole, User: binding + "#slot_8"},
		{Object: object, Relation: store.RelationRole, User: binding + "#slot_-1"},
		{Object: object, Relation: store.RelationRole, User: binding + "#slot_10"},
		{Object: object, Relation: store.RelationRole, User: binding + "#slot_0#slot_1"},
		{Object: object, Relation: store.RelationCan, User: binding + "#slot_0"},
		{Object: object, Relation: "grant_c", User: "user:alice"},
		{},
	} {
		if cell, place, ok := tuples.CellOf(key); ok {
			t.Errorf("%v is place %d of %v, want no cell", key, place, cell)
		}
	}
}

func TestParentsFollowThePath(t *testing.T) {
	organization, workspace := scope.Path{Organization: "acme"}, scope.Path{Organization: "acme", Workspace: "prod"}
	resource := project
	resource.ResourceType, resource.ResourceID = "flow", "42"
	for path, above := range map[scope.Path]scope.Path{workspace: organization, project: workspace, resource: project} {
		want := store.Key{Object: objectid.Scope(path), Relation: "parent", User: objectid.Scope(above)}
		if got, ok := tuples.Parent(path); !ok || got != want {
			t.Errorf("%v: got %v, %t; want %v", path, got, ok, want)
		}
	}
	if got, ok := tuples.Parent(organization); ok {
		t.Errorf("an organization has the parent %v", got)
	}
}
