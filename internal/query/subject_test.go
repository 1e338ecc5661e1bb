package query_test

import (
	"slices"
	"testing"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestP5WhoAsksIsFoundAsTheOperatorFindsThem(t *testing.T) {
	organization := build.Organization("acme").OwnedBy("alice").Obj()
	organization.Spec.Usernames = []v1alpha1.UsernameMapping{{Username: "corp:7f3a", Subject: "bob@acme"}}
	organization.Status.UsernamePrefix = "oidc:"
	w := query.New(query.Objects{Organization: "acme", Read: reconciled(1000, with(organization)...)}, clocktesting.NewFakePassiveClock(noon))
	for username, want := range map[string]string{"oidc:alice@acme": "alice@acme", "corp:7f3a": "bob@acme", "alice@acme": "", "oidc:corp:7f3a": "corp:7f3a"} {
		if got := w.SubjectOf(username); got != want {
			t.Errorf("%s: got %q, want %q", username, got, want)
		}
	}
	if near := w.NearSubjects("other:Alice@acme"); !slices.Equal(near, []string{`the User alice with the subject "alice@acme"`}) {
		t.Errorf("near are %q", near)
	}
}
