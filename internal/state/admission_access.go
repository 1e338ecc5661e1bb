package state

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
)

// RefusedRequest says why a request for access is refused that somebody makes; nothing if it is not. It names the nearest
// policy, and what does not fit.
func (s *State) RefusedRequest(request *v1alpha1.AccessRequest) string {
	return s.reader(request.Namespace).refusedRequest(request)
}

// RefusedDecision says why a decision is refused that somebody makes; nothing if it is not.
func (s *State) RefusedDecision(decision *v1alpha1.AccessDecision) string {
	return s.reader(decision.Namespace).refusedDecision(decision)
}

// RefusedGrant says why the operator may not make an object; nothing if it is what an approved request names.
func (s *State) RefusedGrant(object client.Object) string {
	return s.reader(object.GetNamespace()).refusedGrant(object)
}

func (t reader) refusedRequest(request *v1alpha1.AccessRequest) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	key := client.ObjectKeyFromObject(request)
	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		return ungoverned.Message
	}
	asked, err := t.asked(request)
	if err != nil {
		return err.Error()
	}
	requester, suspended := t.person(key.Namespace, request.Spec.Requester)
	switch {
	case requester.User == "":
		return fmt.Sprintf("spec.requester: no User in force here has the subject %q, so nothing can be given to them: create the User", requester.Username)
	case suspended:
		return fmt.Sprintf("spec.requester: the User %s is suspended: end that first", requester.User)
	case asked.Role != "" && t.missingRole(key, asked.Role):
		return fmt.Sprintf("spec.roleRef: there is no Role %s in this namespace: correct the name", asked.Role)
	}
	if _, unresolved := t.resolveScope(key.Namespace, &request.Spec.Scope); unresolved != nil {
		return unresolved.Message
	}
	if choice := access.Choose(t.offered(), &asked, requester.User, t.groupsOf(key.Namespace, requester.User)); choice.Policy == nil {
		return choice.Refusal(&asked)
	}
	if organization := t.organizations[key.Namespace]; asked.Role == "" && organization.maximum > 0 && asked.Duration > organization.maximum {
		return fmt.Sprintf("spec.duration: the Organization allows temporary grants of %s at most: ask for less", organization.maximum)
	}
	if twice := t.askedTwice(key, request); twice != "" {
		return fmt.Sprintf("the AccessRequest %s of the same requester asks for the same, and is not over: use that one, or withdraw it first", twice)
	}
	return ""
}

func (t *tenant) missingRole(key types.NamespacedName, name string) bool {
	node := t.roles[sibling(key, name)]
	return node == nil || node.object == nil
}

func (t reader) refusedDecision(decision *v1alpha1.AccessDecision) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	key, of := client.ObjectKeyFromObject(decision), &decision.Spec.RequestRef
	request := t.requests[sibling(key, of.Name)]
	if request == nil || request.object == nil || request.object.UID != of.UID || request.outcome.Access == nil {
		return fmt.Sprintf("spec.requestRef: there is no AccessRequest %s with the UID %s in this namespace: use the UID that it has now", of.Name, of.UID)
	}
	at := request.outcome.Access
	if at.Phase != v1alpha1.AccessPending {
		return fmt.Sprintf("spec.requestRef: the AccessRequest %s is %s already: there is nothing to decide", of.Name, at.Phase)
	}
	if at.Policy == nil {
		return "spec.requestRef: " + at.Message
	}
	// It counts as the last one, since it is.
	by, suspended := t.person(key.Namespace, decision.Spec.Decider)
	made := access.Decision{
		Name: decision.Name, By: by, Verdict: decision.Spec.Verdict, At: farFuture,
		Decider: !suspended && at.Policy.Deciders.Has(by.User, t.groupsOf(key.Namespace, by.User)),
	}
	requester, _ := t.person(key.Namespace, request.object.Spec.Requester)
	counted := access.Count(append(t.decisionsAbout(sibling(key, of.Name), request.object, at.Policy), made), requester, farFuture.Add(time.Hour))
	if last := counted[len(counted)-1]; !last.Counts() {
		return "spec.decider: " + last.Message
	}
	return ""
}

// farFuture is after all that has been decided.
var farFuture = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)

func (t reader) refusedGrant(object client.Object) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var of *v1alpha1.AccessRequestReference
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		of = o.Spec.AccessRequest
	case *v1alpha1.TemporaryPermissionGrant:
		of = o.Spec.AccessRequest
	}
	if of == nil {
		return "spec.accessRequest: the operator makes what approved AccessRequests give, and nothing else"
	}
	request := t.requests[types.NamespacedName{Namespace: object.GetNamespace(), Name: of.Name}]
	if request == nil || request.object == nil || request.outcome.Access == nil || !request.outcome.Access.Activate {
		return fmt.Sprintf("spec.accessRequest: the AccessRequest %s is not approved, as far as this replica has seen", of.Name)
	}
	if _, is := access.IsGrant(request.object, request.outcome.Access.User, object); !is {
		return fmt.Sprintf("spec: this is not what the AccessRequest %s asks for", of.Name)
	}
	return ""
}
