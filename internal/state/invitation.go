package state

import (
	"fmt"
	"iter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// defaultValidity is how long an invitation can be accepted that does not say it.
const defaultValidity = 7 * 24 * time.Hour

type invitation struct {
	object  *invitationObject
	outcome Outcome
	// acceptedBy is the User who has accepted; empty while nobody has. subject is whom that User stood
	// for then.
	acceptedBy, subject string
	// evaluated was the origin of the object then, and acceptors that of the User who has accepted.
	evaluated, acceptors origin
}

func (n *invitation) effective() v1alpha1.Object {
	if n.object == nil {
		return nil
	}
	return &v1alpha1.Invitation{ObjectMeta: metav1.ObjectMeta{UID: n.object.origin.uid}, Spec: n.object.spec}
}

func (n *invitation) lastOutcome() Outcome { return n.outcome }

// invitationKeeper keeps Invitations.
type invitationKeeper struct{ plain }

func (invitationKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.invitations, ref.Key()) }

func (invitationKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachIn(kinds.Invitation, t.invitations)
}

func (invitationKeeper) evaluate(e *evaluation) {
	for key := range e.marked[kinds.Invitation] {
		e.evaluateInvitation(key)
	}
}

func (invitationKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	node := ensure(e.tenant.invitations, ref.Key())
	node.object = invitationObjectOf(object.(*v1alpha1.Invitation))
	e.tenant.named.indexInvitation(&node.object.spec, ref.Key(), true)
}

func (invitationKeeper) delete(e *evaluation, ref kinds.Ref) {
	node := e.tenant.invitations[ref.Key()]
	e.tenant.named.indexInvitation(&node.object.spec, ref.Key(), false)
	node.object = nil
}

// brake: an earlier end, or one that can't be read, counts at once.
func (invitationKeeper) brake(kept, written v1alpha1.Object) {
	k, w := kept.(*v1alpha1.Invitation), written.(*v1alpha1.Invitation)
	now, err := expiryOf(&w.Spec, w.CreationTimestamp.Time)
	was, err2 := expiryOf(&k.Spec, w.CreationTimestamp.Time)
	if err != nil || err2 == nil && now.Before(was) {
		k.Spec.ExpiresAt, k.Spec.ValidFor = w.Spec.ExpiresAt, w.Spec.ValidFor
	}
}

func (invitationKeeper) sameStatus(was, is v1alpha1.Object) bool {
	return was.(*v1alpha1.Invitation).Status.AcceptedAt.Equal(is.(*v1alpha1.Invitation).Status.AcceptedAt)
}

// invitationObject is what the state keeps of an Invitation.
type invitationObject struct {
	spec    v1alpha1.InvitationSpec
	origin  origin
	created time.Time
	// accepted are the instants at which it is said to have been accepted.
	accepted []time.Time
}

func invitationObjectOf(o *v1alpha1.Invitation) *invitationObject {
	kept := &invitationObject{spec: o.Spec, origin: originOf(o), created: o.CreationTimestamp.Time}
	if at, err := time.Parse(time.RFC3339, o.Annotations[v1alpha1.AnnotationAcceptedAt]); err == nil {
		kept.accepted = append(kept.accepted, at)
	}
	if at := o.Status.AcceptedAt; at != nil {
		kept.accepted = append(kept.accepted, at.Time)
	}
	return kept
}

func (e *evaluation) evaluateInvitation(key types.NamespacedName) {
	t := e.tenant
	node := t.invitations[key]
	now, acceptedBy, subject := Outcome{}, "", ""
	if node.object == nil {
		delete(t.invitations, key)
	} else {
		now = t.evaluateInvitation(key, node.object)
		if now.Invited.Phase == v1alpha1.InvitationAccepted {
			acceptedBy = node.object.spec.AcceptedBy
			subject, _ = t.resolveUser("", sibling(key, acceptedBy))
		}
	}
	var evaluated, acceptors origin
	if node.object != nil {
		evaluated = node.object.origin
	}
	if by, there := t.users[sibling(key, acceptedBy)]; there {
		acceptors = by.origin
	}
	if !node.outcome.equal(now) || node.acceptedBy != acceptedBy || node.subject != subject || node.evaluated != evaluated || node.acceptors != acceptors {
		e.markAll(kinds.RoleAssignment, t.named.assignedToInvitation[key])
	}
	node.acceptedBy, node.subject, node.evaluated, node.acceptors = acceptedBy, subject, evaluated, acceptors
	e.setOutcome(kinds.Named(kinds.Invitation, key), &node.outcome, now)
}

