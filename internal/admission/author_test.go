package admission_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// replace asks, as someone, for an object to be replaced.
func (j *judge) replace(user, resource string, old, object client.Object) ctrladmission.Response {
	j.t.Helper()
	request := j.request(user, resource, admissionv1.Update)
	if old.GetNamespace() == "" {
		request.Namespace = ""
	}
	request.Name, request.OldObject.Raw, request.Object.Raw = object.GetName(), j.raw(old), j.raw(object)
	return j.Handle(j.t.Context(), request)
}

// maps lets names of the API server stand for subjects.
func maps(organization *v1alpha1.Organization, usernames ...v1alpha1.UsernameMapping) *v1alpha1.Organization {
	mapped := organization.DeepCopy()
	mapped.Spec.Usernames = usernames
	return mapped
}

// is says that a name stands for a subject.
func is(username, subject string) v1alpha1.UsernameMapping {
	return v1alpha1.UsernameMapping{Username: username, Subject: subject}
}

func TestP5WhoWritesIsFoundByTheAPIServersPrefix(t *testing.T) {
	j := newJudge(t)
	j.expect(j.grant("oidc:alice", "g", "View"), http.StatusForbidden,
		`and "oidc:alice" holds nothing, since no User in force here has that subject; near is the User alice with the subject "alice"`, "--username-prefix", "spec.usernames")
	j.UsernamePrefix = "oidc:"
	j.expect(j.grant("oidc:alice", "g", "View"), http.StatusOK)
	j.expect(j.grant("oidc:carol", "g", "View"), http.StatusForbidden, `looked for the subject "carol"`)
	j.expect(j.grant("oidc:Alice", "g", "View"), http.StatusForbidden, `looked for the subject "Alice"`, `near is the User alice with the subject "alice"`)
	j.expect(j.grant("alice", "g", "View"), http.StatusForbidden, `the name lacks the prefix that --username-prefix sets`)
}

func TestP5WhoWritesIsFoundByWhatTheOrganizationSays(t *testing.T) {
	j := newJudge(t)
	organization := build.Organization("acme").OwnedBy("alice").Obj()
	j.expect(j.grant("corp:7f3a", "g", "View"), http.StatusForbidden, `"corp:7f3a" holds nothing`)
	j.state.Put(maps(organization, is("corp:7f3a", "alice")))
	j.expect(j.grant("corp:7f3a", "g", "View"), http.StatusOK)
	j.expect(j.grant("corp:7f3a", "g", "Edit"), http.StatusForbidden, "which the User alice does not hold")
	j.expect(j.grant("corp:7f3b", "g", "View"), http.StatusForbidden, `"corp:7f3b" holds nothing`)
	// Whoever is mapped is nobody else any more.
	j.state.Put(maps(organization, is("alice", "bob")))
	j.expect(j.grant("alice", "g", "View"), http.StatusForbidden, "which the User bob does not hold")
}

func TestP5WhoSaysWhomANameStandsForMustHaveTheVerb(t *testing.T) {
	j := newJudge(t)
	organization := build.Organization("acme").OwnedBy("alice").Obj()
	for name, c := range map[string]struct {
		old, object *v1alpha1.Organization
		code        int32
	}{
		"one is added":            {organization, maps(organization, is("mallory", "alice")), http.StatusForbidden},
		"one is taken away":       {maps(organization, is("mallory", "bob")), organization, http.StatusForbidden},
		"one is changed":          {maps(organization, is("mallory", "bob")), maps(organization, is("mallory", "alice")), http.StatusForbidden},
		"they have another order": {maps(organization, is("a", "b"), is("c", "d")), maps(organization, is("c", "d"), is("a", "b")), http.StatusOK},
	} {
		if response := j.replace("alice", "organizations", c.old, c.object); response.Result.Code != c.code {
			t.Errorf("%s: got %d, want %d", name, response.Result.Code, c.code)
		}
		j.answer = func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) { return spec.User == "root", nil }
		j.expect(j.replace("root", "organizations", c.old, c.object), http.StatusOK)
	}
	fresh := maps(build.Organization("acme").OwnedBy("alice").Obj(), is("mallory", "alice"))
	j.state.Remove(kinds.RefOf(organization))
	j.expect(j.create("mallory", "organizations", fresh), http.StatusForbidden, "spec.usernames", "escalate on organizations")
}

