package state

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// Paused is what there is to say about an object that is paused.
type Paused struct {
	// By is ReasonPaused where the object's own annotation pauses it, and ReasonOrganizationPaused where its
	// Organization's does. Message is for people.
	By, Message string
	// Stands is the object with the spec that counts, nil where none does. Waits means that this is not the
	// one that is written.
	Stands v1alpha1.Object
	Waits  bool
	// Record is what the status is to keep, for the next start of the operator.
	Record *v1alpha1.Held
}

// pause is what the state knows of an object that is paused, or whose status still says that it was.
type pause struct {
	// by is as in Paused; empty where the object is not paused any more.
	by string
	// written is the object as it was put, held as it was when it was paused, and stands what counts of the
	// two; nil where nothing does.
	written, held, stands v1alpha1.Object
	// waits means that what stands is not what is written.
	waits  bool
	record *v1alpha1.Held
}

// says is the outcome of an object that is paused, from that of what stands.
func (p *pause) says(ref kinds.Ref, outcome Outcome) Outcome {
	paused := &Paused{By: p.by, Stands: p.stands, Waits: p.waits, Record: p.record}
	outcome.Paused = paused
	whose := annotationOf(ref, p.by)
	switch {
	case p.stands == nil:
		paused.Message = fmt.Sprintf("gives nothing: it was never carried out before it was paused, or it is not known what was; its spec is carried out when %s is removed", whose)
	case paused.Waits:
		paused.Message = fmt.Sprintf("an edit waits until %s is removed; until then this holds as when it was paused: %s", whose, outcome.Message)
	default:
		paused.Message = fmt.Sprintf("edits wait until %s is removed; deletions, deadlines and suspensions do not", whose)
	}
	if paused.Waits && !outcome.Protected {
		outcome.Ready, outcome.Stalled = false, false
		outcome.Reason, outcome.Message = p.by, paused.Message
	}
	if paused.Waits && outcome.Done {
		// Its end has come, but what is written may say otherwise: the object itself stays.
		outcome.Done, outcome.Next = false, time.Time{}
	}
	return outcome
}

// annotationOf names the annotation that pauses an object.
func annotationOf(ref kinds.Ref, by string) string {
	if by == v1alpha1.ReasonOrganizationPaused {
		return fmt.Sprintf("the annotation %s of the Organization %s", v1alpha1.AnnotationPaused, ref.Namespace)
	}
	return "its annotation " + v1alpha1.AnnotationPaused
}

// WaitsFor names the annotation that keeps an object's spec from being carried out; nothing if none does.
func (s *tenant) waitsFor(object v1alpha1.Object) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ref := kinds.RefOf(object)
	by := s.pausedBy(ref, object)
	if by == "" {
		return ""
	}
	return annotationOf(ref, by)
}

// putPaused finds what counts of an object that is put: all that is written, unless it is paused. False means
// that nothing counts.
func (p *pass) putPaused(ref kinds.Ref, written v1alpha1.Object) (v1alpha1.Object, bool) {
	s, before := p.state, p.state.pauses[ref]
	now := &pause{by: s.pausedBy(ref, written), written: written, stands: written}
	if now.by != "" {
		now.held = p.heldTo(ref, written, before)
		now.stands = safeChanges(now.held, written)
		now.waits = now.stands == nil || !v1alpha1.SameDeclared(now.stands, written)
		now.record = recordOf(now.held, written)
	}
	changed := before != nil && (before.by != now.by || before.waits != now.waits || (before.stands == nil) != (now.stands == nil))
	if changed || before == nil && now.by != "" {
		p.change.Outcomes = append(p.change.Outcomes, ref)
	}
	if now.by == "" && written.CommonStatus().Held == nil {
		p.forgetPause(ref)
	} else {
		s.pauses[ref] = now
		s.pausesOf.add(ref.Namespace, ref)
	}
	return now.stands, now.stands != nil
}

func (p *pass) forgetPause(ref kinds.Ref) {
	delete(p.state.pauses, ref)
	p.state.pausesOf.remove(ref.Namespace, ref)
}

// pausedBy says what pauses an object, nothing if it is not paused.
func (s *tenant) pausedBy(ref kinds.Ref, object v1alpha1.Object) string {
	switch {
	case IsPaused(object):
		return v1alpha1.ReasonPaused
	case ref.Namespace != "" && s.pausedOrganizations.has(ref.Namespace):
		return v1alpha1.ReasonOrganizationPaused
	}
	return ""
}

// IsPaused says whether an object's own annotation pauses it.
func IsPaused(object v1alpha1.Object) bool {
	return object.GetAnnotations()[v1alpha1.AnnotationPaused] == "true"
}

