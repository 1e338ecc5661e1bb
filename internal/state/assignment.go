package state

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

type assignment struct {
	object  *v1alpha1.RoleAssignmentSpec
	outcome keptOutcome
	desired keptDesired
	age     metav1.Time
	// deleting means that the object is being deleted: it gives nothing any more, unless it is
	// protected. otherwise is what it would give then, and set where it is, or was, being deleted.
	deleting  bool
	otherwise *undeleted
	// released means that the object that is being deleted gives nothing any more, and never will: nothing
	// holds it, or it was not protected when it was looked at. uid says which object of the name that is.
	released bool
	uid      types.UID
	// seenToEnd is as evaluateWindow has it.
	seenToEnd bool
	authored  authored
	// timed is set for one that holds for a time, as far as the store takes it beside others.
	timed *timedAssignment
}

// undeleted is what an assignment that is being deleted would give if it were not.
type undeleted struct {
	outcome Outcome
	desired desired
}

func (n *assignment) effective() v1alpha1.Object {
	if n.object == nil {
		return nil
	}
	return &v1alpha1.RoleAssignment{ObjectMeta: metav1.ObjectMeta{UID: n.uid}, Spec: *n.object}
}

func (n *assignment) lastOutcome() Outcome { return n.outcome.outcome() }

// gives is what it would give if it were not being deleted.
func (n *assignment) gives() Outcome {
	if n.otherwise != nil {
		return n.otherwise.outcome
	}
	return n.outcome.outcome()
}

// assignmentKeeper keeps RoleAssignments.
type assignmentKeeper struct{}

func (assignmentKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.assignments, ref.Key()) }

func (assignmentKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachIn(kinds.RoleAssignment, t.assignments)
}

func (assignmentKeeper) evaluate(e *evaluation) {
	for key := range e.marked[kinds.RoleAssignment] {
		e.evaluateAssignment(key)
	}
	for cell := range e.timed {
		e.evaluateTimedAssignments(cell)
	}
	if e.protectionOfAll {
		e.markAllProtection()
	}
	for user := range e.protection {
		e.evaluateProtection(user)
	}
}

func (assignmentKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o, key, n := object.(*v1alpha1.RoleAssignment), ref.Key(), &e.tenant.named
	spec := o.Spec
	node := ensure(e.tenant.assignments, key)
	node.object, node.age, node.deleting = &spec, o.CreationTimestamp, !o.DeletionTimestamp.IsZero()
	if node.deleting && node.otherwise == nil {
		node.otherwise = &undeleted{node.outcome.outcome(), node.desired.desired()}
	}
	node.seenToEnd = seenToEnd(spec.Window, o.Status.WindowStatus)
	if node.uid != o.UID || !node.deleting {
		node.uid, node.released = o.UID, false
	}
	if node.deleting && !slices.Contains(o.Finalizers, v1alpha1.Finalizer) {
		node.released = true // whatever else holds it
	}
	n.indexAssignment(&spec, key, true)
	e.markRequest(ref, spec.AccessRequest)
	e.use(ref, true, spec.RoleRef.Name)
	if node.deleting {
		n.deleting.add(key)
	}
}

func (assignmentKeeper) delete(e *evaluation, ref kinds.Ref) {
	key, n := ref.Key(), &e.tenant.named
	node := e.tenant.assignments[key]
	n.indexAssignment(node.object, key, false)
	e.markRequest(ref, node.object.AccessRequest)
	e.use(ref, false, node.object.RoleRef.Name)
	n.deleting.remove(key)
	e.markProtection(key, node.object)
	node.object = nil
}

// brake: an earlier end counts at once.
func (assignmentKeeper) brake(kept, written v1alpha1.Object) {
	endEarlier(&kept.(*v1alpha1.RoleAssignment).Spec.Window, written.(*v1alpha1.RoleAssignment).Spec.Window)
}

func (assignmentKeeper) sameStatus(was, is v1alpha1.Object) bool {
	w, i := was.(*v1alpha1.RoleAssignment), is.(*v1alpha1.RoleAssignment)
	return sameEndSeen(i.Spec.Window, w.Status.WindowStatus, i.Status.WindowStatus)
}

