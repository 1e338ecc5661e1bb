package cloudevents

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// The types of events about access that nobody has asked for in a request, behind typePrefix.
const (
	typeEnding     = "access.ending"
	typeEnded      = "access.ended"
	typeRevoked    = "access.revoked"
	typeSuspended  = "user.suspended"
	typeReinstated = "user.reinstated"
)

// maxPermissions is how many permissions of a grant an event names.
const maxPermissions = 20

// Access is the data of an event about an object that gives something.
type Access struct {
	Organization string `json:"organization"`
	Kind         string `json:"kind"`
	Name         string `json:"name"`
	UID          string `json:"uid"`
	// Subject is who holds it, as user/bob, group/ops or invitation/erin.
	Subject string `json:"subject"`
	// One of these is what: a role, permissions (the first of them, and how many there are), or a group.
	Role            string   `json:"role,omitempty"`
	Permissions     []string `json:"permissions,omitempty"`
	PermissionCount int      `json:"permissionCount,omitempty"`
	Group           string   `json:"group,omitempty"`
	// Scope is where, as acme/prod/vision; a membership has none.
	Scope     string       `json:"scope,omitempty"`
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// AccessRequest is the name of the request that it was given for.
	AccessRequest string `json:"accessRequest,omitempty"`
	// Reason is why it is so in one word: of the condition Ready, or Deleted.
	Reason string `json:"reason"`
}

// Person is the data of an event about a User.
type Person struct {
	Organization string `json:"organization"`
	Name         string `json:"name"`
	UID          string `json:"uid"`
	Subject      string `json:"subject"`
	DisplayName  string `json:"displayName,omitempty"`
}

// access is what an object gives, and what its status says of it. It is not ok for kinds that give nothing to anybody.
func access(object v1alpha1.Object) (a Access, phase v1alpha1.GrantPhase, inForce, ok bool) {
	ref := kinds.RefOf(object)
	a = Access{Organization: ref.Organization(), Kind: ref.Kind, Name: ref.Name, UID: string(object.GetUID()), Reason: kinds.ReadyReason(object)}
	if _, window := v1alpha1.WindowOf(object); window != nil {
		phase, a.ExpiresAt = window.Phase, window.ExpiresAt
	}
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		a.Subject, a.Role, a.Scope = o.Status.Subject, o.Spec.RoleRef.Name, o.Status.Scope
		a.AccessRequest = requestOf(o.Spec.AccessRequest)
	case *v1alpha1.PermissionGrant:
		a.Subject, a.Scope, a.PermissionCount = o.Status.Subject, o.Status.Scope, len(o.Spec.Permissions)
		for n := range o.Spec.Permissions[:min(maxPermissions, a.PermissionCount)] {
			a.Permissions = append(a.Permissions, o.Spec.Permissions[n].Permission)
		}
	case *v1alpha1.TemporaryPermissionGrant:
		a.Subject, a.Scope, a.PermissionCount = "user/"+o.Spec.User, o.Status.Scope, 1
		a.Permissions = []string{o.Spec.PermissionGrant.Permission}
		a.AccessRequest = requestOf(o.Spec.AccessRequest)
		phase, a.ExpiresAt = o.Status.Phase, o.Status.ExpiresAt
	case *v1alpha1.GroupMembership:
		a.Subject, a.Group = "user/"+o.Spec.User, o.Spec.Group
	default:
		return Access{}, "", false, false
	}
	return a, phase, kinds.IsInForce(object), true
}

func requestOf(reference *v1alpha1.AccessRequestReference) string {
	if reference == nil {
		return ""
	}
	return reference.Name
}

// change is the event that a change of an object at an instant is; false where it is none. After is nil where the object is
// gone.
func change(before, after v1alpha1.Object, at time.Time) (Event, bool) {
	if user, ok := before.(*v1alpha1.User); ok {
		return suspension(user, after, at)
	}
	was, phaseBefore, gaveBefore, ok := access(before)
	if !ok {
		return Event{}, false
	}
	if after == nil {
		was.Reason = "Deleted"
		return event(typeRevoked, before, was, at, fmt.Sprintf("%s/deleted", was.UID)), gaveBefore
	}
	is, phase, gives, _ := access(after)
	id := fmt.Sprintf("%s/%s", is.UID, after.GetResourceVersion())
	switch {
	case phaseBefore == v1alpha1.PhaseActive && phase == v1alpha1.PhaseExpired:
		return event(typeEnded, after, is, at, id), true
	// That a user is suspended is an event of its own.
	case gaveBefore && !gives && phase != v1alpha1.PhaseExpired && is.Reason != v1alpha1.ReasonUserSuspended:
		return event(typeRevoked, after, is, at, id), true
	}
	return Event{}, false
}

func suspension(before *v1alpha1.User, after v1alpha1.Object, at time.Time) (Event, bool) {
	if after == nil {
		return Event{}, false
	}
	user := after.(*v1alpha1.User)
	was, is := kinds.ReadyReason(before) == v1alpha1.ReasonSuspended, kinds.ReadyReason(user) == v1alpha1.ReasonSuspended
	if was == is {
		return Event{}, false
	}
	what := typeReinstated
	if is {
		what = typeSuspended
	}
	return event(what, user, Person{
		Organization: user.Namespace, Name: user.Name, UID: string(user.UID), Subject: user.Spec.Subject, DisplayName: user.Spec.DisplayName,
	}, at, fmt.Sprintf("%s/%s", user.UID, user.ResourceVersion)), true
}

func event(kind string, about v1alpha1.Object, data any, at time.Time, id string) Event {
	return Event{ID: id, Type: kind, At: at, About: kinds.RefOf(about), Data: data}
}

// ending is the event that an object in force ends soon, and when it is to be told: when a tenth of its time is left, a day
// before its end at the earliest. It is not ok for one that has no end, or that gives nothing.
func ending(object v1alpha1.Object) (e Event, ok bool) {
	a, _, gives, ok := access(object)
	if !ok || !gives || a.ExpiresAt == nil || !object.GetDeletionTimestamp().IsZero() {
		return Event{}, false
	}
	begins := object.GetCreationTimestamp().Time
	if window, _ := v1alpha1.WindowOf(object); window != nil && window.StartsAt != nil {
		begins = window.StartsAt.Time
	}
	if o, temporary := object.(*v1alpha1.TemporaryPermissionGrant); temporary && o.Status.StartsAt != nil {
		begins = o.Status.StartsAt.Time
	}
	const share, earliest = 10, 24 * time.Hour
	at := a.ExpiresAt.Add(-min(a.ExpiresAt.Sub(begins)/share, earliest))
	return event(typeEnding, object, a, at, fmt.Sprintf("%s/ending/%d", a.UID, a.ExpiresAt.Unix())), true
}
