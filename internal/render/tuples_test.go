package render_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/render"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

var project = scope.Path{Organization: "acme", Workspace: "prod", Project: "vision"}

func TestACellIsFoundAgainFromEachOfItsPlaces(t *testing.T) {
	for name, cell := range map[string]render.Cell{
		"of a role":             render.RoleCell(objectid.Scope(project), objectid.Binding(project, "editor")),
		"of a role named #slot": render.RoleCell(objectid.Scope(project), objectid.Binding(project, "#slot_1")),
		"of a user":             render.GrantCell(objectid.Scope(project), render.User("alice@example.com")),
		"of a user named #slot": render.GrantCell(objectid.Scope(project), render.User("x#slot_1")),
		"of a group":            render.GrantCell(objectid.Scope(project), render.GroupMembers("acme", "devs")),
	} {
		keys := map[store.Key]bool{}
		for n := range cell.Places() {
			key := cell.Place(n)
			keys[key] = true
			if found, place, ok := render.CellOf(key); !ok || found != cell || place != n {
				t.Errorf("%s: %v is place %d of %v, %t; want %d of %v", name, key, place, found, ok, n, cell)
			}
		}
		if len(keys) != cell.Places() || len(keys) < 2 {
			t.Errorf("%s: %d places have %d keys; want at least one to switch to", name, cell.Places(), len(keys))
		}
	}
}

func TestHalfOfARolesPlacesHoldTheMostThatItFills(t *testing.T) {
	if places := render.RoleCell("", "").Places(); places < 2*render.MaxContexts {
		t.Errorf("%d places are too few to switch %d contexts at once", places, render.MaxContexts)
	}
}

func TestNothingElseIsACell(t *testing.T) {
	parent, ok := render.Parent(project)
	if !ok {
		t.Fatal("a project has no parent")
	}
	object, binding := objectid.Scope(project), objectid.Binding(project, "editor")
	for _, key := range []store.Key{
		parent,
		render.Assignee(binding, render.User("alice")),
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
		if cell, place, ok := render.CellOf(key); ok {
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
		if got, ok := render.Parent(path); !ok || got != want {
			t.Errorf("%v: got %v, %t; want %v", path, got, ok, want)
		}
	}
	if got, ok := render.Parent(organization); ok {
		t.Errorf("an organization has the parent %v", got)
	}
}
