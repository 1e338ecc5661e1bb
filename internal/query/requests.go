package query

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
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

// WaitsFor says whether a request waits for somebody to decide about it: it is not decided, they are a decider of its policy,
// it is not their own, and they have not decided yet. It is the operator that says whose decision counts.
func (w *World) WaitsFor(request *v1alpha1.AccessRequest, username string) bool {
	decider, requester := w.personOf(username), w.personOf(request.Spec.Requester)
	policy, there := w.objects[w.ref(kinds.AccessPolicy, request.Status.Policy)].(*v1alpha1.AccessPolicy)
	if !there || policy.Spec.Approvals == nil || !(Request{AccessRequest: request}).Waits() || decider.MayBe(requester) {
		return false
	}
	decided := slices.ContainsFunc(request.Status.Decisions, func(d v1alpha1.AccessDecisionOutcome) bool {
		return d.Counts && decider.MayBe(w.personOf(d.Decider))
	})
	from := policy.Spec.Approvals.From
	return !decided && access.Subjects{Users: from.Users, Groups: from.Groups}.Has(decider.User, func(group string) bool {
		return slices.ContainsFunc(w.Memberships(decider.User, group), func(m Membership) bool { return m.InForce && m.Until == nil })
	})
}

// personOf is who a username of the API server stands for here. Whoever is suspended is nobody's User.
func (w *World) personOf(username string) access.Person {
	person := access.Person{Username: username, Subject: w.SubjectOf(username)}
	name, there := w.UserOf(person.Subject)
	if !there || person.Subject == "" {
		return person
	}
	if known, _ := w.Person(name); known.InForce {
		person.User, person.Email = known.Name, known.Email
	}
	return person
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
