package decision_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// remembered is what memory knows: alice is an editor of acme's workspace prod.
func (w *world) remembered() decision.State {
	if w.known == nil {
		w.known = state.New(state.Limits{ConditionCost: store.EmbeddedConditionCost}, clocktesting.NewFakePassiveClock(now))
		w.known.Put(
			namespace("acme"),
			build.ResourceType("app").OfType("flow").Permits("App:View").Permits("App:Edit", build.String("subject_role")).Obj(),
			build.Organization("acme").Workspace("prod", "vision").Workspace("lab").Obj(),
			build.User("acme", "alice").KnownAs("alice").Obj(),
			build.Role("acme", "editor").Grants("App:View").Obj(),
			build.TemporaryPermissionGrant("acme", "t").ToUser("alice").Grants("App:View").InWorkspace("lab").From(now.Add(time.Hour)).Until(now.Add(2*time.Hour)).Obj(),
			build.TemporaryPermissionGrant("acme", "u").ToUser("alice").Grants("App:Edit").From(now.Add(-time.Hour)).Until(now.Add(time.Hour)).Obj(),
			build.PermissionGrant("acme", "v").ToUser("alice").GrantsIf("App:Edit", build.Equals("subject_role", "admin")).Obj(),
			build.RoleAssignment("acme", "a").Gives("editor").ToUser("alice").InWorkspace("prod").Obj(),
		)
	}
	return w.known
}

func namespace(name string) *metav1.PartialObjectMetadata {
	made := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name}}
	made.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kinds.Namespace))
	return made
}

func TestMemoryAnswersWithoutTheStore(t *testing.T) {
	w := newWorld(t)
	w.notHere, w.ready = nil, false
	w.check = func(context.Context, store.Question) (bool, error) { return false, store.ErrUnavailable }
	const edit = `"action": {"name": "App:Edit"}`
	const lab = `"resource": {"type": "workspace", "id": "acme/lab"}`
	inProd := func(kind string) string {
		return fmt.Sprintf(`"resource": {"type": %q, "id": "7", "properties": {"scope": {"organization": "acme", "workspace": "prod"}}}`, kind)
	}
	for body, want := range map[string]string{
		all(alice, view, vision): allowed,
		all(bob, view, vision):   denied,
		all(alice, view, lab):    `{"decision":false,"context":{"valid_until":"2030-06-15T13:00:00Z"}}`,
		all(alice, edit, lab):    `{"decision":true,"context":{"valid_until":"2030-06-15T13:00:00Z"}}`,
		all(`"subject": {"type": "user", "id": "alice", "properties": {"role": "admin"}}`, edit, lab): allowed,
		all(alice, view, inProd("flow")):                                  allowed,
		all(alice, view, inProd("spaceship")):                             denied,
		all(alice, view, `"resource": {"type": "group", "id": "acme/x"}`): denied,
	} {
		w.expect(t, evaluation, body, http.StatusOK, want)
	}
	w.expect(t, evaluations, all(view, vision, `"evaluations": [`+all(alice)+`, `+all(bob)+`, {"subject": 1}]`),
		http.StatusOK, `{"evaluations":[`+allowed+`,`+denied+`,{"decision":false,"context":{"error":{"status":400,"message":"subject is not an object"}}}]}`)
	w.known.Remove(kinds.Ref{Kind: kinds.RoleAssignment, Namespace: "acme", Name: "a"})
	w.expect(t, evaluation, all(alice, view, vision), http.StatusOK, denied)
	if len(w.asked) > 0 {
		t.Errorf("asks the store %+v", w.asked)
	}
}

// A process that stood still between the question and the answer may be behind.
func TestWhatMemoryMayNotAnswerAnyMoreIsAskedOfTheStore(t *testing.T) {
	w := newWorld(t)
	w.notHere, w.late = nil, errors.New("this replica can't tell whether it still leads")
	w.check = func(context.Context, store.Question) (bool, error) { return false, nil }
	w.expect(t, evaluation, all(alice, view, vision), http.StatusOK, denied)
	if len(w.asked) != 1 {
		t.Errorf("asks the store %+v", w.asked)
	}
	w.ready = false
	w.expectFailure(t, all(alice, view, vision), http.StatusServiceUnavailable, "this replica can't tell whether it still leads: ask again soon")
}
