package state_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// wanted is what a list of objects gives, worked out from all of them at once and as plainly as can be:
// no index, no memory, every reference looked up in the list.
type wanted struct {
	objects []client.Object
	now     time.Time
	limits  state.Limits

	verdicts map[kinds.Ref]verdict
	// tuples are what each object wants, contexts what the cells hold, referrers who has to do with them.
	tuples map[kinds.Ref][]store.Key
	// shares are when each object says that somebody has a role, or is in a group.
	shares    map[tuples.Cell][]policy.Window
	contexts  map[tuples.Cell][]*structpb.Struct
	referrers map[tuples.Cell][]kinds.Ref
	// configurable are the permissions that a group's admin has.
	configurable map[tuples.Cell][]policy.Grant
	// admitted are the windows of older memberships of a user in a group.
	admitted map[string]*members
}

type verdict struct {
	reason         string
	ready, inForce bool
}

func want(objects []client.Object, now time.Time, limits state.Limits) *wanted {
	w := &wanted{
		objects: slices.SortedFunc(slices.Values(objects), older), now: now, limits: limits,
		verdicts: map[kinds.Ref]verdict{}, tuples: map[kinds.Ref][]store.Key{},
		shares: map[tuples.Cell][]policy.Window{}, admitted: map[string]*members{}, configurable: map[tuples.Cell][]policy.Grant{},
		contexts: map[tuples.Cell][]*structpb.Struct{}, referrers: map[tuples.Cell][]kinds.Ref{},
	}
	for _, object := range w.objects {
		ref := kinds.RefOf(object)
		switch o := object.(type) {
		case *v1alpha1.ResourceType:
			w.verdicts[ref] = w.resourceType(o)
		case *v1alpha1.Organization:
			w.organization(ref, o)
		case *v1alpha1.User:
			w.verdicts[ref] = w.user(o)
		case *v1alpha1.Group:
			w.verdicts[ref] = ready(cmp.Or(w.ungoverned(o.Namespace), v1alpha1.ReasonValid))
		case *v1alpha1.Role:
			_, reason := w.role(o)
			w.verdicts[ref] = ready(reason)
		case *v1alpha1.RoleAssignment:
			w.assignment(ref, o)
		case *v1alpha1.GroupMembership:
			w.membership(ref, o)
		case *v1alpha1.Invitation:
			w.verdicts[ref] = ready(w.invitation(o))
		}
	}
	w.grants()
	for _, object := range w.objects {
		if o, ok := object.(*v1alpha1.Organization); ok && w.ungoverned(o.Name) == "" {
			w.verdicts[kinds.RefOf(o)] = w.administration(o) // by what is in force
		}
	}
	for cell, windows := range w.shares {
		w.contexts[cell] = tuples.During(policy.MergeWindows(windows))
	}
	return w
}

// share is what an object says of a cell that others may say something of, too.
func (w *wanted) share(cell tuples.Cell, window policy.Window, by kinds.Ref) {
	w.shares[cell] = append(w.shares[cell], window)
	w.referrers[cell] = append(w.referrers[cell], by)
}

// windowOf is when an object holds, and whether that is over.
func (w *wanted) windowOf(written v1alpha1.Window) (window policy.Window, over bool) {
	if written.StartsAt != nil {
		window.From = written.StartsAt.Time
	}
	if written.ExpiresAt != nil {
		window.Until = written.ExpiresAt.Time
	}
	return window, !window.Until.IsZero() && !w.now.Before(window.Until)
}

// in is the verdict of a window on an object that is valid.
func (w *wanted) in(window policy.Window) verdict {
	if w.now.Before(window.From) {
		return verdict{reason: v1alpha1.ReasonPending, ready: true}
	}
	return verdict{reason: v1alpha1.ReasonInForce, ready: true, inForce: true}
}

// admitWindow adds a window to those of older objects that say the same, or says why there is no room.
func (w *wanted) admitWindow(to *[]policy.Window, window policy.Window) string {
	with := policy.MergeWindows(append(slices.Clone(*to), window))
	if len(with) > 1 && 16+14*len(with) > w.limits.ConditionCost {
		return v1alpha1.ReasonConditionTooExpensive
	}
	*to = with
	return ""
}

func older(a, b client.Object) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		strings.Compare(a.GetNamespace(), b.GetNamespace()),
		strings.Compare(a.GetName(), b.GetName()),
		strings.Compare(kinds.RefOf(a).Kind, kinds.RefOf(b).Kind),
	)
}

// ready is the verdict of a reason for objects that give nothing by themselves.
func ready(reason string) verdict {
	return verdict{reason: reason, ready: slices.Contains([]string{
		v1alpha1.ReasonValid, v1alpha1.ReasonSuspended, v1alpha1.ReasonUserSuspended, v1alpha1.ReasonRoleEmpty, v1alpha1.ReasonExpired,
		v1alpha1.ReasonInvitationPending, v1alpha1.ReasonInvitationExpired, v1alpha1.ReasonAccepted,
	}, reason)}
}

// find is the object of a name, nil if there is none.
func find[T client.Object](w *wanted, namespace, name string) (found T) {
	for _, object := range w.objects {
		if o, ok := object.(T); ok && o.GetNamespace() == namespace && o.GetName() == name {
			return o
		}
	}
	return found
}

