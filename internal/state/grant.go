package state

import (
	"fmt"
	"iter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// grant is a PermissionGrant or a TemporaryPermissionGrant.
type grant struct {
	object  *grantObject
	outcome Outcome
	desired desired
	// offer is what the grant would put into a cell, which other grants fill too.
	offer *offer
}

func (n *grant) effective() v1alpha1.Object {
	if n.object == nil {
		return nil
	}
	return n.object.effective()
}

func (n *grant) lastOutcome() Outcome { return n.outcome }

// grantKeeper keeps PermissionGrants, or TemporaryPermissionGrants: they share cells, and so one map.
type grantKeeper struct{ kind string }

func (grantKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.grants, ref) }

func (k grantKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return func(yield func(kinds.Ref, node) bool) {
		for ref, found := range t.grants {
			if ref.Kind == k.kind && !yield(ref, found) {
				return
			}
		}
	}
}

func (k grantKeeper) evaluate(e *evaluation) {
	for key := range e.marked[k.kind] {
		e.evaluateGrant(kinds.Named(k.kind, key))
	}
}

func (grantKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	node := ensure(e.tenant.grants, ref)
	node.object = grantObjectOf(object)
	e.tenant.named.indexGrant(node.object, ref, true)
	e.markRequest(ref, node.object.accessRequest())
}

func (grantKeeper) delete(e *evaluation, ref kinds.Ref) {
	node := e.tenant.grants[ref]
	e.tenant.named.indexGrant(node.object, ref, false)
	e.markRequest(ref, node.object.accessRequest())
	node.object = nil
}

// brake: an earlier end counts at once.
func (grantKeeper) brake(kept, written v1alpha1.Object) {
	switch k := kept.(type) {
	case *v1alpha1.PermissionGrant:
		endEarlier(&k.Spec.Window, written.(*v1alpha1.PermissionGrant).Spec.Window)
	case *v1alpha1.TemporaryPermissionGrant:
		if w := written.(*v1alpha1.TemporaryPermissionGrant); endsEarlier(w, k) {
			k.Spec.ExpiresAt, k.Spec.Duration = w.Spec.ExpiresAt, w.Spec.Duration
		}
	}
}

func (grantKeeper) sameStatus(was, is v1alpha1.Object) bool {
	switch i := is.(type) {
	case *v1alpha1.PermissionGrant:
		return sameEndSeen(i.Spec.Window, was.(*v1alpha1.PermissionGrant).Status.WindowStatus, i.Status.WindowStatus)
	case *v1alpha1.TemporaryPermissionGrant:
		return endNoted(was.(*v1alpha1.TemporaryPermissionGrant)).Equal(endNoted(i))
	}
	return true
}

func (grantKeeper) receivers(object v1alpha1.Object) []receiver {
	switch o := object.(type) {
	case *v1alpha1.PermissionGrant:
		return []receiver{{"spec.subject.user", kinds.User, o.Spec.Subject.User}, {"spec.subject.group", kinds.Group, o.Spec.Subject.Group}}
	case *v1alpha1.TemporaryPermissionGrant:
		return []receiver{{"spec.user", kinds.User, o.Spec.User}}
	}
	return nil
}

// grantObject is what the state keeps of either kind.
type grantObject struct {
	age         metav1.Time
	uid         types.UID
	user, group string
	userField   string
	entries     []v1alpha1.PermissionEntry
	scope       v1alpha1.Scope
	// window is when a PermissionGrant holds, seenToEnd as evaluateWindow has it.
	window    v1alpha1.Window
	seenToEnd bool
	// temporary is set for a temporary grant.
	temporary *v1alpha1.TemporaryPermissionGrant
	authored  authored
}

// life is when the grant begins and ends, by the organization's maximum.
func (o *grantObject) life(maximum time.Duration) (policy.Lifetime, error) {
	if o.temporary == nil {
		return policy.LifetimeIn(o.window), nil
	}
	return policy.LifetimeOf(o.temporary, maximum)
}

