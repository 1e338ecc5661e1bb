package admission_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/admission"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var now = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// judge is a validator, with what it asks the API server.
type judge struct {
	*admission.Validator
	t     *testing.T
	clock *clocktesting.FakePassiveClock
	state *state.State
	asked []authorizationv1.SubjectAccessReviewSpec
	// answer is what the API server says.
	answer func(authorizationv1.SubjectAccessReviewSpec) (bool, error)
}

// newJudge knows an organization in which alice holds View, and nobody holds Edit.
func newJudge(t *testing.T) *judge {
	j := &judge{t: t, clock: clocktesting.NewFakePassiveClock(now), answer: func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return false, nil }}
	judged := state.New(state.Limits{ConditionCost: 1000}, j.clock)
	judged.Put(
		&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "acme"}},
		build.ResourceType("doc").Permits("View").Permits("Edit").Obj(), build.Organization("acme").OwnedBy("alice").Obj(),
		build.User("acme", "alice").KnownAs("alice").Obj(), build.User("acme", "bob").KnownAs("bob").Obj(),
		build.PermissionGrant("acme", "alice").ToUser("alice").Grants("View").Obj(),
	)
	j.state = judged
	scheme := runtime.NewScheme()
	if err := authorizationv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme).Build(), interceptor.Funcs{
		Create: func(ctx context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 5*time.Second {
				t.Error("the question has no deadline, or one that a webhook call can't wait for")
			}
			review := object.(*authorizationv1.SubjectAccessReview)
			j.asked = append(j.asked, review.Spec)
			var err error
			review.Status.Allowed, err = j.answer(review.Spec)
			return err
		},
	})
	j.Validator = &admission.Validator{
		Reviewer: admission.NewReviewer(api, j.clock), Clock: j.clock, State: func() *state.State { return judged },
	}
	return j
}

// grant asks, as someone, for a grant to bob.
func (j *judge) grant(user, name string, permissions ...string) ctrladmission.Response {
	return j.create(user, "permissiongrants", build.PermissionGrant("acme", name).ToUser("bob").Grants(permissions...).Obj())
}

func (j *judge) create(user, resource string, object client.Object) ctrladmission.Response {
	j.t.Helper()
	request := j.request(user, resource, admissionv1.Create)
	request.Object.Raw = j.raw(object)
	request.Name = object.GetName()
	return j.Handle(j.t.Context(), request)
}

func (j *judge) request(user, resource string, operation admissionv1.Operation) ctrladmission.Request {
	return ctrladmission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: operation, Namespace: "acme",
		Resource: metav1.GroupVersionResource{Group: "authz.bailiwick.dev", Version: "v1alpha1", Resource: resource},
		UserInfo: authenticationv1.UserInfo{Username: user, Groups: []string{"staff"}, Extra: map[string]authenticationv1.ExtraValue{"scopes": {"all"}}},
	}}
}

func (j *judge) raw(object client.Object) []byte {
	j.t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		j.t.Fatal(err)
	}
	return raw
}

func (j *judge) expect(response ctrladmission.Response, code int32, words ...string) {
	j.t.Helper()
	if response.Result.Code != code || response.Allowed != (code == http.StatusOK) {
		j.t.Errorf("got %d (%s), want %d", response.Result.Code, response.Result.Message, code)
	}
	for _, word := range words {
		if !strings.Contains(response.Result.Message, word) {
			j.t.Errorf("%q does not say %q", response.Result.Message, word)
		}
	}
}

func (j *judge) expectSilent(response ctrladmission.Response, word string) {
	j.t.Helper()
	if strings.Contains(response.Result.Message, word) {
		j.t.Errorf("%q says %q", response.Result.Message, word)
	}
}

func (j *judge) expectAsked(questions int) {
	j.t.Helper()
	if len(j.asked) != questions {
		j.t.Errorf("the API server was asked %d times, want %d: %v", len(j.asked), questions, j.asked)
	}
	j.asked = nil
}

