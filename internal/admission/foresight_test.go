package admission_test

import (
	"net/http"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestWhatSomebodyWillHaveToEditIsWarnedOf(t *testing.T) {
	local := build.Role("acme", "local").AssignableAt(v1alpha1.LevelProject).Grants("View").Obj()
	for name, c := range map[string]struct {
		resource string
		object   client.Object
		want     string // empty for no warning
	}{
		"a level that a role does not allow": {"roleassignments", build.RoleAssignment("acme", "a").Gives("local").ToUser("bob").Obj(),
			"ScopeLevelNotAllowed: this gives nothing: spec.scope: the Role local may not be assigned at level Organization"},
		"a level that it allows":                  {"roleassignments", build.RoleAssignment("acme", "a").Gives("plain").ToUser("bob").Obj(), ""},
		"a role that may come":                    {"roleassignments", build.RoleAssignment("acme", "a").Gives("later").ToUser("bob").Obj(), ""},
		"a permission in another case":            {"permissiongrants", build.PermissionGrant("acme", "g").ToUser("bob").Grants("view").Obj(), "spec.permissions: no ResourceType declares the permission \"view\": did you mean View?"},
		"a permission in another case, by role":   {"roles", build.Role("acme", "r").Grants("VIEW").Obj(), "spec.permissionGrants: no ResourceType declares the permission \"VIEW\": did you mean View?"},
		"a permission in another case, by policy": {"accesspolicies", build.AccessPolicy("acme", "p").For("bob").Permits(v1alpha1.PermissionEntry{Permission: "view"}).Obj(), "spec.permissions: no ResourceType declares the permission \"view\": did you mean View?"},
		"a permission that may come":              {"permissiongrants", build.PermissionGrant("acme", "g").ToUser("bob").Grants("Later").Obj(), ""},
		"a value that can't be read":              {"permissiongrants", build.PermissionGrant("acme", "g").ToUser("bob").GrantsIf("Sized", build.Equals("size", "big")).Obj(), `spec.permissions: Sized gives nothing: conditions[size]: "big" is not a number`},
	} {
		j := newJudge(t)
		j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return true, nil }
		j.state.Put(build.ResourceType("sized").OfType("sized").Permits("Sized", build.Number("size")).Obj(),
			local.DeepCopy(), build.Role("acme", "plain").Grants("View").Obj())
		response := j.create("alice", c.resource, c.object)
		j.expect(response, http.StatusOK)
		said := strings.Join(response.Warnings, "\n")
		if c.want == "" && said != "" || !strings.Contains(said, c.want) {
			t.Errorf("%s: got %q, want %q", name, said, c.want)
		}
	}
}