func (assignmentKeeper) receivers(object v1alpha1.Object) []receiver {
	subject := &object.(*v1alpha1.RoleAssignment).Spec.Subject
	return []receiver{
		{"spec.subject.user", kinds.User, subject.User}, {"spec.subject.group", kinds.Group, subject.Group},
		{"spec.subject.invitation", kinds.Invitation, subject.Invitation},
	}
}

// timedAssignment is what an assignment gives for a time, if the store takes it.
type timedAssignment struct {
	cell    tuples.Cell
	outcome Outcome
	wants   desired
}

func (e *evaluation) evaluateAssignment(key types.NamespacedName) {
	t := e.tenant
	node := t.assignments[key]
	now, wants := Outcome{}, desired{}
	if node.object == nil || !node.deleting {
		e.markHistory(kinds.Named(kinds.RoleAssignment, key))
		t.protected.remove(key)
	}
	if node.object == nil {
		delete(t.assignments, key)
	} else {
		now, wants = t.evaluateAssignment(key, node.object, node.seenToEnd)
		if made := wants.facts.Binding; made != nil && made.At.Level() != scope.Resource { // many have the same
			made.At = shared(&t.paths, *made.At, made.At)
		}
		if len(wants.shares) > 0 {
			why, waits := e.isAuthored(kinds.Named(kinds.RoleAssignment, key), &node.authored)
			if waits {
				return
			}
			if why != nil {
				now, wants = t.withLife(*why, now.Life), desired{}
			}
		} else {
			e.authorless(kinds.Named(kinds.RoleAssignment, key)) // it gives nothing, whoever wrote it
		}
		node.wouldGive(now, wants)
		e.markProtection(key, node.object)
		e.protectionOfAll = e.protectionOfAll || now.InForce && node.object.Subject.Group != ""
	}
	if e.setTimed(key, node, now, wants) {
		return // what it gives is for evaluateTimedAssignments to say
	}
	if node.object != nil && node.deleting {
		return // what it gives is for evaluateProtection to say
	}
	ref := kinds.Named(kinds.RoleAssignment, key)
	e.setOutcomeKept(ref, &node.outcome, now)
	e.setDesiredKept(ref, &node.desired, wants)
}

// wouldGive notes what an assignment gives if it is not being deleted.
func (n *assignment) wouldGive(now Outcome, wants desired) {
	n.otherwise = nil // it is what it gives
	if n.deleting {
		n.otherwise = &undeleted{now, wants}
	}
}

// setTimed notes what an assignment gives for a time, and says whether it does so.
func (e *evaluation) setTimed(key types.NamespacedName, node *assignment, outcome Outcome, wants desired) bool {
	if node.timed != nil {
		e.tenant.timed.remove(node.timed.cell, key)
		e.timed.add(node.timed.cell)
		node.timed = nil
	}
	if len(wants.shares) == 0 || wants.shares[0].grants == nil || node.deleting && node.released {
		return false
	}
	node.timed = &timedAssignment{wants.shares[0].cell, outcome, wants}
	e.tenant.timed.add(node.timed.cell, key)
	e.timed.add(node.timed.cell)
	return true
}

// evaluateTimedAssignments says of the assignments that give a subject the same for a time which of them the store
// takes: the oldest first. Whoever has the same for good as well has it all the same.
func (e *evaluation) evaluateTimedAssignments(cell tuples.Cell) {
	t := e.tenant
	for key := range maps.Clone(t.timed[cell]) {
		// One that has ended costs as much as one that has not, so it goes now, before its own turn.
		if ends := t.assignments[key].timed.outcome.Life.Deadline; !ends.IsZero() && !t.now.Before(ends) {
			e.evaluateAssignment(key)
		}
	}
	var admitted []policy.Window
	for _, key := range slices.SortedFunc(maps.Keys(t.timed[cell]), t.compareAssignments) {
		node := t.assignments[key]
		now, wants := node.timed.outcome, node.timed.wants
		var rejected *Outcome
		if admitted, rejected = t.admitWindow(admitted, now.Life.Window(), kinds.RoleAssignment); rejected != nil {
			now, wants = t.withLife(*rejected, now.Life), desired{}
		}
		if node.wouldGive(now, wants); node.deleting {
			continue // what it gives is for evaluateProtection to say
		}
		ref := kinds.Named(kinds.RoleAssignment, key)
		e.setOutcomeKept(ref, &node.outcome, now)
		e.setDesiredKept(ref, &node.desired, wants)
	}
}

