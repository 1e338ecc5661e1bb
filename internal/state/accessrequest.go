package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

type accessRequest struct {
	object  *v1alpha1.AccessRequest
	outcome Outcome
}

type accessDecision struct {
	object  *v1alpha1.AccessDecision
	outcome Outcome
}

func (r *accessRequest) effective() v1alpha1.Object { return orNil(r.object) }

func (r *accessRequest) lastOutcome() Outcome { return r.outcome }

// accessRequestKeeper keeps AccessRequests.
type accessRequestKeeper struct {
	plain
	givesNothing
}

func (accessRequestKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.requests, ref.Key()) }

func (accessRequestKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachIn(kinds.AccessRequest, t.requests)
}

func (accessRequestKeeper) evaluate(e *evaluation) {
	// Of two that ask for the same, the one that comes first is known first.
	for _, key := range slices.SortedFunc(maps.Keys(e.marked[kinds.AccessRequest]), compareNames) {
		e.evaluateAccessRequest(key)
	}
}

func (accessRequestKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o, key, n := object.(*v1alpha1.AccessRequest), ref.Key(), &e.tenant.named
	ensure(e.tenant.requests, key).object = &v1alpha1.AccessRequest{ObjectMeta: nameAndAge(o), Spec: o.Spec, Status: o.Status}
	n.sameRequests.add(askedOf(&o.Spec), key)
	if !o.Status.Phase.IsFinal() {
		n.openRequests.add(key)
	}
}

func (accessRequestKeeper) delete(e *evaluation, ref kinds.Ref) {
	key, n := ref.Key(), &e.tenant.named
	node := e.tenant.requests[key]
	n.sameRequests.remove(askedOf(&node.object.Spec), key)
	n.openRequests.remove(key)
	node.object = nil
}

// brake: what is withdrawn is so at once.
func (accessRequestKeeper) brake(kept, written v1alpha1.Object) {
	k := kept.(*v1alpha1.AccessRequest)
	k.Spec.Withdrawn = k.Spec.Withdrawn || written.(*v1alpha1.AccessRequest).Spec.Withdrawn
}

func (accessRequestKeeper) sameStatus(was, is v1alpha1.Object) bool {
	return equality.Semantic.DeepEqual(was.(*v1alpha1.AccessRequest).Status, is.(*v1alpha1.AccessRequest).Status)
}

func (n *accessDecision) effective() v1alpha1.Object { return orNil(n.object) }

func (n *accessDecision) lastOutcome() Outcome { return n.outcome }

// accessDecisionKeeper keeps AccessDecisions.
type accessDecisionKeeper struct {
	plain
	givesNothing
}

func (accessDecisionKeeper) find(t *tenant, ref kinds.Ref) node {
	return nodeAt(t.decisions, ref.Key())
}

func (accessDecisionKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachIn(kinds.AccessDecision, t.decisions)
}

func (accessDecisionKeeper) evaluate(e *evaluation) {
	for key := range e.marked[kinds.AccessDecision] {
		e.evaluateAccessDecision(key)
	}
}

func (accessDecisionKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o, key := object.(*v1alpha1.AccessDecision), ref.Key()
	ensure(e.tenant.decisions, key).object = &v1alpha1.AccessDecision{ObjectMeta: nameAndAge(o), Spec: o.Spec}
	request := sibling(key, o.Spec.RequestRef.Name)
	e.tenant.named.decisionsAbout.add(request, key)
	e.mark(kinds.Named(kinds.AccessRequest, request))
}

func (accessDecisionKeeper) delete(e *evaluation, ref kinds.Ref) {
	key := ref.Key()
	node := e.tenant.decisions[key]
	request := sibling(key, node.object.Spec.RequestRef.Name)
	e.tenant.named.decisionsAbout.remove(request, key)
	e.mark(kinds.Named(kinds.AccessRequest, request))
	node.object = nil
}

// markAccess marks the policies, requests and decisions that depend on what has changed.
func (e *evaluation) markAccess() {
	t := e.tenant
	organizations := len(e.marked[kinds.Organization]) > 0
	people := e.recatalogued || organizations || len(e.marked[kinds.User])+len(e.marked[kinds.GroupMembership]) > 0
	if people || len(e.marked[kinds.AccessPolicy]) > 0 {
		e.markAll(kinds.AccessRequest, t.named.openRequests)
	}
	if organizations { // there may be one now, or none any more
		for key := range t.requests {
			e.mark(kinds.Named(kinds.AccessRequest, key))
		}
		for key := range t.decisions {
			e.mark(kinds.Named(kinds.AccessDecision, key))
		}
	}
	if people || len(e.marked[kinds.Role]) > 0 {
		for key := range t.policies {
			e.mark(kinds.Named(kinds.AccessPolicy, key))
		}
	}
}