func TestP6NearTwinsAreWarnedOf(t *testing.T) {
	j := newJudge(t)
	j.state.Put(
		build.User("acme", "erin").KnownAs("erin").ReachedAt("Erin.Roe@acme.example").Obj(),
		build.PermissionGrant("acme", "waits").ToUser("zoe").Obj(),
	)
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return true, nil }
	for name, c := range map[string]struct {
		user *v1alpha1.User
		want []string
	}{
		"a subject in other case": {build.User("acme", "x").KnownAs("Alice").Obj(), []string{"spec.subject: the User alice"}},
		"the same address":        {build.User("acme", "x").KnownAs("x").ReachedAt("erin.roe@Acme.example").Obj(), []string{"spec.email: the User erin"}},
		"an old name":             {build.User("acme", "zoe").KnownAs("zoe").Obj(), []string{"metadata.name: 1 objects name this User"}},
		"nobody else's":           {build.User("acme", "x").KnownAs("x").ReachedAt("x@acme.example").Obj(), nil},
	} {
		response := j.create("alice", "users", c.user)
		j.expect(response, http.StatusOK)
		expectWarnings(t, name, response.Warnings, c.want)
	}
	known := build.User("acme", "alice").KnownAs("alice").ReachedAt("erin.roe@acme.example").Obj()
	was := build.User("acme", "alice").KnownAs("alice").Obj()
	expectWarnings(t, "an address that somebody gets", j.replace("alice", "users", was, known).Warnings, []string{"spec.email: the User erin"})
}

func TestP6AnInvitationIsForTheAddressWhateverItsCase(t *testing.T) {
	j := newJudge(t)
	invitation := build.Invitation("acme", "erin").Obj()
	invitation.Spec.Email = "Erin.Roe@Acme.Example"
	invitation.CreationTimestamp = metav1.NewTime(now)
	j.state.Put(
		build.User("acme", "erin").KnownAs("erin").ReachedAt("erin.roe@acme.example").Obj(), invitation,
		build.Role("acme", "editor").Grants("Edit").Obj(), build.RoleAssignment("acme", "erin").Gives("editor").ToInvitation("erin").Obj(),
	)
	accepted := invitation.DeepCopy()
	accepted.Spec.AcceptedBy = "erin"
	j.expect(j.replace("bob", "invitations", invitation, accepted), http.StatusForbidden)
	j.expect(j.replace("erin", "invitations", invitation, accepted), http.StatusOK)
	j.expect(j.create("bob", "users", build.User("acme", "x").KnownAs("x").ReachedAt("ERIN.ROE@acme.example").Obj()), http.StatusForbidden, "gives more than")
	j.expect(j.create("bob", "users", build.User("acme", "x").KnownAs("x").ReachedAt("erin@acme.example").Obj()), http.StatusOK)
}

func expectWarnings(t *testing.T, name string, warnings, want []string) {
	t.Helper()
	if len(warnings) != len(want) {
		t.Errorf("%s: got %q, want %q", name, warnings, want)
		return
	}
	for n := range want {
		if !strings.HasPrefix(warnings[n], want[n]) {
			t.Errorf("%s: got %q, want %q", name, warnings[n], want[n])
		}
	}
}