// heldTo is what a paused object is kept to, nil where that is nothing. Whoever carries out the state knows
// what was carried out before. After a start, and for whoever only follows, the status tells: it records the
// spec or, as long as it does not, is about the present one or about none that is known.
func (p *pass) heldTo(ref kinds.Ref, written v1alpha1.Object, before *pause) v1alpha1.Object {
	if p.remembers {
		if before != nil && before.by != "" && before.written.GetUID() == written.GetUID() {
			return before.held
		}
		if was := p.state.standing(ref); was != nil && was.GetUID() == written.GetUID() {
			return was
		}
	}
	status := written.CommonStatus()
	if status.Held != nil {
		held, err := status.Held.HeldTo(written)
		if err != nil {
			return nil // written by someone else than the operator; it gives nothing
		}
		return held
	}
	// Where it says that it was paused, the record is lost, as with CRDs that do not know it yet.
	if status.ObservedGeneration == written.GetGeneration() && !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPaused) {
		return written
	}
	return nil
}

// recordOf is the record of what an object is kept to: the one that it has, if that says the same.
func recordOf(held, written v1alpha1.Object) *v1alpha1.Held {
	if recorded := written.CommonStatus().Held; recorded != nil {
		was, err := recorded.HeldTo(written)
		if err == nil && (was == nil) == (held == nil) && (was == nil || v1alpha1.SameDeclared(was, held)) {
			return recorded
		}
	}
	record, err := v1alpha1.Hold(held)
	if err != nil {
		return &v1alpha1.Held{} // after the next start it gives nothing
	}
	return record
}

// safeChanges is what counts of a paused object: what it is kept to, but for what takes access away at once, which
// is the suspension of a user, and an earlier end.
func safeChanges(held, written v1alpha1.Object) v1alpha1.Object {
	if held == nil {
		return nil
	}
	stands := written.DeepCopyObject().(v1alpha1.Object)
	reflect.ValueOf(stands.Declared()).Elem().Set(reflect.ValueOf(held.DeepCopyObject().(v1alpha1.Object).Declared()).Elem())
	switch o := written.(type) {
	case *v1alpha1.User:
		stands.(*v1alpha1.User).Spec.Suspended = o.Spec.Suspended || stands.(*v1alpha1.User).Spec.Suspended
	case *v1alpha1.TemporaryPermissionGrant:
		kept := stands.(*v1alpha1.TemporaryPermissionGrant)
		if endsEarlier(o, kept) {
			kept.Spec.ExpiresAt, kept.Spec.Duration = o.Spec.ExpiresAt, o.Spec.Duration
		}
	case *v1alpha1.RoleAssignment:
		endEarlier(&stands.(*v1alpha1.RoleAssignment).Spec.Window, o.Spec.Window)
	case *v1alpha1.PermissionGrant:
		endEarlier(&stands.(*v1alpha1.PermissionGrant).Spec.Window, o.Spec.Window)
	case *v1alpha1.GroupMembership:
		endEarlier(&stands.(*v1alpha1.GroupMembership).Spec.Window, o.Spec.Window)
	case *v1alpha1.AccessRequest:
		kept := stands.(*v1alpha1.AccessRequest)
		kept.Spec.Withdrawn = kept.Spec.Withdrawn || o.Spec.Withdrawn
	case *v1alpha1.Invitation:
		kept := stands.(*v1alpha1.Invitation)
		now, err := expiryOf(&o.Spec, o.CreationTimestamp.Time)
		was, err2 := expiryOf(&kept.Spec, o.CreationTimestamp.Time)
		if err != nil || err2 == nil && now.Before(was) {
			kept.Spec.ExpiresAt, kept.Spec.ValidFor = o.Spec.ExpiresAt, o.Spec.ValidFor
		}
	case *v1alpha1.Organization:
		kept := stands.(*v1alpha1.Organization)
		if now, was := maximumOf(o), maximumOf(kept); now != 0 && (was == 0 || now < was) {
			kept.Spec.TemporaryGrants = o.Spec.TemporaryGrants
		}
	}
	return stands
}

// endEarlier ends a window where another one ends, if that is earlier.
func endEarlier(kept *v1alpha1.Window, written v1alpha1.Window) {
	if written.ExpiresAt != nil && (kept.ExpiresAt == nil || written.ExpiresAt.Before(kept.ExpiresAt)) {
		kept.ExpiresAt = written.ExpiresAt
	}
}

