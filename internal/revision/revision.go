// Package revision decides which revisions of a role there should be: what to make, what to remove, and
// when. It is pure; the controller of roles does what it says.
//
// A revision is a ControllerRevision owned by its Role, with the part of the spec that an edit of makes a
// new one. It is there to be read, and to go back to: what a role gives is its spec, never a revision.
package revision

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

const (
	// Kept is how long a revision stays after another has taken its place.
	Kept = 24 * time.Hour
	// MaxKept is how many stay, whatever their age: an edit in a loop must not fill the cluster.
	MaxKept = 100
)

// Plan is what to do about the revisions of a role, and what its status should then say.
type Plan struct {
	// Create and Update are the revision that is to be current, nil if it is that already.
	Create, Update *appsv1.ControllerRevision
	// Delete are revisions whose time has come.
	Delete []*appsv1.ControllerRevision
	// Current is the name of the current revision.
	Current string
	// Previous is the one before it, nil if there is none any more.
	Previous *v1alpha1.PreviousRevision
	// Next is when something is to be deleted, zero if nothing is.
	Next time.Time
}

// Writes says whether the plan needs anything to be written.
func (p *Plan) Writes() bool { return p.Create != nil || p.Update != nil || len(p.Delete) > 0 }

// For plans the revisions of a role, given those that there are. Ones that are not the role's own are left
// alone. The error means that the spec can't be encoded.
func For(role *v1alpha1.Role, existing []*appsv1.ControllerRevision, now time.Time) (Plan, error) {
	content, err := contentOf(&role.Spec)
	if err != nil {
		return Plan{}, err
	}
	name := nameOf(role, content)
	others := make([]*appsv1.ControllerRevision, 0, len(existing))
	var current *appsv1.ControllerRevision
	for _, one := range existing {
		switch {
		case !metav1.IsControlledBy(one, role):
		case one.Name == name:
			current = one
		default:
			others = append(others, one)
		}
	}
	slices.SortFunc(others, func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(cmp.Compare(b.Revision, a.Revision), strings.Compare(a.Name, b.Name))
	})

	plan := Plan{Current: name}
	newest := int64(0)
	if len(others) > 0 {
		newest = others[0].Revision
	}
	switch {
	case current == nil:
		current = made(role, name, content)
		plan.Create = current
	case current.Revision <= newest:
		current = current.DeepCopy()
		plan.Update = current
	}
	if plan.Create != nil || plan.Update != nil {
		current.Revision = newest + 1
		metav1.SetMetaDataAnnotation(&current.ObjectMeta, v1alpha1.AnnotationCurrentSince, now.UTC().Format(time.RFC3339Nano))
	}
	plan.retire(current, others, now)
	return plan, nil
}

// retire plans the end of revisions that are not current, which are given with the newest first. Each was
// current until the next newer one was; where that one became current again, it is known no more, and the
// one newer still counts: what is older than a revision that was gone back to may stay a little longer.
func (p *Plan) retire(current *appsv1.ControllerRevision, others []*appsv1.ControllerRevision, now time.Time) {
	until := since(current, now)
	for n, one := range others {
		goes := until.Add(Kept)
		until = since(one, now)
		if n >= MaxKept || !now.Before(goes) {
			p.Delete = append(p.Delete, one)
			continue
		}
		if p.Previous == nil {
			p.Previous = &v1alpha1.PreviousRevision{Name: one.Name, ExpiresAt: metav1.NewTime(goes.UTC().Truncate(time.Second))}
		}
		p.Next = goes // the oldest that stays goes first
	}
}

// since is when a revision became current.
func since(one *appsv1.ControllerRevision, now time.Time) time.Time {
	written, err := time.Parse(time.RFC3339Nano, one.Annotations[v1alpha1.AnnotationCurrentSince])
	if err != nil || written.After(now) {
		return one.CreationTimestamp.Time // somebody else's hand: what the API server knows is as good
	}
	return written
}

// made is a new revision.
func made(role *v1alpha1.Role, name string, content []byte) *appsv1.ControllerRevision {
	owner := metav1.NewControllerRef(role, v1alpha1.GroupVersion.WithKind("Role"))
	// No Role waits for its revisions to go; to have one wait is a right that some clusters ask for.
	owner.BlockOwnerDeletion = nil
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: role.Namespace, Name: name,
			Labels:          map[string]string{v1alpha1.LabelRole: role.Name},
			OwnerReferences: []metav1.OwnerReference{*owner},
		},
		Data: runtime.RawExtension{Raw: content},
	}
}

// nameOf is the same for the same content of the same role, so that going back finds the revision that was
// there. A role that is made anew begins anew.
func nameOf(role *v1alpha1.Role, content []byte) string {
	sum := sha256.Sum256(append([]byte(role.UID+"\n"), content...))
	return role.Name + "-" + hex.EncodeToString(sum[:5])
}

// contentOf is what a revision holds: a merge patch that brings a role back to it.
func contentOf(spec *v1alpha1.RoleSpec) ([]byte, error) {
	type content struct {
		FrontendView     *v1alpha1.FrontendView     `json:"frontendView"`
		Inherits         []string                   `json:"inherits"`
		PermissionGrants []v1alpha1.PermissionEntry `json:"permissionGrants"`
	}
	var view *v1alpha1.FrontendView // null takes it away
	if spec.FrontendView != "" {
		view = &spec.FrontendView
	}
	encoded, err := json.Marshal(map[string]content{"spec": {
		FrontendView: view,
		// Empty, and not null, which would be left out and change nothing.
		Inherits:         append([]string{}, spec.Inherits...),
		PermissionGrants: append([]v1alpha1.PermissionEntry{}, spec.PermissionGrants...),
	}})
	if err != nil {
		return nil, fmt.Errorf("encoding the role's content: %w", err)
	}
	return encoded, nil
}
