// Package query answers who may do what, and why, from the objects of an organization alone. It asks the
// same rules as the operator: package state says what the objects give, and their statuses say how much
// of it the operator has confirmed. There is no client and no store in here.
package query

import (
	"maps"
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
	limits       state.Limits
	// inhabited is whether the state has the namespace.
	inhabited bool
	// late are the objects of which the operator has not confirmed yet what they say now.
	late []kinds.Ref
}

// New finds out what objects mean. They belong to the world afterwards.
func New(objects Objects, now clock.PassiveClock) *World {
	w := &World{
		organization: objects.Organization, objects: map[kinds.Ref]v1alpha1.Object{}, clock: now,
		limits: state.Limits{ConditionCost: store.EmbeddedConditionCost},
	}
	w.state = state.New(w.limits, w.clock)
	w.Update(Changes{Put: objects.Read, Unread: objects.Unread})
	return w
}

// Changes are what has become of the objects of an organization.
type Changes struct {
	// Put are objects that are new or different, Gone those that there are no more.
	Put  []v1alpha1.Object
	Gone []kinds.Ref
	// Unread are all kinds that can't be read now.
	Unread []string
}

// Update takes over what has changed, and lets happen what time has brought. The objects belong to the world afterwards.
func (w *World) Update(changes Changes) {
	w.unread = changes.Unread
	for _, ref := range changes.Gone {
		delete(w.objects, ref)
		w.state.Remove(ref)
	}
	for _, object := range changes.Put {
		w.objects[kinds.RefOf(object)] = object
	}
	put := append(w.due(), changes.Put...)
	if len(put) == 0 && len(changes.Gone) == 0 {
		return
	}
	w.evaluate(put)
	// Objects don't say what their store can take. Only where something does not fit into one that takes
	// less, this makes a difference, and then the objects say so.
	if w.limits.ConditionCost > store.MaxConditionCost && w.shows(v1alpha1.ReasonConditionTooExpensive, changes.Put) {
		w.limits.ConditionCost = store.MaxConditionCost
		w.state, w.inhabited = state.New(w.limits, w.clock), false
		w.evaluate(slices.Collect(maps.Values(w.objects)))
	}
	w.late = w.unconfirmed()
}

// due are the objects whose time has come.
func (w *World) due() (objects []v1alpha1.Object) {
	for _, ref := range w.state.Due() {
		if object, there := w.objects[ref]; there {
			objects = append(objects, object)
		}
	}
	return objects
}

// evaluate puts objects into the state as they are now, as the operator does.
func (w *World) evaluate(objects []v1alpha1.Object) {
	put := make([]client.Object, 0, len(objects)+1)
	for _, object := range objects {
		ref := kinds.RefOf(object)
		if ref.Namespace != "" && !w.inhabited {
			// What is in a namespace shows that there is one, which not everyone may read who may read that.
			put = append(put, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.organization}})
			w.inhabited = true
		}
		if kinds.KeptWhileDeleted(ref.Kind) || object.GetDeletionTimestamp().IsZero() {
			put = append(put, clone(object))
		} else {
			w.state.Remove(ref)
		}
	}
	w.state.Follow(nil, put...)
}

// shows says whether the status of one of some objects has a reason for a permission that the state does not have.
func (w *World) shows(reason string, objects []v1alpha1.Object) bool {
	for _, object := range objects {
		outcome, _ := w.state.Outcome(kinds.RefOf(object))
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

// Matters says whether any answer depends on objects of a kind. What requests for access lead to is in objects of other
// kinds.
func Matters(kind string) bool {
	switch kind {
	case kinds.AccessPolicy, kinds.AccessRequest, kinds.AccessDecision:
		return false
	default:
		return true
	}
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

// UserOf finds the User who stands for an identity: of several the oldest, which is the one in force. False when there is none.
func (w *World) UserOf(subject string) (string, bool) {
	var oldest *v1alpha1.User
	for _, object := range w.objects {
		user, ok := object.(*v1alpha1.User)
		if ok && user.Spec.Subject == subject && (oldest == nil || policy.CompareAge(user, oldest) < 0) {
			oldest = user
		}
	}
	if oldest == nil {
		return "", false
	}
	return oldest.Name, true
}

// UserNamed finds the User of a name, or else the one who stands for an identity. False when there is neither.
func (w *World) UserNamed(text string) (string, bool) {
	if w.HasUser(text) {
		return text, true
	}
	return w.UserOf(text)
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

// UnreadOf are those of some kinds that could not be read.
func (w *World) UnreadOf(some ...string) (unread []string) {
	for _, kind := range w.unread {
		if slices.Contains(some, kind) {
			unread = append(unread, kind)
		}
	}
	return unread
}

func (w *World) ref(kind, name string) kinds.Ref {
	return kinds.Ref{Kind: kind, Namespace: w.organization, Name: name}
}

func clone[T client.Object](object T) T { return object.DeepCopyObject().(T) }