func compareNames(a, b types.NamespacedName) int { return strings.Compare(a.Name, b.Name) }

func (e *evaluation) evaluateAccessRequest(key types.NamespacedName) {
	t := e.tenant
	e.markAll(kinds.AccessDecision, t.named.decisionsAbout[key])
	e.markMadeFor(key)
	node := t.requests[key]
	if node == nil {
		return // decisions may name what is not there
	}
	now := Outcome{}
	if node.object == nil {
		delete(t.requests, key)
	} else {
		now = t.evaluateRequest(key, node)
	}
	e.setOutcome(kinds.Named(kinds.AccessRequest, key), &node.outcome, now)
}

// markMadeFor has what was made for a request evaluated: it gives nothing but while the request is in force.
func (e *evaluation) markMadeFor(key types.NamespacedName) { e.markRefs(e.tenant.named.madeFor[key]) }

func (t *tenant) evaluateRequest(key types.NamespacedName, node *accessRequest) Outcome {
	object := node.object
	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		return *ungoverned
	}
	asked, err := t.asked(object)
	if err != nil {
		return Outcome{Reason: v1alpha1.ReasonDurationInvalid, Stalled: true, Message: err.Error()}
	}
	requester, suspended := t.person(key.Namespace, object.Spec.Requester)
	at := &Access{UID: object.UID, Path: asked.At.String()}
	facts := access.Facts{
		Now: t.now, Created: object.CreationTimestamp.Time, Withdrawn: object.Spec.Withdrawn,
		HadGrant: object.Status.GrantRef != nil, Requester: requester, Suspended: suspended,
	}
	facts.Ended, facts.EndedBy = node.ended(t.common.judges.Load())
	if grant, user, window, is := t.grantOf(key, object); is {
		// Whom it was made for is what counts from then on, whatever names the API server gives later.
		at.Grant, at.GrantUID, facts.Grant, facts.Requester.User = grant, t.uidOf(grant), &window, user
	}
	at.User = facts.Requester.User
	facts.Choice = t.choose(key, object, &asked, at.User)
	facts.Refusal = facts.Choice.Refusal(&asked)
	at.Policy = facts.Choice.Policy
	at.Decisions = access.Count(t.decisionsAbout(key, object, at.Policy), requester, access.DecideBy(facts.Created, at.Policy))
	at.Approvals, _ = access.Tally(at.Decisions)
	facts.Decisions, facts.Twice = at.Decisions, t.askedTwice(key, object)
	at.Life = access.Evaluate(facts)
	ready := at.Phase.IsFinal() || at.Phase == v1alpha1.AccessActive
	return Outcome{Reason: at.Reason, Message: at.Message, Ready: ready, Next: at.Next, Access: at}
}

// ended is how a request has ended, as it was recorded, or as it was evaluated before that was. A follower may have
// looked later than the leader, or seen objects in another order: there what is made and recorded counts instead, but for a denial
// of which nothing else is recorded.
func (r *accessRequest) ended(leads bool) (phase v1alpha1.AccessRequestPhase, reason string) {
	status := &r.object.Status
	if steps := len(status.Steps); status.Phase.IsFinal() && steps > 0 {
		return status.Phase, status.Steps[steps-1].Reason
	}
	was := r.outcome.Access
	switch {
	case was == nil || was.UID != r.object.UID || !was.Phase.IsFinal():
	case was.Reason == v1alpha1.ReasonNotAllowed || was.Reason == v1alpha1.ReasonGrantDeleted:
	case leads || was.Reason == v1alpha1.ReasonDenied && status.GrantRef == nil:
		return was.Phase, was.Reason
	}
	return status.Phase, ""
}

// asked reads what a request asks for.
func (t *tenant) asked(object *v1alpha1.AccessRequest) (access.Request, error) {
	spec := &object.Spec
	asked := access.Request{Policy: spec.Policy, At: PathOf(object.Namespace, &spec.Scope), Tags: map[string]string{}}
	for key, value := range spec.Tags {
		asked.Tags[key] = string(value)
	}
	var err error
	if asked.Duration, err = policy.ParseDuration(spec.Duration); err != nil {
		return asked, fmt.Errorf("spec.duration: %w", err)
	}
	if spec.RoleRef != nil {
		asked.Role = spec.RoleRef.Name
		return asked, nil
	}
	if spec.PermissionGrant != nil {
		asked.Permission = spec.PermissionGrant.Permission
		granted, fault := policy.ParseEntry(*spec.PermissionGrant, t.catalogue, asked.At.ResourceType)
		if asked.Grant = &granted; fault != nil {
			asked.Grant, asked.Fault = nil, fault.Message
			if near := t.catalogue.near(asked.Permission); near != "" && fault.Reason == v1alpha1.ReasonPermissionNotFound {
				asked.Fault += fmt.Sprintf("; did you mean %s?", near)
			}
		}
	}
	return asked, nil
}

