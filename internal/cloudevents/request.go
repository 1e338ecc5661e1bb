package cloudevents

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// typeRequest comes before the step in the type of an event about a request, as in request.approved.
const typeRequest = "request."

// Step is the data of an event about a step of a request.
type Step struct {
	Organization string `json:"organization"`
	Name         string `json:"name"`
	UID          string `json:"uid"`
	// Step is Requested, Decided, Deleted, or the phase that began.
	Step string `json:"step"`
	// By is who brought it about, as the API server knows them; empty for time, or an edit of what allows the request.
	By      string `json:"by,omitempty"`
	Verdict string `json:"verdict,omitempty"`
	Reason  string `json:"reason,omitempty"`

	// What was asked for never changes.
	Requester     string                       `json:"requester"`
	Role          string                       `json:"role,omitempty"`
	Permission    string                       `json:"permission,omitempty"`
	Scope         string                       `json:"scope"`
	Duration      string                       `json:"duration"`
	Justification string                       `json:"justification"`
	Tags          map[string]v1alpha1.TagValue `json:"tags,omitempty"`

	// User and Policy are what the operator has found.
	User   string `json:"user,omitempty"`
	Policy string `json:"policy,omitempty"`
	// ExpiresAt is when what was approved ends by itself.
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// steps are the events of the steps of a request behind the first ones.
func steps(request *v1alpha1.AccessRequest, behind int64) (events []Event) {
	for _, step := range request.Status.Steps {
		if step.Sequence > behind {
			events = append(events, stepEvent(request, step))
		}
	}
	return events
}

func stepEvent(request *v1alpha1.AccessRequest, step v1alpha1.AccessStep) Event {
	data := Step{
		Organization: request.Namespace, Name: request.Name, UID: string(request.UID),
		Step: step.Type, By: step.By, Verdict: string(step.Verdict), Reason: step.Reason,
		Requester: request.Spec.Requester, Scope: state.PathOf(request.Namespace, &request.Spec.Scope).String(),
		Duration: string(request.Spec.Duration), Justification: request.Spec.Justification, Tags: request.Spec.Tags,
		User: request.Status.User, Policy: request.Status.Policy, ExpiresAt: request.Status.ExpiresAt,
	}
	if request.Spec.RoleRef != nil {
		data.Role = request.Spec.RoleRef.Name
	}
	if request.Spec.PermissionGrant != nil {
		data.Permission = request.Spec.PermissionGrant.Permission
	}
	return Event{
		ID: fmt.Sprintf("%s/%d", request.UID, step.Sequence), Type: typeRequest + strings.ToLower(step.Type), At: step.At.Time,
		About: kinds.RefOf(request), Sequence: step.Sequence, Data: data,
	}
}

// deletion is the event that a request was deleted, whatever has become of it.
func deletion(request *v1alpha1.AccessRequest, sequence int64, at time.Time) Event {
	return stepEvent(request, v1alpha1.AccessStep{Sequence: sequence, Type: "Deleted", At: metav1.Time{Time: at}, Reason: "Deleted"})
}
