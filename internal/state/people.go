package state

import (
	"fmt"
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// origin is what those who name an object depend on: which one of its name it is, who made it, and whether its name was
// confirmed.
type origin struct {
	uid types.UID
	// stamped means that it is known who made it: by which username, for which subject, and with which verb.
	stamped                        bool
	maker, makerSubject, makerVerb string
	confirmed                      bool
}

func originOf(o v1alpha1.Object) origin {
	of := origin{uid: o.GetUID(), confirmed: policy.IsConfirmed(o)}
	if maker := policy.AuthorOf(o.GetAnnotations()); maker != nil {
		of.stamped, of.maker, of.makerSubject, of.makerVerb = true, maker.Username, maker.Subject, maker.Verb
	}
	return of
}

type user struct {
	object  *v1alpha1.User
	outcome Outcome
	// subject is whom the user stood for when it was last evaluated. An object of the same name may
	// come back with another.
	subject string
	// origin is that of the object, and evaluated the one when it was last evaluated.
	origin, evaluated origin
	// active is whom it stands for in decisions; empty where it is suspended or not valid.
	active string
}

func (n *user) effective() v1alpha1.Object { return orNil(n.object) }

func (n *user) lastOutcome() Outcome { return n.outcome }

// userKeeper keeps Users.
type userKeeper struct{ plain }

func (userKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.users, ref.Key()) }

func (userKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] { return eachIn(kinds.User, t.users) }

func (userKeeper) evaluate(e *evaluation) {
	for key := range e.marked[kinds.User] {
		e.evaluateUser(key)
	}
}

func (userKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o, key := object.(*v1alpha1.User), ref.Key()
	node := ensure(e.tenant.users, key)
	node.object, node.origin = &v1alpha1.User{ObjectMeta: nameAndAge(o), Spec: o.Spec}, originOf(o)
	e.tenant.named.indexUser(o, true)
	if policy.IsServiceAccount(o.Spec.Subject) {
		e.tenant.named.serviceAccounts.add(key)
	}
	e.nextOldestUsers(o)
}

func (userKeeper) delete(e *evaluation, ref kinds.Ref) {
	node := e.tenant.users[ref.Key()]
	e.nextOldestUsers(node.object)
	e.tenant.named.indexUser(node.object, false)
	e.tenant.named.serviceAccounts.remove(ref.Key())
	node.object, node.origin = nil, origin{}
}

// brake: who is suspended is so at once.
func (userKeeper) brake(kept, written v1alpha1.Object) {
	k := kept.(*v1alpha1.User)
	k.Spec.Suspended = k.Spec.Suspended || written.(*v1alpha1.User).Spec.Suspended
}

// nextOldestUsers notes that Users may say something else because one of their subject has come, or is about to go. The oldest is in
// force, the next one names it, and those after it name nobody: of a thousand, two have something else to say, and mostly none.
func (e *evaluation) nextOldestUsers(changed *v1alpha1.User) {
	who := identity{changed.Namespace, changed.Spec.Subject}
	_, older := e.tenant.named.usersBySubject.older(who, ageOf(changed))
	users := e.tenant.named.usersBySubject[who]
	for n := older + 1; n < min(len(users), 3); n++ {
		e.mark(kinds.Named(kinds.User, users[n].key))
	}
}

func (e *evaluation) evaluateUser(key types.NamespacedName) {
	t := e.tenant
	node := t.users[key]
	now, subject := Outcome{}, ""
	if node.object == nil {
		delete(t.users, key)
	} else {
		now, subject = t.evaluateUser(key, node.object), node.object.Spec.Subject
	}
	if !node.outcome.equal(now) || node.subject != subject || node.evaluated != node.origin {
		e.markAll(kinds.RoleAssignment, t.named.assignedToUser[key])
		e.markRefs(t.named.grantsToUser[key])
		e.markAll(kinds.GroupMembership, t.named.membershipsOfUser[key])
		e.markAll(kinds.Invitation, t.named.accepted[key])
		e.protection.add(key)
	}
	if !node.outcome.equal(now) || node.subject != subject {
		e.touched.add(dependency{subject: node.subject}) // also where who was suspended goes
		e.touched.add(dependency{subject: subject})
	}
	node.subject, node.evaluated = subject, node.origin
	active := subject
	if !now.Ready || now.Reason == v1alpha1.ReasonSuspended {
		active = ""
	}
	if active != node.active {
		node.active = active
		e.entitlements = append(e.entitlements, entitlement.Update{User: &entitlement.UserUpdate{Name: key.Name, Subject: active}})
	}
	e.setOutcome(kinds.Named(kinds.User, key), &node.outcome, now)
}

