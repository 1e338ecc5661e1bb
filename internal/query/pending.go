package query

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// Behind are all objects of which the operator has not confirmed yet what they say now.
func (w *World) Behind() []Object { return objectsOf(w.late) }

func objectsOf(refs []kinds.Ref) []Object {
	objects := make([]Object, 0, len(refs))
	for _, ref := range refs {
		objects = append(objects, Object{Kind: ref.Kind, Name: ref.Name})
	}
	return objects
}

// behind are the objects that concern a user and of which the operator has not confirmed yet what they say
// now. Until it has, the store may still hold what they said before.
func (w *World) behind(user string) []Object {
	if len(w.late) == 0 {
		return nil
	}
	var behind []Object
	link := w.linksOf(user)
	for _, ref := range w.late {
		if link.concerns(w.objects[ref]) {
			behind = append(behind, Object{Kind: ref.Kind, Name: ref.Name})
		}
	}
	return behind
}

// unconfirmed are all objects of which that is so, and on which answers depend.
func (w *World) unconfirmed() []kinds.Ref {
	var late []kinds.Ref
	for ref, object := range w.objects {
		if Matters(ref.Kind) && !w.isConfirmed(ref, object) {
			late = append(late, ref)
		}
	}
	slices.SortFunc(late, kinds.Ref.Compare)
	return late
}

// confirmed says whether the operator has confirmed all that makes a way of a user. What is behind elsewhere does not
// matter to it, except for roles, which inherit from each other, and for what all depends on.
func (w *World) confirmed(user string, access entitlement.Entitlement) bool {
	made := append([]kinds.Ref{w.ref(kinds.User, user)}, access.Through...)
	return !slices.ContainsFunc(w.late, func(late kinds.Ref) bool {
		switch late.Kind {
		case kinds.Role, kinds.Organization, kinds.ResourceType:
			return true
		}
		return slices.Contains(made, late)
	})
}

// isConfirmed says whether an object's status is about its present spec, has been confirmed by the store, and
// says the same as the state. A time that has come since makes no difference: the store knows it too.
func (w *World) isConfirmed(ref kinds.Ref, object v1alpha1.Object) bool {
	outcome, known := w.state.Outcome(ref)
	gone := !object.GetDeletionTimestamp().IsZero() && !outcome.Protected
	if gone {
		return !controllerutil.ContainsFinalizer(object, v1alpha1.Finalizer)
	}
	ready := meta.FindStatusCondition(object.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if !known || ready == nil || object.CommonStatus().ObservedGeneration != object.GetGeneration() || ready.Reason == v1alpha1.ReasonStoreUnavailable {
		return false
	}
	if len(w.unread) > 0 {
		return true // what the state says is not what the operator knows
	}
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		return outcome.Phase == v1alpha1.PhaseExpired || o.Status.InForce == outcome.InForce
	case *v1alpha1.GroupMembership:
		return outcome.Phase == v1alpha1.PhaseExpired || o.Status.InForce == outcome.InForce
	case *v1alpha1.PermissionGrant:
		return outcome.Phase == v1alpha1.PhaseExpired || slices.Equal(o.Status.Permissions, outcome.Permissions)
	case *v1alpha1.TemporaryPermissionGrant:
		return outcome.Phase == v1alpha1.PhaseExpired || slices.Equal(o.Status.Permissions, outcome.Permissions)
	case *v1alpha1.Invitation:
		return (o.Status.Phase == v1alpha1.InvitationAccepted) == (outcome.Invited.Phase == v1alpha1.InvitationAccepted)
	default:
		return true
	}
}

// links are how a user may be reached: by name, and as the member of groups and by invitations.
type links struct {
	user, email         string
	groups, invitations map[string]bool
}

// linksOf follows names only: whether a membership or an invitation holds is another matter.
func (w *World) linksOf(user string) links {
	found := links{user: user, groups: map[string]bool{}, invitations: map[string]bool{}}
	if object, ok := w.objects[w.ref(kinds.User, user)].(*v1alpha1.User); ok {
		found.email = object.Spec.Email
	}
	for _, object := range w.objects {
		switch o := object.(type) {
		case *v1alpha1.GroupMembership:
			if o.Spec.User == user {
				found.groups[o.Spec.Group] = true
			}
		case *v1alpha1.Invitation:
			if o.Spec.AcceptedBy == user || o.Spec.AcceptedBy == "" && policy.SameAddress(o.Spec.Email, found.email) {
				found.invitations[o.Name] = true
			}
		}
	}
	return found
}

// concerns says whether what a user holds may depend on an object.
func (l links) concerns(object v1alpha1.Object) bool {
	switch o := object.(type) {
	case *v1alpha1.User:
		return o.Name == l.user
	case *v1alpha1.Group:
		return l.groups[o.Name]
	case *v1alpha1.GroupMembership:
		return o.Spec.User == l.user
	case *v1alpha1.Invitation:
		return l.invitations[o.Name]
	case *v1alpha1.RoleAssignment:
		return o.Spec.Subject.User == l.user || l.groups[o.Spec.Subject.Group] || l.invitations[o.Spec.Subject.Invitation]
	case *v1alpha1.PermissionGrant:
		return o.Spec.Subject.User == l.user || l.groups[o.Spec.Subject.Group]
	case *v1alpha1.TemporaryPermissionGrant:
		return o.Spec.User == l.user
	case *v1alpha1.AccessPolicy, *v1alpha1.AccessRequest, *v1alpha1.AccessDecision:
		return false // see Matters
	default:
		return true // roles, and what everything depends on
	}
}
