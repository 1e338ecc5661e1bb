package scope_test

import (
	"slices"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

var (
	organization = scope.Path{Organization: "acme"}
	workspace    = scope.Path{Organization: "acme", Workspace: "prod"}
	project      = scope.Path{Organization: "acme", Workspace: "prod", Project: "vision"}

	inOrganization = scope.Path{Organization: "acme", ResourceType: "flow", ResourceID: "42"}
	inWorkspace    = scope.Path{Organization: "acme", Workspace: "prod", ResourceType: "flow", ResourceID: "42"}
	inProject      = scope.Path{Organization: "acme", Workspace: "prod", Project: "vision", ResourceType: "flow", ResourceID: "42"}
)

var all = []scope.Path{organization, workspace, project, inOrganization, inWorkspace, inProject}

func TestPathsKnowWhereTheyAre(t *testing.T) {
	for _, test := range []struct {
		path      scope.Path
		level     scope.Level
		container scope.Path
		parent    scope.Path
		name      string
		segments  []string
	}{
		{organization, scope.Organization, organization, scope.Path{}, "acme", []string{"acme"}},
		{workspace, scope.Workspace, workspace, organization, "acme/prod", []string{"acme", "prod"}},
		{project, scope.Project, project, workspace, "acme/prod/vision", []string{"acme", "prod", "vision"}},
		{inOrganization, scope.Resource, organization, organization, "acme/flow/42", []string{"acme", "flow", "42"}},
		{inWorkspace, scope.Resource, workspace, workspace, "acme/prod/flow/42", []string{"acme", "prod", "flow", "42"}},
		{inProject, scope.Resource, project, project, "acme/prod/vision/flow/42", []string{"acme", "prod", "vision", "flow", "42"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.path.Level(); got != test.level {
				t.Errorf("level %s, want %s", got, test.level)
			}
			if got := test.path.Container(); got != test.container {
				t.Errorf("container %v, want %v", got, test.container)
			}
			if got, ok := test.path.Parent(); got != test.parent || ok != (test.path != organization) {
				t.Errorf("parent %v, %t, want %v", got, ok, test.parent)
			}
			if got := test.path.String(); got != test.name {
				t.Errorf("name %s, want %s", got, test.name)
			}
			if got := test.path.Segments(); !slices.Equal(got, test.segments) {
				t.Errorf("segments %v, want %v", got, test.segments)
			}
		})
	}
}

func TestPathsCoverThemselvesAndWhatIsBelow(t *testing.T) {
	covered := map[scope.Path][]scope.Path{
		organization:   all,
		workspace:      {workspace, project, inWorkspace, inProject},
		project:        {project, inProject},
		inOrganization: {inOrganization},
		inWorkspace:    {inWorkspace},
		inProject:      {inProject},
	}
	for _, above := range all {
		for _, below := range all {
			if got, want := above.Covers(below), slices.Contains(covered[above], below); got != want {
				t.Errorf("%v covers %v: %t, want %t", above, below, got, want)
			}
		}
	}
}

func TestPathsDoNotCoverWhatIsElsewhere(t *testing.T) {
	for _, elsewhere := range []scope.Path{
		{},
		{Organization: "other"},
		{Organization: "acm"},
		{Organization: "other", Workspace: "prod"},
		{Organization: "other", Workspace: "prod", Project: "vision", ResourceType: "flow", ResourceID: "42"},
	} {
		for _, path := range all {
			if path.Covers(elsewhere) || elsewhere.Covers(path) {
				t.Errorf("%v and %v cover each other", path, elsewhere)
			}
		}
	}
	for _, beside := range []scope.Path{
		{Organization: "acme", Workspace: "prod", Project: "audio"},
		{Organization: "acme", Workspace: "test", Project: "vision"},
		{Organization: "acme", ResourceType: "flow", ResourceID: "43"},
	} {
		if project.Covers(beside) || inOrganization.Covers(beside) {
			t.Errorf("%v is covered by what is beside it", beside)
		}
	}
}