func TestWhoIsSuspendedGivesAndKeepsNothingWhateverVerbsTheyHave(t *testing.T) {
	j := newJudge(t)
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return true, nil }
	alice, suspended := build.User("acme", "alice").KnownAs("alice").Obj(), build.User("acme", "alice").KnownAs("alice").Suspended().Obj()
	assigned, role := build.RoleAssignment("acme", "x").Gives("none").ToUser("bob").Obj(), build.Role("acme", "none").Obj()
	member := build.GroupMembership("acme", "m", "bob", "none").Obj()
	pausedRole := role.DeepCopy()
	pausedRole.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"}
	labelled := role.DeepCopy()
	labelled.Labels = map[string]string{"team": "x"}
	writes := map[string]struct {
		write func(by string) ctrladmission.Response
		takes bool
	}{
		"end the own suspension": {func(by string) ctrladmission.Response { return j.replace(by, "users", suspended, alice) }, false},
		"delete the own User":    {func(by string) ctrladmission.Response { return j.remove(by, "users", suspended) }, false},
		"make another of the subject": {func(by string) ctrladmission.Response {
			return j.create(by, "users", build.User("acme", "alice2").KnownAs("alice").Obj())
		}, false},
		"grant": {func(by string) ctrladmission.Response { return j.grant(by, "g", "View") }, false},
		"edit the Organization": {func(by string) ctrladmission.Response {
			return j.replace(by, "organizations", build.Organization("acme").OwnedBy("alice").Obj(), maps(build.Organization("acme").OwnedBy("alice").Obj(), is("alice2", "alice")))
		}, false},
		"pause":                {func(by string) ctrladmission.Response { return j.replace(by, "roles", role, pausedRole) }, false},
		"delete a membership":  {func(by string) ctrladmission.Response { return j.remove(by, "groupmemberships", member) }, false},
		"delete an assignment": {func(by string) ctrladmission.Response { return j.remove(by, "roleassignments", assigned) }, true},
		"label":                {func(by string) ctrladmission.Response { return j.replace(by, "roles", role, labelled) }, true},
	}
	for name, c := range writes {
		t.Run("[F4] "+name, func(t *testing.T) {
			j.state.Put(alice.DeepCopy())
			if response := c.write("alice"); !response.Allowed {
				t.Errorf("before: %s", response.Result.Message)
			}
			j.state.Put(suspended.DeepCopy())
			response := c.write("alice")
			if response.Allowed != c.takes || !c.takes && !strings.Contains(response.Result.Message, `"alice" represents the User alice, which is suspended`) {
				t.Errorf("suspended: %v %s", response.Allowed, response.Result.Message)
			}
			if response := c.write("root"); !response.Allowed {
				t.Errorf("by somebody else: %s", response.Result.Message)
			}
		})
	}
	// A User of the same subject that somebody makes later suspends nobody.
	later := build.User("acme", "later").KnownAs("bob").Suspended().Obj()
	later.CreationTimestamp = metav1.NewTime(now)
	j.state.Put(later)
	j.expect(j.grant("bob", "g", "View"), http.StatusOK)
}

// remove asks, as someone, for an object to be deleted.
func (j *judge) remove(user, resource string, object client.Object) ctrladmission.Response {
	j.t.Helper()
	request := j.request(user, resource, admissionv1.Delete)
	request.Name, request.OldObject.Raw = object.GetName(), j.raw(object)
	return j.Handle(j.t.Context(), request)
}

func TestF3OnlyWhoMayEscalateOnTheOrganizationLeavesItWithoutAdministration(t *testing.T) {
	j := newJudge(t)
	j.state.Put(
		build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").Obj(), build.Role("acme", "admin").Grants("View").Obj(),
		build.RoleAssignment("acme", "admin").Gives("admin").ToUser("alice").Obj(),
	)
	alice := build.User("acme", "alice").KnownAs("alice").Obj()
	suspended := build.User("acme", "alice").KnownAs("alice").Suspended().Obj()
	j.answer = func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) {
		asked := spec.ResourceAttributes
		return asked.Resource != "organizations" || spec.User == "root" && asked.Verb == "escalate" && asked.Name == "acme" && asked.Namespace == "", nil
	}
	j.expect(j.replace("editor", "users", alice, suspended), http.StatusForbidden,
		"no owner would administer the Organization acme", "the User alice is suspended", "the verb escalate on the Organization acme")
	j.expect(j.replace("root", "users", alice, suspended), http.StatusOK)
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return false, errors.New("away") }
	j.expect(j.replace("root", "users", alice, suspended), http.StatusInternalServerError, "try again")
}

func TestZ9OnlyWhoMayEscalateOnTheOrganizationSaysWhatProtectsLastRoles(t *testing.T) {
	j := newJudge(t)
	protects := build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").Obj()
	warns := build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").WarnsOfLastRoles().Obj()
	j.answer = func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) { return spec.User == "root", nil }
	for name, c := range map[string][2]*v1alpha1.Organization{"to Warn": {protects, warns}, "to Protect": {warns, protects}} {
		t.Run(name, func(*testing.T) {
			j.expect(j.replace("editor", "organizations", c[0], c[1]), http.StatusForbidden, "spec.lastRolePolicy", "the verb escalate on organizations")
			j.expect(j.replace("root", "organizations", c[0], c[1]), http.StatusOK)
		})
	}
	said := protects.DeepCopy()
	said.Spec.LastRolePolicy = v1alpha1.LastRoleProtect
	j.expect(j.replace("editor", "organizations", protects, said), http.StatusOK)
}