// Permission implements policy.Catalogue: the oldest ResourceType holds its type, and of those that hold
// theirs the oldest holds a permission.
func (w *wanted) Permission(name string) (policy.Permission, bool) {
	for _, object := range w.objects {
		o, ok := object.(*v1alpha1.ResourceType)
		if !ok || w.holderOf(o.Spec.Type) != o {
			continue
		}
		for _, permission := range o.Spec.Permissions {
			if permission.Name == name {
				attributes := map[string]v1alpha1.AttributeType{}
				for _, attribute := range permission.Attributes {
					attributes[attribute.Name] = attribute.Type
				}
				return policy.Permission{Type: o.Spec.Type, Attributes: attributes}, true
			}
		}
	}
	return policy.Permission{}, false
}

func (w *wanted) holderOf(kind string) *v1alpha1.ResourceType {
	for _, object := range w.objects {
		if o, ok := object.(*v1alpha1.ResourceType); ok && o.Spec.Type == kind {
			return o
		}
	}
	return nil
}

func (w *wanted) resourceType(o *v1alpha1.ResourceType) verdict {
	if w.holderOf(o.Spec.Type) != o {
		return ready(v1alpha1.ReasonTypeTaken)
	}
	for _, permission := range o.Spec.Permissions {
		if held, _ := w.Permission(permission.Name); held.Type != o.Spec.Type {
			return ready(v1alpha1.ReasonPermissionTaken)
		}
	}
	return ready(v1alpha1.ReasonValid)
}

// ungoverned is why nothing in a namespace counts, empty when an Organization is in effect.
func (w *wanted) ungoverned(namespace string) string {
	if find[*v1alpha1.Organization](w, "", namespace) == nil || find[*metav1.PartialObjectMetadata](w, "", namespace) == nil {
		return v1alpha1.ReasonOrganizationNotFound
	}
	return ""
}

func (w *wanted) organization(ref kinds.Ref, o *v1alpha1.Organization) {
	if w.ungoverned(o.Name) != "" {
		w.verdicts[ref] = ready(v1alpha1.ReasonNamespaceNotFound)
		return
	}
	for _, workspace := range o.Spec.Workspaces {
		path := scope.Path{Organization: o.Name, Workspace: workspace.Name}
		w.tuples[ref] = append(w.tuples[ref], parent(path))
		for _, project := range workspace.Projects {
			path.Project = project.Name
			w.tuples[ref] = append(w.tuples[ref], parent(path))
		}
	}
}

// administration is the verdict on an organization in effect.
func (w *wanted) administration(o *v1alpha1.Organization) verdict {
	for _, owner := range o.Spec.Owners {
		if find[*v1alpha1.User](w, o.Name, owner) == nil {
			return ready(v1alpha1.ReasonOwnerNotFound)
		}
	}
	if find[*v1alpha1.Role](w, o.Name, o.Spec.AdminRole) == nil {
		return ready(v1alpha1.ReasonAdminRoleNotFound)
	}
	for _, object := range w.objects {
		if assigned, ok := object.(*v1alpha1.RoleAssignment); ok && assigned.Namespace == o.Name && w.administers(o, assigned) {
			return ready(v1alpha1.ReasonValid)
		}
	}
	return ready(v1alpha1.ReasonNotAdministered)
}

// administers says whether an owner has the admin role at the organization, in force and for good, by an assignment.
func (w *wanted) administers(o *v1alpha1.Organization, assigned *v1alpha1.RoleAssignment) bool {
	if !w.verdicts[kinds.RefOf(assigned)].inForce || assigned.Spec.ExpiresAt != nil || assigned.Spec.RoleRef.Name != o.Spec.AdminRole || assigned.Spec.Scope != (v1alpha1.Scope{}) {
		return false
	}
	subject := assigned.Spec.Subject
	if subject.Group == "" {
		user := subject.User
		if subject.Invitation != "" {
			user = find[*v1alpha1.Invitation](w, o.Name, subject.Invitation).Spec.AcceptedBy
		}
		return slices.Contains(o.Spec.Owners, user)
	}
	return slices.ContainsFunc(w.objects, func(object client.Object) bool {
		membership, ok := object.(*v1alpha1.GroupMembership)
		return ok && w.verdicts[kinds.RefOf(membership)].inForce && membership.Spec.ExpiresAt == nil && membership.Namespace == o.Name &&
			membership.Spec.Group == subject.Group && slices.Contains(o.Spec.Owners, membership.Spec.User)
	})
}

func parent(path scope.Path) store.Key {
	above, _ := path.Parent()
	return store.Key{Object: objectid.Scope(path), Relation: "parent", User: objectid.Scope(above)}
}

func (w *wanted) user(o *v1alpha1.User) verdict {
	if reason := w.ungoverned(o.Namespace); reason != "" {
		return ready(reason)
	}
	for _, object := range w.objects { // the oldest comes first
		if other, ok := object.(*v1alpha1.User); ok && other.Namespace == o.Namespace && other.Spec.Subject == o.Spec.Subject {
			if other != o {
				return ready(v1alpha1.ReasonSubjectTaken)
			}
			break
		}
	}
	if o.Spec.Suspended {
		return ready(v1alpha1.ReasonSuspended)
	}
	return ready(v1alpha1.ReasonValid)
}

// of are the grants of a permission.
func of(permission string, grants []policy.Grant) (same []policy.Grant) {
	for _, grant := range grants {
		if grant.Permission == permission {
			same = append(same, grant)
		}
	}
	return same
}