func grantObjectOf(object client.Object) *grantObject {
	switch o := object.(type) {
	case *v1alpha1.PermissionGrant:
		return &grantObject{
			age: o.CreationTimestamp, uid: o.UID, user: o.Spec.Subject.User, group: o.Spec.Subject.Group,
			userField: "spec.subject.user", entries: o.Spec.Permissions, scope: o.Spec.Scope,
			window: o.Spec.Window, seenToEnd: seenToEnd(o.Spec.Window, o.Status.WindowStatus),
		}
	case *v1alpha1.TemporaryPermissionGrant:
		kept := &v1alpha1.TemporaryPermissionGrant{ObjectMeta: nameAndAge(o), Spec: o.Spec}
		if stamped, ok := o.Annotations[v1alpha1.AnnotationGrantedAt]; ok {
			kept.Annotations = map[string]string{v1alpha1.AnnotationGrantedAt: stamped}
		}
		kept.Status.StartsAt, kept.Status.ExpiresAt, kept.Status.Phase = o.Status.StartsAt, o.Status.ExpiresAt, o.Status.Phase
		return &grantObject{
			age: o.CreationTimestamp, uid: o.UID, user: o.Spec.User, userField: "spec.user",
			entries: []v1alpha1.PermissionEntry{o.Spec.PermissionGrant}, scope: o.Spec.Scope, temporary: kept,
		}
	}
	panic(fmt.Sprintf("state: a %T is no grant", object)) // a mistake in the program, not in its input
}

// offer is what a grant would put into a cell.
type offer struct {
	cell tuples.Cell
	path scope.Path
	// entries are what became of each entry: a grant, or a fault.
	entries []entry
}

type entry struct {
	permission string
	grant      policy.Grant
	fault      *policy.Fault
	// waits means that the fault may go away without an edit of the object.
	waits bool
}

func (e *evaluation) evaluateGrant(ref kinds.Ref) {
	t := e.tenant
	node := t.grants[ref]
	outcome, offered := Outcome{}, (*offer)(nil)
	if node.object != nil {
		outcome, offered = t.evaluateGrant(ref, node.object)
	}
	if offered != nil {
		why, waits := e.isAuthored(ref, &node.object.authored)
		if waits {
			return
		}
		if why != nil {
			life, _ := t.evaluateLife(ref.Namespace, node.object)
			outcome, offered = t.withLife(*why, life), nil
		}
	} else {
		e.authorless(ref) // it gives nothing, whoever wrote it
	}
	if node.offer != nil {
		e.markCell(node.offer.cell, ref)
		t.grantCells[node.offer.cell].owners.remove(ref)
		node.offer = nil
	}
	if node.object == nil {
		delete(t.grants, ref)
		e.setOutcome(ref, &node.outcome, Outcome{})
		e.setDesired(ref, &node.desired, desired{})
		return
	}
	if offered == nil {
		e.setOutcome(ref, &node.outcome, outcome)
		e.setDesired(ref, &node.desired, desired{})
		return
	}
	// What there is to say is known when the cell is.
	node.offer = offered
	cell := ensure(t.grantCells, offered.cell)
	if cell.owners == nil {
		cell.owners = set[kinds.Ref]{}
	}
	cell.owners.add(ref)
	e.markCell(offered.cell, ref)
	wants := desired{facts: node.desired.facts} // until the cell says which entries it takes
	if tuple, ok := tuples.Parent(offered.path); ok && offered.path.Level() == scope.Resource {
		wants.tuples = append(wants.tuples, tuple)
	}
	e.setDesired(ref, &node.desired, wants)
}

// markCell notes that a grant wants something else in a cell.
func (e *evaluation) markCell(cell tuples.Cell, ref kinds.Ref) {
	if e.cells[cell] == nil {
		e.cells[cell] = set[kinds.Ref]{}
	}
	e.cells[cell].add(ref)
}

// evaluateGrant says what a grant offers or, where that is nothing, what there is to say.
func (t *tenant) evaluateGrant(ref kinds.Ref, o *grantObject) (Outcome, *offer) {
	life, outcome := t.evaluateLife(ref.Namespace, o)
	if outcome != nil {
		return *outcome, nil
	}
	without := func(why *Outcome) (Outcome, *offer) { return t.withLife(*why, life), nil }
	if fault := t.notInForce(ref, o.accessRequest()); fault != nil {
		return without(fault)
	}

	path, fault := t.resolveScope(ref.Namespace, &o.scope)
	if fault != nil {
		return without(fault)
	}
	subject, fault := t.resolveGrantee(ref.Namespace, o)
	if fault != nil {
		return without(fault)
	}
	path, entries := t.readEntries(o, path, life)
	return Outcome{}, &offer{cell: tuples.GrantCell(objectid.Scope(path), subject), path: path, entries: entries}
}

// readEntries says what the entries of a grant give, and at which path.
func (t *tenant) readEntries(o *grantObject, path scope.Path, life policy.Lifetime) (scope.Path, []entry) {
	ofType := path.ResourceType
	if path.ResourceID == "" {
		path = path.Container() // every object of the type at the scope: the permissions say which type
	}
	entries := make([]entry, 0, len(o.entries))
	for _, written := range o.entries {
		granted, fault := policy.ParseEntry(written, t.catalogue, ofType)
		granted.Window = life.Window()
		entries = append(entries, entry{
			permission: written.Permission, grant: granted, fault: fault,
			waits: fault != nil && policy.CanComeByItself(fault.Reason),
		})
	}
	return path, entries
}