// endsEarlier says whether a temporary grant ends earlier than another, or never begins because its end can't
// be read.
func endsEarlier(a, b *v1alpha1.TemporaryPermissionGrant) bool {
	first, err := policy.LifetimeOf(a, 0)
	second, err2 := policy.LifetimeOf(b, 0)
	return err != nil || err2 == nil && first.Deadline.Before(second.Deadline)
}

// pauseOrganization notes whether an Organization is paused, and with it all that belongs to it. What has
// something that waits is carried out at once, all together; the others are looked at by their controllers.
func (p *pass) pauseOrganization(name string, paused bool) {
	s, n := p.state, &p.state.named
	if s.pausedOrganizations.has(name) == paused {
		return
	}
	if paused {
		s.pausedOrganizations.add(name)
	} else {
		s.pausedOrganizations.remove(name)
	}
	for kind, keys := range map[string]set[types.NamespacedName]{
		kinds.User: n.usersOf[name], kinds.Group: n.groupsOf[name], kinds.Role: n.rolesOf[name], kinds.RoleAssignment: n.assignmentsOf[name],
		kinds.GroupMembership: n.membershipsOf[name], kinds.Invitation: n.invitationsOf[name],
	} {
		for key := range keys {
			p.change.Again = append(p.change.Again, kinds.Named(kind, key))
		}
	}
	for ref := range n.grantsOf[name] {
		p.change.Again = append(p.change.Again, ref)
	}
	for key := range p.state.policies {
		p.change.Outcomes = append(p.change.Outcomes, kinds.Named(kinds.AccessPolicy, key))
	}
	for key := range p.state.requests {
		p.change.Outcomes = append(p.change.Outcomes, kinds.Named(kinds.AccessRequest, key))
	}
	for key := range p.state.decisions {
		p.change.Outcomes = append(p.change.Outcomes, kinds.Named(kinds.AccessDecision, key))
	}
	for _, ref := range slices.Collect(maps.Keys(s.pausesOf[name])) {
		p.put(s.pauses[ref].written)
	}
}

// waits says whether an object is paused while what is written is not what stands.
func (s *tenant) waits(ref kinds.Ref) bool {
	found := s.pauses[ref]
	return found != nil && found.waits
}

// standing is an object as the state has it, with its spec and no more of its metadata than the state keeps;
// nil where there is none.
func (s *tenant) standing(ref kinds.Ref) v1alpha1.Object {
	key := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
	switch ref.Kind {
	case kinds.ResourceType:
		if node := s.types[ref.Name]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.Organization:
		if node := s.organizations[ref.Name]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.User:
		if node := s.users[key]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.Group:
		if node := s.groups[key]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.Role:
		if node := s.roles[key]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.RoleAssignment:
		if node := s.assignments[key]; node != nil && node.object != nil {
			object := &v1alpha1.RoleAssignment{Spec: *node.object}
			object.UID = node.uid
			return object
		}
	case kinds.GroupMembership:
		if node := s.memberships[key]; node != nil && node.object != nil {
			object := &v1alpha1.GroupMembership{Spec: *node.object}
			object.UID = node.uid
			return object
		}
	case kinds.Invitation:
		if node := s.invitations[key]; node != nil && node.object != nil {
			object := &v1alpha1.Invitation{Spec: node.object.spec}
			object.UID = node.object.uid
			return object
		}
	case kinds.AccessPolicy:
		if node := s.policies[key]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.AccessRequest:
		if node := s.requests[key]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.AccessDecision:
		if node := s.decisions[key]; node != nil && node.object != nil {
			return node.object
		}
	case kinds.PermissionGrant, kinds.TemporaryPermissionGrant:
		if node := s.grants[ref]; node != nil && node.object != nil {
			return node.object.standing()
		}
	}
	return nil
}

// standingNamed is a copy of an object as the state has it, with the name that the state does not keep in all of them.
func (s *tenant) standingNamed(ref kinds.Ref) v1alpha1.Object {
	object := s.standing(ref)
	if object == nil {
		return nil
	}
	named := object.DeepCopyObject().(v1alpha1.Object)
	named.SetNamespace(ref.Namespace)
	named.SetName(ref.Name)
	return named
}

// standing is the grant that the state keeps, as an object.
func (o *grantObject) standing() v1alpha1.Object {
	if o.temporary != nil {
		return o.temporary
	}
	object := &v1alpha1.PermissionGrant{Spec: v1alpha1.PermissionGrantSpec{
		Subject: v1alpha1.GrantSubject{User: o.user, Group: o.group}, Permissions: o.entries, Scope: o.scope, Window: o.window,
	}}
	object.UID = o.uid
	return object
}
