package admission_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestWhatLosesByADeletionIsNamedToWhoMayKnow(t *testing.T) {
	for name, c := range map[string]struct {
		assignments            int
		authenticated, mayRead bool
		want                   string
	}{
		"one": {1, true, true, "in use: 1 object loses what it gives by this: RoleAssignment a00 at acme/prod (spec.roleRef)"},
		"as many as are named": {10, true, true, "in use: 10 objects lose what they give by this: RoleAssignment a00 at acme/prod (spec.roleRef); RoleAssignment a01 at acme (spec.roleRef); " +
			"RoleAssignment a02 at acme (spec.roleRef); RoleAssignment a03 at acme (spec.roleRef); RoleAssignment a04 at acme (spec.roleRef); RoleAssignment a05 at acme (spec.roleRef); " +
			"RoleAssignment a06 at acme (spec.roleRef); RoleAssignment a07 at acme (spec.roleRef); RoleAssignment a08 at acme (spec.roleRef); RoleAssignment a09 at acme (spec.roleRef)"},
		"more than are named":       {12, true, true, "RoleAssignment a09 at acme (spec.roleRef); and 2 more"},
		"none":                      {0, true, true, ""},
		"by who may not list Roles": {2, true, false, "in use: 2 objects lose what they give by this"},
		"by whoever says to be somebody to the port": {2, false, true, "in use: 2 objects lose what they give by this"},
	} {
		j := newJudge(t)
		j.Authenticated = c.authenticated
		j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return c.mayRead, nil }
		role := build.Role("acme", "viewer").Grants("View").Obj()
		j.state.Put(role.DeepCopy(), build.Organization("acme").OwnedBy("alice").Workspace("prod").Obj())
		for n := range c.assignments {
			assignment := build.RoleAssignment("acme", fmt.Sprintf("a%02d", n)).Gives("viewer").ToUser("bob")
			if n == 0 {
				assignment.InWorkspace("prod")
			}
			j.state.Put(assignment.Obj())
		}
		request := j.request("alice", "roles", admissionv1.Delete)
		request.OldObject.Raw, request.Name = j.raw(role), role.Name
		response := j.Handle(t.Context(), request)
		j.expect(response, http.StatusOK)
		said := strings.Join(response.Warnings, "\n")
		if c.want == "" && said != "" || !strings.HasSuffix(said, c.want) {
			t.Errorf("%s: got %q, want %q", name, said, c.want)
		}
	}
}