// compareAssignments orders assignments by age.
func (t *tenant) compareAssignments(a, b types.NamespacedName) int {
	return cmp.Or(t.assignments[a].age.Time.Compare(t.assignments[b].age.Time), strings.Compare(a.Name, b.Name))
}

// evaluateAssignment says what an assignment gives. Whatever is missing or wrong, it then gives nothing.
func (t *tenant) evaluateAssignment(key types.NamespacedName, spec *v1alpha1.RoleAssignmentSpec, seenToEnd bool) (Outcome, desired) {
	life, over := t.evaluateWindow(spec.Window, seenToEnd)
	if over != nil {
		return *over, desired{}
	}
	nothing := func(why *Outcome) (Outcome, desired) { return t.withLife(*why, life), desired{} }
	if unresolved := t.notInForce(kinds.Named(kinds.RoleAssignment, key), spec.AccessRequest); unresolved != nil {
		return nothing(unresolved)
	}

	path, unresolved := t.resolveScope(key.Namespace, &spec.Scope)
	if unresolved != nil {
		return nothing(unresolved)
	}
	role, unresolved := t.resolveRole(sibling(key, spec.RoleRef.Name), path.Level())
	if unresolved != nil {
		return nothing(unresolved)
	}
	subject, unresolved := t.resolveSubject(key, &spec.Subject)
	if unresolved != nil {
		return nothing(unresolved)
	}
	if role.visible.empty {
		return nothing(&Outcome{Reason: v1alpha1.ReasonRoleEmpty, Ready: true, Message: fmt.Sprintf(
			"the Role %s has no permission that holds, so there is nothing to give", spec.RoleRef.Name)})
	}
	binding := objectid.Binding(path, spec.RoleRef.Name)
	cell := tuples.RoleCell(objectid.Scope(path), binding)
	wants := desired{desiredTuples: desiredTuples{cell: &cell, role: sibling(key, spec.RoleRef.Name)}}
	wants.facts.Binding = &entitlement.Binding{
		Principal: t.principalOf(key, &spec.Subject), Role: spec.RoleRef.Name, At: &path, Invitation: spec.Subject.Invitation,
		Window: life.Window(),
	}
	wants.shares = []share{shareIn(tuples.Assignee(binding, subject), life.Window())}
	if path.Level() == scope.Resource {
		// Workspaces and projects are put in their place by the Organization; a resource by whoever
		// names it, and that place is part of its own id.
		if parent, ok := tuples.Parent(path); ok {
			wants.tuples = append(wants.tuples, parent)
		}
	}
	outcome := Outcome{Reason: v1alpha1.ReasonInForce, Ready: true, InForce: true, Message: fmt.Sprintf("in force at %s", path)}
	return t.inWindow(outcome, life), wants
}

// principalOf is who gets the role, of a subject that is there.
func (t *tenant) principalOf(key types.NamespacedName, written *v1alpha1.AssignmentSubject) entitlement.Principal {
	if written.Invitation != "" {
		return entitlement.Principal{User: t.invitations[sibling(key, written.Invitation)].acceptedBy}
	}
	return entitlement.Principal{User: written.User, Group: written.Group}
}

// resolveScope finds the place that a scope names, or says why there is none.
func (t *tenant) resolveScope(namespace string, written *v1alpha1.Scope) (scope.Path, *Outcome) {
	organization, ungoverned := t.governed(namespace)
	if ungoverned != nil {
		return scope.Path{}, ungoverned
	}
	path := PathOf(namespace, written)
	if container := path.Container(); !organization.scopes.has(container) {
		return path, &Outcome{Reason: v1alpha1.ReasonScopeNotFound, Message: fmt.Sprintf(
			"spec.scope: the Organization %s does not declare %s: correct the scope, or declare it", namespace, container)}
	}
	if path.ResourceType != "" {
		if _, ok := t.catalogue.holders[path.ResourceType]; !ok {
			return path, &Outcome{Reason: v1alpha1.ReasonResourceTypeNotFound, Message: fmt.Sprintf(
				"spec.scope.resource.type: no ResourceType has the type %q: correct the type, or declare it", path.ResourceType)}
		}
	}
	return path, nil
}

