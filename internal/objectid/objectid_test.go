package objectid_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// path is a place, as deep as there are names.
func path(names ...string) scope.Path {
	names = append(names, make([]string, 5-len(names))...)
	return scope.Path{
		Organization: names[0], Workspace: names[1], Project: names[2], ResourceType: names[3], ResourceID: names[4],
	}
}

// vectors are those of docs/store.md: other programs make the same ids.
var vectors = []struct{ got, want string }{
	{objectid.User("alice@acme.example"), "user:alice@acme.example"},
	{objectid.User("system:serviceaccount:acme:ci"), "user:system%3Aserviceaccount%3Aacme%3Aci"},
	{objectid.User("Zoë *"), "user:Zo%C3%AB%20%2A"},
	{objectid.User("a~b%2F#c"), "user:a%7Eb%252F%23c"},
	{objectid.Group("acme", "devs"), "group:acme/devs"},
	{objectid.Scope(path("acme")), "organization:acme"},
	{objectid.Scope(path("acme", "prod")), "workspace:acme/prod"},
	{objectid.Scope(path("acme", "prod", "vision")), "project:acme/prod/vision"},
	{objectid.Scope(path("acme", "", "", "flow", "42")), "resource:acme/flow/42"},
	{objectid.Scope(path("acme", "prod", "", "flow", "42")), "resource:acme/prod/flow/42"},
	{objectid.Scope(path("acme", "prod", "vision", "authentik_flows.flow", "a/b")), "resource:acme/prod/vision/authentik_flows.flow/a%2Fb"},
	{objectid.Binding(path("acme"), "viewer"), "binding:organization/acme/viewer"},
	{objectid.Binding(path("acme", "prod"), "viewer"), "binding:workspace/acme/viewer/prod"},
	{objectid.Binding(path("acme", "prod", "vision"), "viewer"), "binding:project/acme/viewer/prod/vision"},
	{objectid.Binding(path("acme", "", "", "flow", "42"), "viewer"), "binding:resource/acme/viewer/flow/42"},
	{
		objectid.User("https://id.acme.example/users/" + strings.Repeat("7", 150)),
		"user:https%3A%2F%2Fid.acme.example%2Fusers%2F" + strings.Repeat("7", 60) + "~5jGGE9BCRlNNv4_DbKZnawjQ8UZ99Ecsx-yYjS2vS4E",
	},
	{
		objectid.Scope(path("acme", "prod", "vision", "authentik_flows.flow", strings.Repeat("k", 200))),
		"resource:acme/prod/vision/authentik_flows.flow/" + strings.Repeat("k", 62) + "~4duoTQIEaxlTjdzGwvgA63e2tOcu3jkMQS3ue8xVmUU",
	},
}

func TestIDsAreThoseOfTheDocumentation(t *testing.T) {
	for _, vector := range vectors {
		if vector.got != vector.want {
			t.Errorf("got %s, want %s", vector.got, vector.want)
		}
	}
}

func TestIDsAreCutBeyond180Characters(t *testing.T) {
	for length, cut := range map[int]bool{180: false, 181: true} {
		if got := objectid.User(strings.Repeat("x", length)); strings.Contains(got, "~") != cut {
			t.Errorf("a user of %d characters is %s", length, got)
		}
	}
}

func TestParentIsReadOffTheID(t *testing.T) {
	for object, want := range map[string]string{
		"workspace:acme/prod":              "organization:acme",
		"project:acme/prod/vision":         "workspace:acme/prod",
		"resource:acme/flow/42":            "organization:acme",
		"resource:acme/prod/flow/42":       "workspace:acme/prod",
		"resource:acme/prod/vision/flow/4": "project:acme/prod/vision",
		"resource:a%2Fb/flow/4%2F2":        "organization:a%2Fb",
	} {
		if got, ok := objectid.Parent(object); !ok || got != want {
			t.Errorf("the parent of %s is %s, %t, want %s", object, got, ok, want)
		}
	}
}

func TestThereIsNoParent(t *testing.T) {
	for _, object := range []string{
		"", "workspace", "workspace:", ":acme/prod",
		"organization:acme", "organization:acme/prod",
		"user:acme/prod", "group:acme/devs", "binding:organization/acme/viewer",
		"workspace:acme", "workspace:acme/prod/vision",
		"project:acme/prod", "project:acme/prod/vision/flow",
		"resource:acme/flow", "resource:acme/prod/vision/flow/42/7",
		"resource:acme/flow/4~2",
	} {
		if got, ok := objectid.Parent(object); ok {
			t.Errorf("the parent of %q is %s, want none", object, got)
		}
	}
}