// person is who a username of the API server stands for, and whether they are suspended.
func (t *tenant) person(namespace, username string) (person access.Person, suspended bool) {
	var mapped []v1alpha1.UsernameMapping
	if node := t.organizations[namespace]; node != nil && node.object != nil {
		mapped = node.object.Spec.Usernames
	}
	person = access.Person{Username: username, Subject: policy.SubjectOf(username, t.usernamePrefix, mapped)}
	if person.Subject == "" {
		return person, false
	}
	users := t.named.usersBySubject[identity{namespace, person.Subject}]
	if len(users) == 0 {
		return person, false
	}
	spec := &t.users[users[0].key].object.Spec
	if !t.active(users[0].key) && !spec.Suspended {
		return person, false
	}
	person.User, person.Email = users[0].key.Name, spec.Email
	return person, spec.Suspended
}

// choose finds the policy that applies to a request: the one that applied before, while that allows it.
func (t *tenant) choose(key types.NamespacedName, object *v1alpha1.AccessRequest, asked *access.Request, user string) access.Choice {
	isMember := t.groupsOf(key.Namespace, user)
	offered := t.offered()
	if uid := object.Status.PolicyUID; uid != "" {
		before := slices.DeleteFunc(slices.Clone(offered), func(p *access.Policy) bool { return p.UID != uid })
		bound := *asked
		bound.Policy = object.Status.Policy
		if choice := access.Choose(before, &bound, user, isMember); choice.Policy != nil || object.Status.GrantRef != nil {
			return choice
		}
	}
	return access.Choose(offered, asked, user, isMember)
}

// grantOf is what was made for a request, for whom, and when it holds.
func (t *tenant) grantOf(key types.NamespacedName, object *v1alpha1.AccessRequest) (ref kinds.Ref, user string, window access.Window, is bool) {
	for ref := range t.named.madeFor[key] {
		made := t.effectiveNamed(ref)
		if made == nil {
			continue
		}
		switch o := made.(type) {
		case *v1alpha1.RoleAssignment:
			user = o.Spec.Subject.User
		case *v1alpha1.TemporaryPermissionGrant:
			user = o.Spec.User
		}
		if node := t.assignments[ref.Key()]; ref.Kind == kinds.RoleAssignment && node.deleting {
			continue
		}
		if window, is = access.IsGrant(object, user, made); is {
			return ref, user, window, true
		}
	}
	return kinds.Ref{}, "", access.Window{}, false
}

// uidOf is that of what was made for a request.
func (t *tenant) uidOf(ref kinds.Ref) types.UID {
	if made := t.effective(ref); made != nil {
		return made.GetUID()
	}
	return ""
}

// decisionsAbout are those about a request, each with whether whoever decided may.
func (t *tenant) decisionsAbout(key types.NamespacedName, object *v1alpha1.AccessRequest, by *access.Policy) (decisions []access.Decision) {
	for about := range t.named.decisionsAbout[key] {
		node := t.decisions[about]
		if node.object == nil || node.object.Spec.RequestRef.UID != object.UID {
			continue
		}
		d := access.Decision{
			Name: about.Name, UID: node.object.UID, Verdict: node.object.Spec.Verdict, Comment: node.object.Spec.Comment, At: node.object.CreationTimestamp.Time,
		}
		var suspended bool
		d.By, suspended = t.person(key.Namespace, node.object.Spec.Decider)
		d.Decider = by != nil && !suspended && by.Deciders.Has(d.By.User, t.groupsOf(key.Namespace, d.By.User))
		decisions = append(decisions, d)
	}
	return decisions
}

// askedTwice is the name of another request of the same requester for the same that is not over, and comes first: one that
// is approved, which may be on its way to be in force, else the older one.
func (t *tenant) askedTwice(key types.NamespacedName, object *v1alpha1.AccessRequest) string {
	var first string
	for other := range t.named.sameRequests[askedOf(&object.Spec)] {
		node := t.requests[other]
		if t.checked.Add(1); other == key || node.isOver(t.now) {
			continue
		}
		_, _, _, active := t.grantOf(other, node.object)
		active = active || node.outcome.Access != nil && node.outcome.Access.UID == node.object.UID && node.outcome.Access.Activate
		older := ageOf(node.object).compare(ageOf(object)) < 0
		if (active || older) && (first == "" || other.Name < first) {
			first = other.Name
		}
	}
	return first
}

// isOver says whether a request is, be it that nobody has looked at it since it has ended by itself.
func (r *accessRequest) isOver(now time.Time) bool {
	if r.object.Spec.Withdrawn || r.object.Status.Phase.IsFinal() {
		return true
	}
	at := r.outcome.Access
	return at != nil && at.UID == r.object.UID && (at.Phase.IsFinal() || !at.Next.IsZero() && !now.Before(at.Next))
}