func (t *tenant) resolveRole(key types.NamespacedName, level scope.Level) (*role, *Outcome) {
	node := t.roles[key]
	if node == nil || node.object == nil {
		return nil, &Outcome{Reason: v1alpha1.ReasonRoleNotFound, Message: fmt.Sprintf(
			"spec.roleRef: there is no Role %s in this namespace: correct the name, or create it", key.Name)}
	}
	if !policy.AssignableAt(&node.object.Spec, v1alpha1.ScopeLevel(level)) {
		return nil, &Outcome{Reason: v1alpha1.ReasonScopeLevelNotAllowed, Stalled: true, Message: fmt.Sprintf(
			"spec.scope: the Role %s may not be assigned at level %s: %s", key.Name, level, otherLevel(node.object.Spec.Type, level))}
	}
	if node.visible.broken {
		return nil, &Outcome{Reason: v1alpha1.ReasonRoleInvalid, Message: fmt.Sprintf(
			"spec.roleRef: the Role %s grants nothing until it is fixed; see its status", key.Name)}
	}
	return node, nil
}

// otherLevel says what to do where a role of a type may not be assigned at a level. What the type rules
// out, assignableAt can't allow.
func otherLevel(roleType v1alpha1.RoleType, level scope.Level) string {
	switch {
	case roleType == v1alpha1.RoleShare:
		return "a role of type Share is assigned at a resource: set scope.resource, or assign another Role"
	case level == scope.Resource:
		return "only a role of type Share is assigned at a resource: assign it at another level, or assign such a Role"
	default:
		return "assign it at another level, or change its assignableAt"
	}
}

// resolveSubject is who gets the role, as the store knows them, or why nobody does.
func (t *tenant) resolveSubject(key types.NamespacedName, written *v1alpha1.AssignmentSubject) (string, *Outcome) {
	switch {
	case written.User != "":
		return t.resolveUser("spec.subject.user", sibling(key, written.User))
	case written.Group != "":
		return t.resolveGroup("spec.subject.group", sibling(key, written.Group))
	default:
		return t.resolveInvitation(sibling(key, written.Invitation))
	}
}

func (t *tenant) resolveGroup(field string, key types.NamespacedName) (string, *Outcome) {
	if node := t.groups[key]; node == nil || node.object == nil {
		return "", &Outcome{Reason: v1alpha1.ReasonGroupNotFound, Message: fmt.Sprintf(
			"%s: there is no Group %s in this namespace: correct the name, or create it", field, key.Name)}
	}
	return tuples.GroupMembers(key.Namespace, key.Name), nil
}

func (t *tenant) resolveUser(field string, key types.NamespacedName) (string, *Outcome) {
	node := t.users[key]
	switch {
	case node == nil || node.object == nil:
		return "", &Outcome{Reason: v1alpha1.ReasonUserNotFound, Message: fmt.Sprintf(
			"%s: there is no User %s in this namespace: correct the name, or create it", field, key.Name)}
	case !node.outcome.Ready:
		return "", &Outcome{Reason: v1alpha1.ReasonUserInvalid, Message: fmt.Sprintf(
			"%s: the User %s is invalid and grants nothing; see its status", field, key.Name)}
	case node.object.Spec.Suspended:
		return "", &Outcome{Reason: v1alpha1.ReasonUserSuspended, Ready: true, Message: fmt.Sprintf(
			"the User %s is suspended; this takes effect again when the suspension ends", key.Name)}
	}
	return tuples.User(node.object.Spec.Subject), nil
}

// endsByItself says whether an assignment has an end: it is never held up, and protects nobody.
func (n *assignment) endsByItself() bool { return n.object != nil && n.object.ExpiresAt != nil }