func TestTheAPIServerIsAskedOnlyAboutWhoLacksSomething(t *testing.T) {
	j := newJudge(t)
	j.expect(j.grant("alice", "g", "View"), http.StatusOK)
	j.expectAsked(0)

	j.expect(j.grant("alice", "g", "View", "Edit"), http.StatusForbidden, "spec.permissions: this gives Edit at acme, which the User alice does not hold", "escalate on permissiongrants")
	if len(j.asked) != 2 {
		t.Fatalf("asked %v", j.asked)
	}
	for n, name := range []string{"", "g"} { // with all, and with this one
		spec := j.asked[n]
		want := authorizationv1.ResourceAttributes{Namespace: "acme", Verb: "escalate", Group: "authz.bailiwick.dev", Version: "v1alpha1", Resource: "permissiongrants", Name: name}
		if *spec.ResourceAttributes != want || spec.User != "alice" || len(spec.Groups) != 1 || spec.Groups[0] != "staff" || len(spec.Extra["scopes"]) != 1 {
			t.Errorf("asked %+v about %+v", spec, *spec.ResourceAttributes)
		}
	}
	j.asked = nil
	j.expect(j.grant("mallory", "g", "Edit"), http.StatusForbidden, `"mallory" holds nothing, since no User in force here has that subject`)
}

func TestTheVerbGoesWithTheKind(t *testing.T) {
	for resource, c := range map[string]struct {
		verb   string
		object client.Object
	}{
		"roleassignments":           {"bind", build.RoleAssignment("acme", "x").Gives("none").ToUser("bob").Obj()},
		"permissiongrants":          {"escalate", build.PermissionGrant("acme", "x").ToUser("bob").Grants("Edit").Obj()},
		"temporarypermissiongrants": {"escalate", build.TemporaryPermissionGrant("acme", "x").ToUser("bob").Grants("Edit").For("1h").Obj()},
		"roles":                     {"escalate", build.Role("acme", "x").Grants("Edit").Obj()},
		"groupmemberships":          {"bind", build.GroupMembership("acme", "x", "bob", "none").Obj()},
		"invitations":               {"bind", build.Invitation("acme", "x").AcceptedBy("bob").Obj()},
	} {
		j := newJudge(t)
		j.expect(j.create("alice", resource, c.object), http.StatusForbidden, "the verb "+c.verb+" on "+resource)
		j.answer = func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) {
			return spec.ResourceAttributes.Verb == c.verb && spec.ResourceAttributes.Resource == resource, nil
		}
		j.expect(j.create("alice", resource, c.object), http.StatusOK)
	}
}

func TestWhatSomeoneMayIsRememberedForAWhileAndThatTheyMayNotIsNot(t *testing.T) {
	j := newJudge(t)
	j.expect(j.grant("gitops", "g1", "Edit"), http.StatusForbidden)
	j.expectAsked(2)
	j.answer = func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) { return spec.User == "gitops", nil }
	j.expect(j.grant("gitops", "g1", "Edit"), http.StatusOK)
	j.expectAsked(1)
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return false, nil }
	j.expect(j.grant("gitops", "g2", "Edit"), http.StatusOK)
	j.expectAsked(0)
	j.expect(j.grant("mallory", "g2", "Edit"), http.StatusForbidden)
	j.expectAsked(2)
	j.expect(j.create("gitops", "roles", build.Role("acme", "x").Grants("Edit").Obj()), http.StatusForbidden)
	j.clock.SetTime(now.Add(11 * time.Second))
	j.expect(j.grant("gitops", "g3", "Edit"), http.StatusForbidden)

	// That they may with one object says nothing about others.
	j.answer = func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) {
		return spec.ResourceAttributes.Name == "g4", nil
	}
	j.expect(j.grant("gitops", "g4", "Edit"), http.StatusOK)
	j.expect(j.grant("gitops", "g5", "Edit"), http.StatusForbidden)
}

