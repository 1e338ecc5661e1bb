package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Ending is an object that ends by itself.
type Ending struct {
	Object
	// For is who it is for, and What what they have by it, in words.
	For, What string
	// Starts is when it begins, Ends when it ends.
	Starts, Ends time.Time
}

// EndingOf says when an object ends by itself; false for one that does not: an invitation that has been accepted.
func EndingOf(object v1alpha1.Object) (Ending, bool) {
	ref := kinds.RefOf(object)
	ending := Ending{Object: Object{Kind: ref.Kind, Name: ref.Name}, Starts: object.GetCreationTimestamp().Time}
	var starts, ends *metav1.Time
	if window, status := v1alpha1.WindowOf(object); window != nil {
		starts, ends = window.StartsAt, status.ExpiresAt
	}
	switch o := object.(type) {
	case *v1alpha1.TemporaryPermissionGrant:
		starts, ends = o.Status.StartsAt, o.Status.ExpiresAt
		ending.For, ending.What = o.Spec.User, fmt.Sprintf("%s at %s", o.Spec.PermissionGrant.Permission, state.PathOf(o.Namespace, &o.Spec.Scope))
	case *v1alpha1.RoleAssignment:
		ending.For, ending.What = o.Status.Subject, fmt.Sprintf("%s at %s", o.Spec.RoleRef.Name, o.Status.Scope)
	case *v1alpha1.PermissionGrant:
		ending.For, ending.What = o.Status.Subject, fmt.Sprintf("%s at %s", entriesText(o.Spec.Permissions), o.Status.Scope)
	case *v1alpha1.GroupMembership:
		ending.For, ending.What = o.Spec.User, fmt.Sprintf("%s of %s", o.Spec.Role, o.Spec.Group)
	case *v1alpha1.Invitation:
		if o.Status.Phase != v1alpha1.InvitationAccepted {
			ends = o.Status.ExpiresAt
		}
		ending.For, ending.What = o.Spec.Email, "can be accepted"
	}
	if starts != nil {
		ending.Starts = starts.Time
	}
	if ends == nil {
		return Ending{}, false
	}
	ending.Ends = ends.Time
	return ending, true
}

// entriesText is the permission of a grant, or how many more there are.
func entriesText(entries []v1alpha1.PermissionEntry) string {
	if more := len(entries) - 1; more > 0 {
		return fmt.Sprintf("%s and %d more", entries[0].Permission, more)
	}
	return entries[0].Permission
}

// Endings are all objects that end by themselves, those that have included, the first to end first.
func (w *World) Endings() (endings []Ending) {
	for _, object := range w.objects {
		if ending, ends := EndingOf(object); ends {
			endings = append(endings, ending)
		}
	}
	slices.SortFunc(endings, func(a, b Ending) int {
		return cmp.Or(a.Ends.Compare(b.Ends), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return endings
}

// Problem is an object that is not ready.
type Problem struct {
	Object
	Reason, Message string
	Since           time.Time
	// Orphan means that it names something that is not there.
	Orphan bool
}

// ProblemOf says what the operator has found wrong with an object; false where that is nothing, or not known yet.
func ProblemOf(object v1alpha1.Object) (Problem, bool) {
	ready := meta.FindStatusCondition(object.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse {
		return Problem{}, false
	}
	ref := kinds.RefOf(object)
	return Problem{
		Object: Object{Kind: ref.Kind, Name: ref.Name}, Reason: ready.Reason, Message: ready.Message, Since: ready.LastTransitionTime.Time,
		Orphan: strings.HasSuffix(ready.Reason, "NotFound"),
	}, true
}

// Problems are all objects that are not ready, those first that have been so for longest.
func (w *World) Problems() (problems []Problem) {
	for _, object := range w.objects {
		if problem, wrong := ProblemOf(object); wrong {
			problems = append(problems, problem)
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return problems
}
