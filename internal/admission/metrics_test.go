package admission_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	admissionv1 "k8s.io/api/admission/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// denials are how often a grant was refused for a reason.
func denials(t *testing.T, reason string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := metric.GetLabel()
			if family.GetName() == "bailiwick_admission_denied_total" && labels[0].GetValue() == "PermissionGrant" && labels[1].GetValue() == reason {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestRefusalsAreCountedByReason(t *testing.T) {
	j := newJudge(t)
	ask := func(user, permission string) int32 {
		request := j.request(user, "permissiongrants", admissionv1.Create)
		request.Kind.Kind = "PermissionGrant"
		request.Object.Raw = j.raw(build.PermissionGrant("acme", "g").ToUser("bob").Grants(permission).Obj())
		return j.Handle(t.Context(), request).Result.Code
	}
	expect := func(reason string, code int32, user, permission string) {
		t.Helper()
		before := denials(t, reason)
		if got := ask(user, permission); got != code {
			t.Fatalf("got %d, want %d", got, code)
		}
		if got := denials(t, reason) - before; got != 1 {
			t.Errorf("%s was counted %v times, want once", reason, got)
		}
	}
	before := denials(t, "NotHeld")
	if code := ask("alice", "View"); code != http.StatusOK {
		t.Fatalf("got %d", code)
	}
	if got := denials(t, "NotHeld") - before; got != 0 {
		t.Errorf("what is allowed was counted %v times", got)
	}
	expect("NotHeld", http.StatusForbidden, "alice", "Edit")
	expect("Unresolved", http.StatusForbidden, "alice", "Nothing")
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return false, errors.New("no answer") }
	expect("ReviewFailed", http.StatusInternalServerError, "carol", "Edit")
	j.State = func() *state.State { return nil }
	expect("NotLoaded", http.StatusServiceUnavailable, "alice", "View")
}

func TestEachRefusalIsOneLineOfTheLogWithoutValues(t *testing.T) {
	j := newJudge(t)
	var lines []string
	log := funcr.NewJSON(func(line string) { lines = append(lines, line) }, funcr.Options{})
	webhook := &ctrladmission.Webhook{Handler: j.Validator, LogConstructor: func(_ logr.Logger, request *ctrladmission.Request) logr.Logger {
		return ctrladmission.DefaultLogConstructor(log, request)
	}}
	ask := func(permission string) {
		request := j.request("alice", "permissiongrants", admissionv1.Create)
		request.Kind.Kind, request.Name = "PermissionGrant", "g"
		grant := build.PermissionGrant("acme", "g").ToUser("bob").Grants(permission).Obj()
		grant.Spec.Permissions[0].Conditions = map[string]v1alpha1.AttributeCondition{"color": {Type: v1alpha1.ConditionEquals, Value: new("secret")}}
		request.Object.Raw = j.raw(grant)
		webhook.Handle(t.Context(), request)
	}
	ask("Edit")
	if len(lines) != 1 {
		t.Fatalf("got %q, want one line", lines)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"kind": "PermissionGrant", "namespace": "acme", "name": "g", "user": "alice", "operation": "CREATE", "reason": "Unresolved", "level": 0.0,
	} {
		if line[key] != want {
			t.Errorf("%s: got %v, want %v", key, line[key], want)
		}
	}
	for _, value := range []string{"secret", "color", "bob", "Edit"} {
		if strings.Contains(lines[0], value) {
			t.Errorf("%q is in the log: %s", value, lines[0])
		}
	}
	lines = nil
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return true, nil }
	ask("Edit")
	if len(lines) != 0 {
		t.Errorf("what is allowed is logged: %q", lines)
	}
}
