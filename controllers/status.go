package controllers

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// unavailable is what an object says whose own change waits for the store.
func unavailable(outcome state.Outcome, err error) state.Outcome {
	outcome.Ready, outcome.Stalled = false, false
	outcome.Reason = v1alpha1.ReasonStoreUnavailable
	outcome.Message = fmt.Sprintf("waits for the store, and goes on by itself when it answers: %v", err)
	if errors.Is(err, store.ErrForeign) {
		outcome.Message = fmt.Sprintf("waits for the store: %v", err)
	}
	if errors.Is(err, store.ErrRefused) {
		outcome.Message = fmt.Sprintf("the store does not take what this gives, which is a fault of Bailiwick: %v", err)
	}
	return outcome
}

// deleted is what an object says that is deleted, gives nothing any more, and is held by finalizers of others.
func deleted(object v1alpha1.Object) state.Outcome {
	return state.Outcome{Reason: v1alpha1.ReasonBeingDeleted, Message: fmt.Sprintf(
		"deleted, and gives nothing any more; it is held by finalizers that are not Bailiwick's: %s: have whoever set them remove them", strings.Join(object.GetFinalizers(), ", "))}
}

// describe writes an outcome into the status. Unless the outcome is confirmed, whether the object is in
// force is not known, and what was said last stays.
func describe(object v1alpha1.Object, outcome state.Outcome, confirmed bool, outage error, now time.Time) {
	status := object.CommonStatus()
	status.ObservedGeneration = object.GetGeneration()
	set := func(kind string, holds bool, reason, message string) {
		setCondition(object, kind, holds, reason, message)
	}
	set(v1alpha1.ConditionReady, outcome.Ready, outcome.Reason, outcome.Message)
	set(v1alpha1.ConditionReconciling, !outcome.Ready && !outcome.Stalled, outcome.Reason, outcome.Message)
	set(v1alpha1.ConditionStalled, !outcome.Ready && outcome.Stalled, outcome.Reason, outcome.Message)
	effective := object
	if paused := outcome.Paused; paused == nil {
		set(v1alpha1.ConditionPaused, false, "", "")
		status.Held = nil
	} else {
		set(v1alpha1.ConditionPaused, true, paused.By, paused.Message)
		status.Held = paused.Record
		if paused.Effective != nil {
			effective = paused.Effective
		}
	}
	describeKind(object, effective, outcome, confirmed, outage)
	if request, ok := object.(*v1alpha1.AccessRequest); ok && outcome.Access != nil && confirmed {
		describeRequest(request, outcome.Access, now)
	}
}

// setCondition sets a condition. Of one that does not hold only Ready says so; the others go.
func setCondition(object v1alpha1.Object, kind string, holds bool, reason, message string) {
	conditions := &object.CommonStatus().Conditions
	if !holds && kind != v1alpha1.ConditionReady {
		meta.RemoveStatusCondition(conditions, kind)
		return
	}
	value := metav1.ConditionFalse
	if holds {
		value = metav1.ConditionTrue
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: kind, Status: value, Reason: reason, Message: message, ObservedGeneration: object.GetGeneration(),
	})
}

// describeOutage has an Organization say whether the store answers.
func describeOutage(organization *v1alpha1.Organization, outage error) {
	message := "the authorization store does not answer; what is changed meanwhile takes effect when it does"
	if errors.Is(outage, store.ErrForeign) {
		message = fmt.Sprintf("nothing that is changed takes effect: %v", outage)
	}
	setCondition(organization, v1alpha1.ConditionStoreUnavailable, outage != nil, v1alpha1.ReasonStoreUnavailable, message)
}

