package plugin

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var noon = time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)

func TestARequestIsWhatTheFlagsSay(t *testing.T) {
	w := query.New(query.Objects{Organization: "acme"}, clocktesting.NewFakePassiveClock(noon))
	whole := asking{at: query.Written{Scope: "prod/vision"}, length: "2d", reason: "INC 4711 waits", tags: []string{"ticket:INC 4711"}, policy: "on-call"}
	request, err := whole.request("acme", w, []string{"operator"})
	if err != nil {
		t.Fatal(err)
	}
	spec := request.Spec
	if spec.RoleRef == nil || spec.RoleRef.Name != "operator" || spec.PermissionGrant != nil || spec.Scope.Workspace != "prod" || spec.Scope.Project != "vision" ||
		spec.Duration != "P2D" || spec.Justification != "INC 4711 waits" || spec.Tags["ticket"] != "INC 4711" || spec.Policy != "on-call" || spec.Requester != "" {
		t.Errorf("%+v", spec)
	}
	for name, c := range map[string]struct {
		change func(*asking)
		role   []string
		want   string
	}{
		"nothing":                  {func(*asking) {}, nil, "name a ROLE or a --permission"},
		"a role and a permission":  {func(a *asking) { a.at.Permission = "A:View" }, []string{"operator"}, "one of them"},
		"no reason":                {func(a *asking) { a.reason = "" }, []string{"operator"}, "--reason"},
		"for ever":                 {func(a *asking) { a.length = "" }, []string{"operator"}, "--for"},
		"a length that is none":    {func(a *asking) { a.length = "soon" }, []string{"operator"}, "--for: "},
		"a tag that is none":       {func(a *asking) { a.tags = []string{"ticket"} }, []string{"operator"}, "--tag=ticket: write key:value"},
		"a scope that is none":     {func(a *asking) { a.at.Scope = "a/b/c" }, []string{"operator"}, "--scope=a/b/c"},
		"a condition of a role":    {func(a *asking) { a.conditions = []string{"color=red"} }, []string{"operator"}, "--condition: a role brings its own"},
		"a condition that is none": {func(a *asking) { a.at.Permission, a.conditions = "A:View", []string{"color"} }, nil, "--condition=color: write NAME=VALUE"},
	} {
		a := whole
		c.change(&a)
		if _, err := a.request("acme", w, c.role); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAPermissionIsAskedForUnderConditionsAndShownWithThem(t *testing.T) {
	w := query.New(query.Objects{Organization: "acme"}, clocktesting.NewFakePassiveClock(noon))
	a := asking{at: query.Written{Permission: "App:Deploy"}, length: "2h", reason: "INC 4711", conditions: []string{"environment=dev", "size=2", "environment=staging", "environment=a=b"}}
	request, err := a.request("acme", w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := askedFor(request), "App:Deploy if environment In [dev, staging, a=b] and size Equals 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func aRequest() *v1alpha1.AccessRequest {
	return &v1alpha1.AccessRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "asked", UID: "u", CreationTimestamp: metav1.Time{Time: noon.Add(-time.Hour)}},
		Spec: v1alpha1.AccessRequestSpec{
			Requester: "bob@acme.example", RoleRef: &v1alpha1.RoleReference{Name: "operator"}, Duration: "2h",
			Justification: "It burns\x1b[2J\nWho            nobody", Scope: v1alpha1.Scope{Workspace: "prod"},
		},
		Status: v1alpha1.AccessRequestStatus{
			Phase: v1alpha1.AccessPending, User: "bob", Policy: "on-call", ApprovalsNeeded: 2, Approvals: 1,
			Decisions: []v1alpha1.AccessDecisionOutcome{
				{Decider: "alice@acme.example", Verdict: v1alpha1.VerdictApprove, Comment: "seen", Counts: true, Reason: "Counts"},
				{Decider: "bob@acme.example", Verdict: v1alpha1.VerdictApprove, Reason: "OwnRequest", Message: "nobody decides about their own request"},
			},
		},
	}
}

func TestWhoDecidesSeesWhatItIsAbout(t *testing.T) {
	policy := &v1alpha1.AccessPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "on-call"},
		Spec: v1alpha1.AccessPolicySpec{Approvals: &v1alpha1.AccessApprovals{
			Count: 2, From: v1alpha1.AccessSubjects{Users: []string{"alice"}, Groups: []string{"leads"}},
		}},
	}
	organization := build.Organization("acme").Obj()
	organization.Spec.Workspaces = []v1alpha1.Workspace{{Name: "prod"}}
	catalogue := build.ResourceType("queue").Obj()
	catalogue.Spec.Permissions = []v1alpha1.Permission{{Name: "Queue:Restart"}, {Name: "Queue:View"}}
	c := &cluster{organization: "acme", WithWatch: fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		policy, organization, catalogue, build.User("acme", "bob").Obj(), build.Role("acme", "operator").Grants("Queue:Restart").Grants("Queue:View").Obj(),
	).Build()}
	var out, people bytes.Buffer
	p := &plugin{output: outputTable, Options: Options{Clock: clocktesting.NewFakePassiveClock(noon), Streams: genericiooptions.IOStreams{Out: &out, ErrOut: &people, In: strings.NewReader("y\n")}}}
	if err := p.show(t.Context(), c, aRequest()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"bob@acme.example (User bob)", "operator at acme/prod, and everywhere below", "until 2030-01-31T14:00:00Z",
		"Would give     Queue:Restart\n", "Would give     Queue:View\n", "Holds already  nothing of it",
		"bob@acme.example: Approve, which does not count: nobody decides about their own request",
		"2 of alice, the group leads, by the AccessPolicy on-call; 1 so far",
	} {
		if !strings.Contains(people.String(), want) {
			t.Errorf("%q is missing in\n%s", want, people.String())
		}
	}
	if strings.Contains(people.String(), "\x1b") || strings.Contains(people.String(), "\nWho            nobody") {
		t.Errorf("a requester speaks to the terminal, or in our name:\n%q", people.String())
	}
	if sure, err := p.confirm(v1alpha1.VerdictApprove); sure || err == nil || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("without a terminal: %t, %v", sure, err)
	}
}

func TestAReviewHasWhoDecidedAndWhy(t *testing.T) {
	row := strings.Join(requestReview(aRequest()), "|")
	for _, want := range []string{"alice@acme.example: Approve (seen); bob@acme.example: Approve [does not count: OwnRequest]", "|operator|acme/prod|2h|", "|2030-01-31T11:00:00Z|"} {
		if !strings.Contains(row, want) {
			t.Errorf("%q is missing in %q", want, row)
		}
	}
	if len(requestReview(aRequest())) != len(requestColumns) {
		t.Error("the columns are not those of the rows")
	}
}