func (t *tenant) evaluateUser(key types.NamespacedName, object *v1alpha1.User) Outcome {
	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		return *ungoverned
	}
	holder, older := t.named.usersBySubject.older(identity{key.Namespace, object.Spec.Subject}, ageOf(object))
	switch {
	case older == 1:
		return Outcome{Reason: v1alpha1.ReasonSubjectTaken, Stalled: true, Message: fmt.Sprintf(
			"spec.subject: the older User %s has the subject %q, so this one grants nothing: delete one of the two, or create this one again with another subject",
			holder.Name, object.Spec.Subject)}
	case older > 1: // says nothing that changes when one of many comes or goes
		return Outcome{Reason: v1alpha1.ReasonSubjectTaken, Stalled: true, Message: fmt.Sprintf(
			"spec.subject: several older Users have the subject %q, so this one grants nothing: find them with kubectl get users and delete all but one, or create this one again with another subject",
			object.Spec.Subject)}
	case object.Spec.Suspended:
		return Outcome{Reason: v1alpha1.ReasonSuspended, Ready: true,
			Message: "suspended: all access is taken; set spec.suspended to false to give it back"}
	default:
		return Outcome{Reason: v1alpha1.ReasonValid, Ready: true, Message: "a member of the organization"}
	}
}

type group struct {
	object  *v1alpha1.Group
	outcome Outcome
	// configurable are the configurable permissions as they were when it was last evaluated.
	configurable []string
	// origin and evaluated are as those of a user.
	origin, evaluated origin
}

func (n *group) effective() v1alpha1.Object { return orNil(n.object) }

func (n *group) lastOutcome() Outcome { return n.outcome }

// groupKeeper keeps Groups.
type groupKeeper struct{ plain }

func (groupKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.groups, ref.Key()) }

func (groupKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] { return eachIn(kinds.Group, t.groups) }

func (groupKeeper) evaluate(e *evaluation) {
	for key := range e.marked[kinds.Group] {
		e.evaluateGroup(key)
	}
}

func (groupKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o := object.(*v1alpha1.Group)
	node := ensure(e.tenant.groups, ref.Key())
	node.object, node.origin = &v1alpha1.Group{ObjectMeta: nameAndAge(o), Spec: o.Spec}, originOf(o)
}

func (groupKeeper) delete(e *evaluation, ref kinds.Ref) {
	node := e.tenant.groups[ref.Key()]
	node.object, node.origin = nil, origin{}
}

func (e *evaluation) evaluateGroup(key types.NamespacedName) {
	t := e.tenant
	node := t.groups[key]
	now := Outcome{Reason: v1alpha1.ReasonValid, Ready: true, Message: "a group of the organization"}
	var configurable []string
	if node.object != nil {
		configurable = node.object.Spec.ConfigurablePermissions
	}
	if !slices.Equal(node.configurable, configurable) {
		node.configurable = configurable
		e.markAll(kinds.GroupMembership, t.named.membershipsOfGroup[key])
	}
	if node.object == nil {
		delete(t.groups, key)
		now = Outcome{}
	} else if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		now = *ungoverned
	}
	if !node.outcome.equal(now) || node.evaluated != node.origin {
		e.markAll(kinds.RoleAssignment, t.named.assignedToGroup[key])
		e.markRefs(t.named.grantsToGroup[key])
		e.markAll(kinds.GroupMembership, t.named.membershipsOfGroup[key])
	}
	node.evaluated = node.origin
	e.setOutcome(kinds.Named(kinds.Group, key), &node.outcome, now)
}

// active says whether a user may hold anything at all.
func (t *tenant) active(user types.NamespacedName) bool {
	node := t.users[user]
	return node != nil && node.active != ""
}
