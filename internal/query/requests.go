package query

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Request is an AccessRequest.
type Request struct {
	*v1alpha1.AccessRequest
	// What is asked for, and At is where, as a path.
	Role       string
	Permission string
	Conditions []Condition
	At         string
	// Tags are key and value, sorted.
	Tags []string
	// Message is what the operator says about it.
	Message string
}

// Requests are all AccessRequests: those that wait to be decided first, then the youngest.
func (w *World) Requests() (requests []Request) {
	for _, object := range w.objects {
		o, ok := object.(*v1alpha1.AccessRequest)
		if !ok {
			continue
		}
		request := Request{AccessRequest: o, At: state.PathOf(w.organization, &o.Spec.Scope).String()}
		if o.Spec.RoleRef != nil {
			request.Role = o.Spec.RoleRef.Name
		}
		if asked := o.Spec.PermissionGrant; asked != nil {
			request.Permission, request.Conditions = asked.Permission, ConditionsOf(asked.Conditions)
		}
		for _, key := range slices.Sorted(maps.Keys(o.Spec.Tags)) {
			request.Tags = append(request.Tags, fmt.Sprintf("%s: %s", key, o.Spec.Tags[key]))
		}
		if problem, wrong := ProblemOf(o); wrong {
			request.Message = problem.Message
		}
		requests = append(requests, request)
	}
	slices.SortFunc(requests, func(a, b Request) int {
		return cmp.Or(waits(b)-waits(a), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return requests
}

func waits(request Request) int {
	if request.Waits() {
		return 1
	}
	return 0
}

// Waits says whether the request is still to be decided.
func (r Request) Waits() bool {
	return !r.Spec.Withdrawn && (r.Status.Phase == "" || r.Status.Phase == v1alpha1.AccessPending)
}

// Request is one AccessRequest; false if there is none of the name.
func (w *World) Request(name string) (Request, bool) {
	for _, request := range w.Requests() {
		if request.Name == name {
			return request, true
		}
	}
	return Request{}, false
}

// Decision is a decision about a request, to be created with the rights of who decides.
func (r Request) Decision(verdict v1alpha1.AccessVerdict, comment string) *v1alpha1.AccessDecision {
	decision := &v1alpha1.AccessDecision{}
	decision.Namespace, decision.GenerateName = r.Namespace, r.Name+"-"
	decision.Spec = v1alpha1.AccessDecisionSpec{
		RequestRef: v1alpha1.AccessRequestReference{Name: r.Name, UID: r.UID}, Verdict: verdict, Comment: comment,
	}
	return decision
}
