package state_test

import (
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// members is what the memberships of a user in a group give so far.
type members struct {
	forGood bool
	windows []policy.Window
}

// membership makes the oldest of several of one user and group count, and all that hold for a time beside it.
func (w *wanted) membership(ref kinds.Ref, o *v1alpha1.GroupMembership) {
	window, over := w.windowOf(o.Spec.Window)
	if over {
		w.verdicts[ref] = ready(v1alpha1.ReasonExpired)
		return
	}
	of := o.Namespace + " " + o.Spec.User + " " + o.Spec.Group
	if w.admitted[of] == nil {
		w.admitted[of] = &members{}
	}
	subject, reason := w.judgeMembership(o, window, w.admitted[of])
	if reason != "" {
		w.verdicts[ref] = ready(reason)
		return
	}
	w.verdicts[ref] = w.in(window)
	group := "group:" + o.Namespace + "/" + o.Spec.Group
	w.share(tuples.Member(group, subject), window, ref)
	if o.Spec.Role != v1alpha1.GroupAdmin {
		return
	}
	w.share(tuples.Admin(group, subject), window, ref)
	granted, unknown := w.configured(o)
	if unknown {
		w.verdicts[ref] = verdict{reason: v1alpha1.ReasonPermissionsInvalid, inForce: w.verdicts[ref].inForce}
	}
	if len(granted) > 0 {
		cell := tuples.GrantCell(group, subject)
		for n := range granted {
			granted[n].Window = window
		}
		w.configurable[cell] = append(w.configurable[cell], granted...)
		w.contexts[cell], _ = tuples.Contexts(policy.Merge(w.configurable[cell]), 1)
		w.referrers[cell] = append(w.referrers[cell], ref)
	}
}

func (w *wanted) judgeMembership(o *v1alpha1.GroupMembership, window policy.Window, of *members) (subject, reason string) {
	if reason := w.ungoverned(o.Namespace); reason != "" {
		return "", reason
	}
	if window == (policy.Window{}) && of.forGood {
		return "", v1alpha1.ReasonDuplicate
	}
	if _, reason := w.subject(o.Namespace, "", o.Spec.Group, ""); reason != "" {
		return "", reason
	}
	if subject, reason = w.subject(o.Namespace, o.Spec.User, "", ""); reason != "" {
		return "", reason
	}
	if window == (policy.Window{}) {
		of.forGood = true
		return subject, ""
	}
	return subject, w.admitWindow(&of.windows, window)
}

// configured are the permissions that an admin has, and whether there is one that the group does not have.
func (w *wanted) configured(o *v1alpha1.GroupMembership) (granted []policy.Grant, unknown bool) {
	chosen := o.Spec.ConfigurablePermissions
	there := find[*v1alpha1.Group](w, o.Namespace, o.Spec.Group).Spec.ConfigurablePermissions
	for _, permission := range there {
		switch {
		case chosen == nil || chosen.Mode == v1alpha1.ConfigurableAll:
		case chosen.Mode == v1alpha1.ConfigurableNone:
			continue
		default:
			if enabled, said := chosen.Overrides[permission]; said && !enabled {
				continue
			}
		}
		granted = append(granted, policy.Grant{Permission: permission})
	}
	if chosen != nil {
		for permission := range chosen.Overrides {
			unknown = unknown || !slices.Contains(there, permission)
		}
	}
	return granted, unknown
}

// invitation is the reason of an invitation. Those of this test that are accepted were so in time.
func (w *wanted) invitation(o *v1alpha1.Invitation) string {
	if o.Spec.AcceptedBy != "" {
		if _, reason := w.subject(o.Namespace, o.Spec.AcceptedBy, "", ""); reason != "" {
			return reason
		}
	}
	if reason := w.ungoverned(o.Namespace); reason != "" {
		return reason
	}
	return w.invitationPhase(o)
}

func (w *wanted) invitationPhase(o *v1alpha1.Invitation) string {
	expires := o.CreationTimestamp.Add(7 * 24 * time.Hour)
	switch {
	case o.Spec.AcceptedBy != "":
		return v1alpha1.ReasonAccepted
	case o.Spec.ExpiresAt != nil:
		expires = o.Spec.ExpiresAt.Time
	case o.Spec.ValidFor != nil:
		lasts, _ := policy.ParseDuration(*o.Spec.ValidFor)
		expires = o.CreationTimestamp.Add(lasts)
	}
	if !w.now.Before(expires) {
		return v1alpha1.ReasonInvitationExpired
	}
	return v1alpha1.ReasonInvitationPending
}

// invited is who gets what is assigned to an invitation, or why nobody does.
func (w *wanted) invited(namespace, name string) (string, string) {
	o := find[*v1alpha1.Invitation](w, namespace, name)
	switch {
	case o == nil:
		return "", v1alpha1.ReasonInvitationNotFound
	case o.Spec.AcceptedBy != "":
		return w.subject(namespace, o.Spec.AcceptedBy, "", "")
	default:
		return "", w.invitationPhase(o)
	}
}