// askedOf is the same text for requests of the same requester for the same.
func askedOf(spec *v1alpha1.AccessRequestSpec) string {
	text, err := json.Marshal(v1alpha1.AccessRequestSpec{Requester: spec.Requester, RoleRef: spec.RoleRef, PermissionGrant: spec.PermissionGrant, Scope: spec.Scope})
	if err != nil {
		panic(fmt.Sprintf("state: a request can't be written down: %v", err)) // it consists of texts
	}
	return string(text)
}

func (e *evaluation) evaluateAccessDecision(key types.NamespacedName) {
	t := e.tenant
	node := t.decisions[key]
	if node == nil {
		return
	}
	now := Outcome{}
	if node.object == nil {
		delete(t.decisions, key)
	} else {
		now = t.evaluateDecision(key, node.object)
	}
	e.setOutcome(kinds.Named(kinds.AccessDecision, key), &node.outcome, now)
}

func (t *tenant) evaluateDecision(key types.NamespacedName, object *v1alpha1.AccessDecision) Outcome {
	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		return *ungoverned
	}
	request := t.requests[sibling(key, object.Spec.RequestRef.Name)]
	if request == nil || request.object == nil || request.object.UID != object.Spec.RequestRef.UID || request.outcome.Access == nil {
		return Outcome{Reason: v1alpha1.ReasonRequestNotFound, Stalled: true, Message: fmt.Sprintf(
			"spec.requestRef: there is no AccessRequest %s with this UID in this namespace: delete this", object.Spec.RequestRef.Name)}
	}
	// What it was found to be is kept, once the request is decided.
	for _, recorded := range request.object.Status.Decisions {
		if recorded.UID == object.UID && (request.object.Status.GrantRef != nil || request.object.Status.Phase.IsFinal()) {
			return Outcome{Reason: recorded.Reason, Message: cmp.Or(recorded.Message, access.ItCounts), Ready: recorded.Counts, Stalled: !recorded.Counts}
		}
	}
	for _, counted := range request.outcome.Access.Decisions {
		if counted.UID == object.UID {
			return Outcome{Reason: counted.Reason, Message: counted.Message, Ready: counted.Counts(), Stalled: !counted.Counts()}
		}
	}
	return Outcome{Reason: v1alpha1.ReasonNotInTime, Stalled: true, Message: "the request had been decided"}
}

// notInForce says what keeps an object from giving anything that was made for a request: that this one is not in force.
func (t *tenant) notInForce(ref kinds.Ref, of *v1alpha1.AccessRequestReference) *Outcome {
	if of == nil {
		return nil
	}
	node := t.requests[types.NamespacedName{Namespace: ref.Namespace, Name: of.Name}]
	if node != nil && node.object != nil && node.object.UID == of.UID {
		if at := node.outcome.Access; at != nil && at.InForce && at.Grant == ref {
			return nil
		}
	}
	return &Outcome{Reason: v1alpha1.ReasonRequestNotInForce, Ready: true, Message: fmt.Sprintf(
		"spec.accessRequest: this was made for the AccessRequest %s, which is not in force, so it gives nothing: ask for access again", of.Name)}
}

// markRequest has the request looked at that something was made for.
func (e *evaluation) markRequest(ref kinds.Ref, of *v1alpha1.AccessRequestReference) {
	if of != nil {
		e.mark(kinds.Ref{Kind: kinds.AccessRequest, Namespace: ref.Namespace, Name: of.Name})
	}
}

// reportRequests notes the requests whose status says whether what was made for them is in force, and why not.
func (e *evaluation) reportRequests() {
	t := e.tenant
	if len(t.requests) == 0 {
		return
	}
	e.change.Outcomes = append(e.change.Outcomes, t.requestsOf(e.change.Outcomes)...)
	e.change.Restated = append(e.change.Restated, t.requestsOf(e.change.Restated)...)
}

// requestsOf are the requests that objects were made for.
func (t *tenant) requestsOf(made []kinds.Ref) (requests []kinds.Ref) {
	for _, ref := range made {
		var of *v1alpha1.AccessRequestReference
		if node := t.assignments[ref.Key()]; ref.Kind == kinds.RoleAssignment && node != nil && node.object != nil {
			of = node.object.AccessRequest
		}
		if node := t.grants[ref]; node != nil && node.object != nil {
			of = node.object.accessRequest()
		}
		if of != nil {
			requests = append(requests, kinds.Ref{Kind: kinds.AccessRequest, Namespace: ref.Namespace, Name: of.Name})
		}
	}
	return requests
}

// accessRequest is the request that a grant was made for, nil if for none.
func (o *grantObject) accessRequest() *v1alpha1.AccessRequestReference {
	if o.temporary == nil {
		return nil
	}
	return o.temporary.Spec.AccessRequest
}