func TestAQuestionIsRepeatedWhenTheAPIServerFailsForAMoment(t *testing.T) {
	for name, passing := range map[string]error{
		"an error of its own":   apierrors.NewInternalError(errors.New("etcd has no leader")),
		"an overload":           apierrors.NewServiceUnavailable("overloaded"),
		"a proxy's timeout":     apierrors.NewTimeoutError("too slow", 1),
		"a cut connection":      io.ErrUnexpectedEOF,
		"nobody there to reach": syscall.ECONNREFUSED,
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(t)
			fails := 2
			j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) {
				if fails--; fails >= 0 {
					return false, passing
				}
				return true, nil
			}
			j.expect(j.grant("gitops", "g", "Edit"), http.StatusOK)
			j.expectAsked(3)
			fails = 1000
			j.expect(j.grant("carol", "g", "Edit"), http.StatusInternalServerError, "asking the API server", "try again")
			j.expectAsked(3)
		})
	}
	j := newJudge(t)
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) {
		return false, apierrors.NewForbidden(schema.GroupResource{Resource: "subjectaccessreviews"}, "", errors.New("the operator may not ask"))
	}
	j.expect(j.grant("gitops", "g", "Edit"), http.StatusInternalServerError, "may not ask")
	j.expectAsked(1)
}

func TestWhoeverCanNotBeJudgedIsRefused(t *testing.T) {
	j := newJudge(t)
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return false, errors.New("it is down") }
	j.expect(j.grant("alice", "g", "Edit"), http.StatusInternalServerError, "this gives Edit at acme", "asking the API server", "it is down", "try again")
	j.expect(j.grant("alice", "g", "View"), http.StatusOK)

	j.State = func() *state.State { return nil }
	j.expect(j.grant("alice", "g", "View"), http.StatusServiceUnavailable, "has not loaded", "try again")
	broken := j.request("alice", "roles", admissionv1.Create)
	broken.Object.Raw = []byte("{")
	j.expect(j.Handle(t.Context(), broken), http.StatusBadRequest)
	j.expect(j.Handle(t.Context(), j.request("alice", "pods", admissionv1.Create)), http.StatusBadRequest)
}

func TestWhatIsBeingDeletedAndWhatGivesNothingPasses(t *testing.T) {
	j := newJudge(t)
	update := func(change func(*v1alpha1.PermissionGrant)) ctrladmission.Response {
		old := build.PermissionGrant("acme", "g").ToUser("bob").Grants("View", "Edit").Obj()
		object := old.DeepCopy()
		change(object)
		request := j.request("mallory", "permissiongrants", admissionv1.Update)
		if object.DeletionTimestamp != nil {
			old.DeletionTimestamp = object.DeletionTimestamp
		}
		request.OldObject.Raw, request.Object.Raw = j.raw(old), j.raw(object)
		return j.Handle(t.Context(), request)
	}
	j.expect(update(func(o *v1alpha1.PermissionGrant) { o.Labels = map[string]string{"a": "b"} }), http.StatusOK)
	j.expect(update(func(o *v1alpha1.PermissionGrant) { o.Spec.Permissions = o.Spec.Permissions[:1] }), http.StatusOK)
	j.expect(update(func(o *v1alpha1.PermissionGrant) { o.Spec.Subject.User = "alice" }), http.StatusForbidden)
	j.expect(update(func(o *v1alpha1.PermissionGrant) {
		o.Spec.Subject.User = "alice"
		o.DeletionTimestamp = &metav1.Time{Time: now}
	}), http.StatusOK)
}

func TestThoseWhoAskTheSameAtOnceAskOnce(t *testing.T) {
	j := newJudge(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) {
		asked <- struct{}{}
		<-answer
		return true, nil
	}
	responses := make(chan ctrladmission.Response)
	for _, name := range []string{"a", "b", "c", "d"} {
		go func() { responses <- j.grant("gitops", name, "Edit") }()
	}
	<-asked
	close(answer)
	for range 4 {
		j.expect(<-responses, http.StatusOK)
	}
}

func TestAnAssignmentToAnInvitationThatIsAcceptedSaysWhoGetsIt(t *testing.T) {
	j := newJudge(t)
	j.State().Put(build.Role("acme", "viewer").Grants("View").Obj(),
		build.Invitation("acme", "taken").AcceptedBy("bob").Obj(), build.Invitation("acme", "open").Obj())
	for invitation, want := range map[string]string{"taken": "the User bob has accepted it", "open": ""} {
		response := j.create("alice", "roleassignments", build.RoleAssignment("acme", "a").Gives("viewer").ToInvitation(invitation).Obj())
		if said := strings.Join(response.Warnings, "\n"); !response.Allowed || want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("%s: allowed: %t, warnings: %q, want %q", invitation, response.Allowed, said, want)
		}
	}
}