func (t *tenant) evaluateInvitation(key types.NamespacedName, o *invitationObject) Outcome {
	life, err := t.invited(o)
	if err != nil {
		return Outcome{Reason: v1alpha1.ReasonDurationInvalid, Stalled: true, Message: err.Error()}
	}
	outcome := Outcome{Invited: life, Ready: true}
	switch life.Phase {
	case v1alpha1.InvitationPending:
		outcome.Reason, outcome.Next = v1alpha1.ReasonInvitationPending, life.Expires
		outcome.Message = fmt.Sprintf("can be accepted until %s", instant(life.Expires))
	case v1alpha1.InvitationExpired:
		outcome.Reason = v1alpha1.ReasonInvitationExpired
		outcome.Message = fmt.Sprintf("was not accepted before %s", instant(life.Expires))
	default:
		if _, unresolved := t.resolveUser("spec.acceptedBy", sibling(key, o.spec.AcceptedBy)); unresolved != nil {
			unresolved.Invited = life
			return *unresolved
		}
		outcome.Reason = v1alpha1.ReasonAccepted
		outcome.Message = fmt.Sprintf("accepted by %s", o.spec.AcceptedBy)
	}
	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		ungoverned.Invited, ungoverned.Next = life, outcome.Next
		return *ungoverned
	}
	return outcome
}

// invited says where in its life an invitation is. It is accepted if that was seen before it expired,
// be it now, by the webhook or by an earlier look; when none of them knows, it was too late.
func (t *tenant) invited(o *invitationObject) (Invited, error) {
	expires, err := expiryOf(&o.spec, o.created)
	life := Invited{Phase: v1alpha1.InvitationPending, Expires: expires}
	if err != nil {
		return life, err
	}
	if o.spec.AcceptedBy != "" {
		for _, at := range append([]time.Time{t.now.Truncate(time.Second)}, o.accepted...) {
			if at.Before(life.Expires) && (life.AcceptedAt.IsZero() || at.Before(life.AcceptedAt)) {
				life.AcceptedAt, life.Phase = at, v1alpha1.InvitationAccepted
			}
		}
	}
	if life.Phase == v1alpha1.InvitationPending && !t.now.Before(life.Expires) {
		life.Phase = v1alpha1.InvitationExpired
	}
	return life, nil
}

// expiryOf is when an invitation can no longer be accepted.
func expiryOf(spec *v1alpha1.InvitationSpec, created time.Time) (time.Time, error) {
	switch {
	case spec.ExpiresAt != nil:
		return spec.ExpiresAt.Time, nil
	case spec.ValidFor != nil:
		length, err := policy.ParseDuration(*spec.ValidFor)
		if err != nil {
			return created, fmt.Errorf("spec.validFor: %w", err)
		}
		return created.Add(length), nil
	}
	return created.Add(defaultValidity), nil
}

// resolveInvitation is who has accepted an invitation, or why nobody gets what it is assigned.
func (t *tenant) resolveInvitation(key types.NamespacedName) (string, *Outcome) {
	node := t.invitations[key]
	switch {
	case node == nil || node.object == nil:
		return "", &Outcome{Reason: v1alpha1.ReasonInvitationNotFound, Message: fmt.Sprintf(
			"spec.subject.invitation: there is no Invitation %s in this namespace: correct the name, or create it", key.Name)}
	case node.acceptedBy != "":
		return t.resolveUser("spec.subject.invitation: accepted by", sibling(key, node.acceptedBy))
	case node.outcome.Invited.Phase == v1alpha1.InvitationExpired:
		return "", &Outcome{Reason: v1alpha1.ReasonInvitationExpired, Ready: true, Message: fmt.Sprintf(
			"the Invitation %s was not accepted in time, so nobody gets the role", key.Name)}
	default:
		return "", &Outcome{Reason: v1alpha1.ReasonInvitationPending, Ready: true, Message: fmt.Sprintf(
			"takes effect when the Invitation %s is accepted", key.Name)}
	}
}
