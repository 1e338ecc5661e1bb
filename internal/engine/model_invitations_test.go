package engine_test

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// acceptedNote is when an invitation was accepted, for the reference: the operator knows nothing of it, and goes by
// the webhook's stamp, the status, or its own clock.
const acceptedNote = "model/accepted-at"

// invitationOf can be accepted for hours or, if it is old, for one hour more of its week.
func invitationOf(d *dice, now time.Time) *v1alpha1.Invitation {
	invitation := build.Invitation("acme", d.name("i", 2)).Obj()
	invitation.Finalizers = []string{v1alpha1.Finalizer}
	invitation.CreationTimestamp = metav1.NewTime(now)
	switch d.of(4) {
	case 0:
		invitation.CreationTimestamp = metav1.NewTime(now.Add(time.Hour - 7*24*time.Hour))
	case 1:
		invitation.Spec.ValidFor = new(v1alpha1.Duration("PT2H"))
	default:
		invitation.Spec.ExpiresAt = &metav1.Time{Time: now.Add(time.Duration(d.of(4)) * time.Hour)}
	}
	if d.oneIn(3) { // it is restored by someone who may say when it was accepted
		accept(invitation, d.name("u", 3), now.Add(-time.Duration(d.of(3))*time.Hour))
		stamp(invitation)
	}
	return invitation
}

// invitedOf is a role for whoever accepts an invitation, whether or not that is there.
func invitedOf(d *dice, now time.Time) *v1alpha1.RoleAssignment {
	given := assignmentOf(d, now)
	given.Name = d.name("b", 2)
	given.Spec.Subject = v1alpha1.AssignmentSubject{Invitation: d.name("i", 2)}
	return given
}

func accept(invitation *v1alpha1.Invitation, by string, at time.Time) {
	invitation.Spec.AcceptedBy = by
	metav1.SetMetaDataAnnotation(&invitation.ObjectMeta, acceptedNote, at.Format(time.RFC3339))
}

// stamp is what the webhook does.
func stamp(invitation *v1alpha1.Invitation) {
	metav1.SetMetaDataAnnotation(&invitation.ObjectMeta, v1alpha1.AnnotationAcceptedAt, invitation.Annotations[acceptedNote])
}

// welcome invites somebody, or has them accept.
func (m *model) welcome() {
	invitation := invitationOf(m.dice, m.clock.Now())
	ref := kinds.RefOf(invitation)
	old, pending := m.objects[ref].(*v1alpha1.Invitation)
	if !pending || old.Spec.AcceptedBy != "" {
		m.put(invitation)
		return
	}
	m.put(m.accepted(old))
}

// amended is an invitation that is made anew, accepted, or can be accepted for longer or less long. One that has
// been accepted can't be changed.
func (m *model) amended(old, other *v1alpha1.Invitation) *v1alpha1.Invitation {
	if old.Spec.AcceptedBy != "" || old.DeletionTimestamp != nil {
		return other
	}
	if m.oneIn(3) {
		amended := old.DeepCopy()
		amended.Spec.ExpiresAt, amended.Spec.ValidFor = other.Spec.ExpiresAt, other.Spec.ValidFor
		return amended
	}
	return m.accepted(old)
}

// accepted is an invitation that is accepted now.
func (m *model) accepted(pending *v1alpha1.Invitation) *v1alpha1.Invitation {
	m.tellf("accept %s", pending.Name)
	accepted := pending.DeepCopy()
	accept(accepted, m.name("u", 3), m.clock.Now())
	// Without the webhook it counts when the operator sees it first, if it can write that down. That is another
	// instant than that of the acceptance if time may pass before, and what is right then depends on who is faster.
	if m.unseen || !m.oneIn(2) {
		stamp(accepted)
	}
	return accepted
}

// invited says whether a user has accepted an invitation in time.
func (r *reference) invited(name, who string) bool {
	o, there := oldest(r, called[*v1alpha1.Invitation](name))
	if !there || o.Spec.AcceptedBy != who {
		return false
	}
	expires := o.CreationTimestamp.Add(7 * 24 * time.Hour)
	switch {
	case o.Spec.ExpiresAt != nil:
		expires = o.Spec.ExpiresAt.Time
	case o.Spec.ValidFor != nil:
		expires = o.CreationTimestamp.Add(2 * time.Hour) // the one duration of this world
	}
	return instantOf(o.Annotations[acceptedNote]).Before(expires)
}
