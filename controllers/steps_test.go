package controllers

import (
	"testing"

	"k8s.io/client-go/tools/events"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

func TestEachStepOfARequestIsAnEventOnce(t *testing.T) {
	recorder := events.NewFakeRecorder(10)
	r := &reconciler{recorder: recorder}
	before, now := &v1alpha1.AccessRequest{}, &v1alpha1.AccessRequest{}
	before.Status.Steps = []v1alpha1.AccessStep{{Sequence: 1, Type: "Requested", By: "bob@acme.example"}}
	now.Status.Steps = []v1alpha1.AccessStep{
		before.Status.Steps[0],
		{Sequence: 2, Type: "Decided", By: "alice@acme.example", Verdict: v1alpha1.VerdictApprove},
		{Sequence: 3, Type: "Active"},
	}
	r.announce(before, now)
	r.announce(now, now)
	r.announce(&v1alpha1.User{}, &v1alpha1.User{})
	for _, want := range []string{"Normal AccessDecided Decided: Approve by alice@acme.example", "Normal AccessActive Active"} {
		select {
		case got := <-recorder.Events:
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		default:
			t.Errorf("%q was not said", want)
		}
	}
	if left := len(recorder.Events); left > 0 {
		t.Errorf("%d events more", left)
	}
}
