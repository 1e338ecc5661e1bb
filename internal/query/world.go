// Package query answers who may do what, and why, from the objects of an organization alone. It asks the
// same rules as the operator: package state says what the objects give, and their statuses say how much
// of it the operator has confirmed. There is no client and no store in here.
package query

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// Objects are what could be read of an organization: everything in its namespace, the Organization itself,
// and all ResourceTypes.
type Objects struct {
	Organization string
	Read         []v1alpha1.Object
	// Unread are the kinds that could not be read. Whatever depends on them is not known.
	Unread []string
}

// World is what the objects of an organization mean.
type World struct {
	organization string
	objects      map[kinds.Ref]v1alpha1.Object
	unread       []string
	state        *state.State
	clock        clock.PassiveClock
	// late are the objects of which the operator has not confirmed yet what they say now.
	late []kinds.Ref
}

// New finds out what objects mean. They belong to the world afterwards.
func New(objects Objects, now clock.PassiveClock) *World {
	w := &World{organization: objects.Organization, objects: map[kinds.Ref]v1alpha1.Object{}, unread: objects.Unread, clock: now}
	for _, object := range objects.Read {
		w.objects[kinds.RefOf(object)] = object
	}
	// Objects don't say what their store can take. Only where something does not fit into one that takes
	// less, this makes a difference, and then the objects say so.
	w.evaluate(state.Limits{ConditionCost: store.EmbeddedConditionCost})
	if w.shows(v1alpha1.ReasonConditionTooExpensive) {
		w.evaluate(state.Limits{ConditionCost: store.MaxConditionCost})
	}
	w.late = w.unsettled()
	return w
}

// evaluate makes the state anew, as the operator does at its start.
func (w *World) evaluate(limits state.Limits) {
	w.state = state.New(limits, w.clock)
	var put []client.Object
	inhabited := false
	for ref, object := range w.objects {
		inhabited = inhabited || ref.Namespace != ""
		if kinds.KeptWhileDeleted(ref.Kind) || object.GetDeletionTimestamp().IsZero() {
			put = append(put, clone(object))
		}
	}
	if inhabited {
		// What is in a namespace shows that there is one, which not everyone may read who may read that.
		put = append(put, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.organization}})
	}
	w.state.Put(put...)
}

// shows says whether a status has a reason for a permission that the state does not have.
func (w *World) shows(reason string) bool {
	for ref, object := range w.objects {
		outcome, _ := w.state.Outcome(ref)
		said, computed := entryReasons(object), outcomeReasons(outcome)
		if slices.Contains(said, reason) && !slices.Contains(computed, reason) {
			return true
		}
	}
	return false
}

// entryReasons are what the status of an object says of its permission entries.
func entryReasons(object v1alpha1.Object) []string {
	var outcome state.Outcome
	switch o := object.(type) {
	case *v1alpha1.Role:
		outcome.Faults = o.Status.Permissions
	case *v1alpha1.PermissionGrant:
		outcome.Permissions = o.Status.Permissions
	case *v1alpha1.TemporaryPermissionGrant:
		outcome.Permissions = o.Status.Permissions
	}
	return outcomeReasons(outcome)
}

func outcomeReasons(outcome state.Outcome) []string {
	reasons := make([]string, 0, len(outcome.Faults)+len(outcome.Permissions))
	for _, fault := range outcome.Faults {
		reasons = append(reasons, fault.Reason)
	}
	for _, permission := range outcome.Permissions {
		reasons = append(reasons, permission.Reason)
	}
	return reasons
}

// Permission is what the catalogue knows of a permission.
func (w *World) Permission(name string) (policy.Permission, bool) { return w.state.Permission(name) }

// SubjectOf is the subject that a username of the API server stands for, by what the Organization says.
func (w *World) SubjectOf(username string) string {
	prefix := ""
	if organization, ok := w.objects[kinds.Ref{Kind: kinds.Organization, Name: w.organization}].(*v1alpha1.Organization); ok {
		prefix = organization.Status.UsernamePrefix
	}
	return w.state.SubjectOf(w.organization, username, prefix)
}

// NearSubjects are Users who may have been meant by a username, with their subjects.
func (w *World) NearSubjects(username string) []string {
	return w.state.NearSubjects(w.organization, username)
}

// UserOf finds the User who stands for an identity; false when there is none.
func (w *World) UserOf(subject string) (string, bool) {
	for ref, object := range w.objects {
		if user, ok := object.(*v1alpha1.User); ok && user.Spec.Subject == subject {
			if outcome, _ := w.state.Outcome(ref); outcome.Ready {
				return ref.Name, true
			}
		}
	}
	return "", false
}

// Users are the names of all Users, sorted.
func (w *World) Users() []string {
	var users []string
	for ref := range w.objects {
		if ref.Kind == kinds.User {
			users = append(users, ref.Name)
		}
	}
	slices.Sort(users)
	return users
}

// Unread are the kinds that could not be read.
func (w *World) Unread() []string { return w.unread }

func (w *World) ref(kind, name string) kinds.Ref {
	return kinds.Ref{Kind: kind, Namespace: w.organization, Name: name}
}

func clone[T client.Object](object T) T { return object.DeepCopyObject().(T) }
