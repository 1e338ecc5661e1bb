package kinds_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// places are the files that list kinds by hand and that no compiler looks at, with how they write one. docs/adding-a-kind.md
// is about all.
var places = map[string]func(kind kinds.Kind, plural string) string{
	"PROJECT":                                  func(kind kinds.Kind, _ string) string { return "kind: " + kind.Name },
	"config/crd/kustomization.yaml":            func(_ kinds.Kind, plural string) string { return "authz.bailiwick.dev_" + plural + ".yaml" },
	"config/gitops/argocd/kustomization.yaml":  func(kind kinds.Kind, _ string) string { return "authz.bailiwick.dev_" + kind.Name },
	"config/gitops/flux.yaml":                  func(kind kinds.Kind, _ string) string { return "kind: " + kind.Name },
	"config/rbac/gitops_role.yaml":             func(_ kinds.Kind, plural string) string { return "- " + plural },
	"config/rbac/viewer_role.yaml":             func(_ kinds.Kind, plural string) string { return "- " + plural },
	"config/rbac/editor_role.yaml":             func(kind kinds.Kind, plural string) string { return ofAnOrganization(kind, "- "+plural) },
	"config/rbac/organization_admin_role.yaml": func(kind kinds.Kind, plural string) string { return ofAnOrganization(kind, "- "+plural) },
	"config/webhook/stamp.yaml":                func(_ kinds.Kind, plural string) string { return plural },
	"config/webhook/guard_policy.yaml":         func(_ kinds.Kind, plural string) string { return plural + "/status" },
	"docs/README.md":                           func(kind kinds.Kind, _ string) string { return "(kinds/" + strings.ToLower(kind.Name) + ".md" },
}

// ofAnOrganization is a text for the kinds whose objects an organization's own people write, and none for those that only the
// platform does.
func ofAnOrganization(kind kinds.Kind, text string) string {
	if kind.ClusterScoped {
		return ""
	}
	return text
}

func TestEveryPlaceHasEveryKind(t *testing.T) {
	for file, written := range places {
		content, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range kinds.All {
			plural := regexp.MustCompile(`y$`).ReplaceAllString(strings.ToLower(kind.Name), "ie") + "s"
			if text := written(kind, plural); text != "" && !regexp.MustCompile(regexp.QuoteMeta(text)+`\b`).Match(content) {
				t.Errorf("%s: there is no %q", file, text)
			}
		}
	}
}