// describeKind writes what a kind's own status says. What it says of a spec is about the one in effect.
func describeKind(object, effective v1alpha1.Object, outcome state.Outcome, confirmed bool, outage error) {
	switch o := object.(type) {
	case *v1alpha1.Organization:
		describeOutage(o, outage)
	case *v1alpha1.Role:
		o.Status.Permissions = outcome.Faults[:min(len(outcome.Faults), maxFaults)]
		o.Status.OwnPermissions, o.Status.InheritedPermissions = int64(outcome.Own), int64(outcome.Inherited)
		o.Status.Assignments, o.Status.Children = int64(outcome.Assignments), int64(outcome.Children)
	case *v1alpha1.RoleAssignment:
		spec := &effective.(*v1alpha1.RoleAssignment).Spec
		o.Status.Subject = subjectText(&spec.Subject)
		o.Status.Scope = state.PathOf(o.Namespace, &spec.Scope).String()
		if confirmed {
			o.Status.InForce = outcome.InForce
		}
		describeWindow(&o.Status.WindowStatus, outcome, confirmed)
	case *v1alpha1.PermissionGrant:
		spec := &effective.(*v1alpha1.PermissionGrant).Spec
		o.Status.Subject = subjectText(&v1alpha1.AssignmentSubject{User: spec.Subject.User, Group: spec.Subject.Group})
		o.Status.Scope = state.PathOf(o.Namespace, &spec.Scope).String()
		o.Status.Creator = o.Annotations[v1alpha1.AnnotationCreator]
		if confirmed {
			o.Status.InForce, o.Status.Permissions = outcome.InForce, outcome.Permissions
		}
		describeWindow(&o.Status.WindowStatus, outcome, confirmed)
	case *v1alpha1.GroupMembership:
		if confirmed {
			o.Status.InForce, o.Status.Permissions = outcome.InForce, outcome.Permissions
		}
		describeWindow(&o.Status.WindowStatus, outcome, confirmed)
	case *v1alpha1.Invitation:
		o.Status.Phase = outcome.Invited.Phase
		o.Status.ExpiresAt, o.Status.AcceptedAt = instant(outcome.Invited.Expires), instant(outcome.Invited.AcceptedAt)
	case *v1alpha1.TemporaryPermissionGrant:
		o.Status.Scope = state.PathOf(o.Namespace, &o.Spec.Scope).String()
		o.Status.Creator = o.Annotations[v1alpha1.AnnotationCreator]
		if outcome.Life != (policy.Lifetime{}) || confirmed && outcome.Phase == "" { // unknown while its deletion waits for the store
			o.Status.StartsAt, o.Status.ExpiresAt = instant(outcome.Life.Start), instant(outcome.Life.Deadline)
		}
		if confirmed {
			o.Status.InForce, o.Status.Permissions, o.Status.Phase = outcome.InForce, outcome.Permissions, outcome.Phase
		}
	}
}

// describeWindow writes where in its window an object is. While it is being deleted that is unknown.
func describeWindow(status *v1alpha1.WindowStatus, outcome state.Outcome, confirmed bool) {
	if outcome.Reason == "" {
		return
	}
	status.ExpiresAt = instant(outcome.Life.Deadline)
	if confirmed {
		status.Phase = outcome.Phase
	}
}

// maxFaults is how many the schema of a role's status takes.
const maxFaults = 1000

func subjectText(subject *v1alpha1.AssignmentSubject) string {
	switch {
	case subject.User != "":
		return "user/" + subject.User
	case subject.Group != "":
		return "group/" + subject.Group
	default:
		return "invitation/" + subject.Invitation
	}
}

// instant is a time as the API has it, in UTC and to the second below: a deadline never looks later than
// it is.
func instant(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.UTC().Truncate(time.Second)}
}

// announce says in an event, once, that someone must edit an object, that it is paused, that the store has stopped to answer
// or answers again, and each step of a request. Of very many objects it says so of some.
func (r *reconciler) announce(before, now v1alpha1.Object) {
	r.announceSteps(before, now)
	began := func(kind string) bool {
		return meta.IsStatusConditionTrue(now.CommonStatus().Conditions, kind) &&
			!meta.IsStatusConditionTrue(before.CommonStatus().Conditions, kind)
	}
	for kind, severity := range map[string]string{
		v1alpha1.ConditionStalled:          corev1.EventTypeWarning,
		v1alpha1.ConditionStoreUnavailable: corev1.EventTypeWarning,
		v1alpha1.ConditionPaused:           corev1.EventTypeNormal,
	} {
		if began(kind) && r.events.allow(now.GetNamespace(), r.clock) {
			condition := meta.FindStatusCondition(now.CommonStatus().Conditions, kind)
			r.recorder.Eventf(now, nil, severity, condition.Reason, "Reconcile", "%s", condition.Message)
		}
	}
}
