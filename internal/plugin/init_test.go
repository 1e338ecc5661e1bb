package plugin

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestScopesBecomeWorkspacesAndProjects(t *testing.T) {
	got, err := founding{scopes: []string{"prod/vision", "research", "prod", "prod/speech", "prod/vision"}}.workspaces()
	want := []v1alpha1.Workspace{
		{Name: "prod", Projects: []v1alpha1.Project{{Name: "vision"}, {Name: "speech"}}},
		{Name: "research"},
	}
	if err != nil || !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, scope := range []string{"", "/", "prod/", "/vision", "prod/vision/x", "Prod", "a b"} {
		if _, err := (founding{scopes: []string{scope}}).workspaces(); err == nil || !strings.Contains(err.Error(), "WORKSPACE/PROJECT") {
			t.Errorf("%q: got %v", scope, err)
		}
	}
}

func TestTheFirstRolesAreMadeOfTheCatalogue(t *testing.T) {
	types := []v1alpha1.Object{
		build.ResourceType("b").Permits("b:ListAll").Permits("b:Delete").Obj(),
		build.ResourceType("a").Permits("a:View").Permits("a:Review").Permits("a:get").Obj(),
	}
	all, reading := permissionsToBeginWith(types)
	if got, want := strings.Join(all, " "), "a:Review a:View a:get b:Delete b:ListAll"; got != want {
		t.Errorf("all: got %s", got)
	}
	if got, want := strings.Join(reading, " "), "a:View a:get b:ListAll"; got != want {
		t.Errorf("reading: got %s", got)
	}
	f := founding{organization: "globex", owner: "hank@globex.example"}
	if got := len(f.objects(nil, all, reading)); got != 6 {
		t.Errorf("%d objects", got)
	}
	f.username = "oidc:hank"
	if got := len(f.objects(nil, all, nil)); got != 6 {
		t.Errorf("%d objects, where nothing is only read, and the owner has a name at the API server", got)
	}
}