func (t *tenant) resolveGrantee(namespace string, o *grantObject) (string, *Outcome) {
	if o.user != "" {
		return t.resolveUser(o.userField, types.NamespacedName{Namespace: namespace, Name: o.user})
	}
	return t.resolveGroup("spec.subject.group", types.NamespacedName{Namespace: namespace, Name: o.group})
}

// evaluateLife says when a grant begins and ends, and what there is to say if it has ended: that
// it is expired is all, whatever else became of what it names.
func (t *tenant) evaluateLife(namespace string, o *grantObject) (policy.Lifetime, *Outcome) {
	if o.temporary == nil {
		return t.evaluateWindow(o.window, o.seenToEnd)
	}
	maximum := time.Duration(0)
	if organization := t.organizations[namespace]; organization != nil {
		maximum = organization.maximum
	}
	life, err := policy.LifetimeOf(o.temporary, maximum)
	if err != nil {
		return life, &Outcome{Reason: v1alpha1.ReasonDurationInvalid, Stalled: true, Message: err.Error()}
	}
	if life.PhaseAt(t.now) != v1alpha1.PhaseExpired && !grantSeenToEnd(o.temporary, life) {
		return life, nil
	}
	outcome := Outcome{Reason: v1alpha1.ReasonExpired, Ready: true, Message: fmt.Sprintf("expired at %s", instant(life.Deadline)),
		Life: life, Phase: v1alpha1.PhaseExpired}
	if ttl := o.temporary.Spec.TTLAfterExpired; ttl != nil {
		// One that can't be read, which the schema does not let through, keeps the object.
		if rest, err := policy.ParseDuration(*ttl); err == nil {
			outcome.Next = life.Deadline.Add(rest)
			outcome.Done = !t.now.Before(outcome.Next)
		}
	}
	return life, &outcome
}

// grantSeenToEnd is seenToEnd for a temporary grant.
func grantSeenToEnd(o *v1alpha1.TemporaryPermissionGrant, life policy.Lifetime) bool {
	noted := o.Status.ExpiresAt
	return o.Status.Phase == v1alpha1.PhaseExpired && noted != nil && noted.Time.Equal(life.Deadline.Truncate(time.Second))
}

// endNoted is the deadline that a status says has passed, nil where it does not.
func endNoted(o *v1alpha1.TemporaryPermissionGrant) *metav1.Time {
	if o.Status.Phase != v1alpha1.PhaseExpired {
		return nil
	}
	return o.Status.ExpiresAt
}

// endsEarlier says whether a temporary grant ends earlier than another, or never begins because its end can't
// be read.
func endsEarlier(a, b *v1alpha1.TemporaryPermissionGrant) bool {
	first, err := policy.LifetimeOf(a, 0)
	second, err2 := policy.LifetimeOf(b, 0)
	return err != nil || err2 == nil && first.Deadline.Before(second.Deadline)
}

// effective is the grant that the state keeps, as an object.
func (o *grantObject) effective() v1alpha1.Object {
	if o.temporary != nil {
		return o.temporary
	}
	object := &v1alpha1.PermissionGrant{Spec: v1alpha1.PermissionGrantSpec{
		Subject: v1alpha1.GrantSubject{User: o.user, Group: o.group}, Permissions: o.entries, Scope: o.scope, Window: o.window,
	}}
	object.UID = o.uid
	return object
}

// indexGrant adds a grant to the indexes, or with false removes it.
func (r *references) indexGrant(o *grantObject, ref kinds.Ref, present bool) {
	if o.user != "" {
		r.grantsToUser.set(types.NamespacedName{Namespace: ref.Namespace, Name: o.user}, ref, present)
	}
	if o.group != "" {
		r.grantsToGroup.set(types.NamespacedName{Namespace: ref.Namespace, Name: o.group}, ref, present)
	}
	if o.scope.Resource != nil {
		r.grantsOn.set(o.scope.Resource.Type, ref, present)
	}
	for _, entry := range o.entries {
		r.grantsGiving.set(entry.Permission, ref, present)
	}
	if of := o.accessRequest(); of != nil {
		r.madeFor.set(types.NamespacedName{Namespace: ref.Namespace, Name: of.Name}, ref, present)
	}
}
