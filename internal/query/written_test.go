package query

import (
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestAPlaceIsReadAsPeopleWriteIt(t *testing.T) {
	type written struct{ scope, resource string }
	types := []string{"App", "a", "a/b", "x/y"}
	path := func(w written) (scope.Path, error) {
		return (&Written{Scope: w.scope, Resource: w.resource}).path("acme", types)
	}
	for w, want := range map[written]scope.Path{
		{}:                        {Organization: "acme"},
		{"prod", ""}:              {Organization: "acme", Workspace: "prod"},
		{"prod/vision", ""}:       {Organization: "acme", Workspace: "prod", Project: "vision"},
		{"prod", "App/42"}:        {Organization: "acme", Workspace: "prod", ResourceType: "App", ResourceID: "42"},
		{"", "App/a/b"}:           {Organization: "acme", ResourceType: "App", ResourceID: "a/b"},
		{"", "x/y/1"}:             {Organization: "acme", ResourceType: "x/y", ResourceID: "1"},
		{"", "None/1"}:            {Organization: "acme", ResourceType: "None", ResourceID: "1"},
		{"prod/vision", "App/ a"}: {Organization: "acme", Workspace: "prod", Project: "vision", ResourceType: "App", ResourceID: " a"},
	} {
		if got, err := path(w); err != nil || got != want {
			t.Errorf("%+v: got %+v, %v", w, got, err)
		}
	}
	for w, want := range map[written]string{
		{"prod/vision/x", ""}: "WORKSPACE/PROJECT", {"/prod", ""}: "WORKSPACE", {"prod/", ""}: "WORKSPACE", {"/", ""}: "WORKSPACE",
		{"", "App"}: "TYPE/ID", {"", "App/"}: "TYPE/ID", {"", "/1"}: "TYPE/ID", {"", "a/b/1"}: "each of the types [a, a/b]",
	} {
		if got, err := path(w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %+v, %v", w, got, err)
		}
	}
}

func TestAnAttributeThatThePermissionHasNotIsRefusedWithThoseThatItHas(t *testing.T) {
	w := New(Objects{Organization: "acme", Read: []v1alpha1.Object{build.ResourceType("doc").Permits("View").Permits("Edit", build.String("color"), build.Number("floor")).Obj()}}, clocktesting.NewFakePassiveClock(time.Now()))
	for permission, want := range map[string]string{"View": `has no attribute "shade", and no other`, "Edit": `has no attribute "shade", but [color, floor]`} {
		if _, err := w.Read(Written{Permission: permission, Attributes: []string{"shade=red"}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", permission, err, want)
		}
	}
}
