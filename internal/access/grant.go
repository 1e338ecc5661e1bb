package access

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// uidDigits is how much of a request's UID is part of the name of what is made for it: nobody knows it before the request
// is there, so that nobody can take the name in advance.
const uidDigits = 8

// GrantName is the name of what is made for a request.
func GrantName(request types.NamespacedName, uid types.UID) string {
	return fmt.Sprintf("%s-%s", request.Name, uid[:min(uidDigits, len(uid))])
}

// Grant is what an approved request gives to a user from an instant on: a RoleAssignment or a TemporaryPermissionGrant,
// owned by the request.
func Grant(request *v1alpha1.AccessRequest, user string, from time.Time) (client.Object, error) {
	length, err := policy.ParseDuration(request.Spec.Duration)
	if err != nil {
		return nil, fmt.Errorf("spec.duration: %w", err)
	}
	from = from.UTC().Truncate(time.Second)
	starts, ends := &metav1.Time{Time: from}, &metav1.Time{Time: from.Add(length)}
	of := &v1alpha1.AccessRequestReference{Name: request.Name, UID: request.UID}
	meta := metav1.ObjectMeta{
		Namespace: request.Namespace, Name: GrantName(client.ObjectKeyFromObject(request), request.UID), Finalizers: []string{v1alpha1.Finalizer},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(request, v1alpha1.GroupVersion.WithKind("AccessRequest"))},
	}
	if request.Spec.RoleRef != nil {
		return &v1alpha1.RoleAssignment{ObjectMeta: meta, Spec: v1alpha1.RoleAssignmentSpec{
			RoleRef: *request.Spec.RoleRef, Subject: v1alpha1.AssignmentSubject{User: user}, Scope: request.Spec.Scope,
			Window: v1alpha1.Window{StartsAt: starts, ExpiresAt: ends}, AccessRequest: of,
		}}, nil
	}
	if request.Spec.PermissionGrant == nil {
		return nil, fmt.Errorf("spec: set exactly one of roleRef and permissionGrant")
	}
	return &v1alpha1.TemporaryPermissionGrant{ObjectMeta: meta, Spec: v1alpha1.TemporaryPermissionGrantSpec{
		User: user, PermissionGrant: *request.Spec.PermissionGrant, Scope: request.Spec.Scope, StartsAt: starts, ExpiresAt: ends,
		Justification: request.Spec.Justification, Tags: request.Spec.Tags, AccessRequest: of,
	}}, nil
}

// IsGrant says whether an object is what a request gives to a user, and no longer than it says, and when it does.
func IsGrant(request *v1alpha1.AccessRequest, user string, object client.Object) (Window, bool) {
	var starts, ends *metav1.Time
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		starts, ends = o.Spec.StartsAt, o.Spec.ExpiresAt
	case *v1alpha1.TemporaryPermissionGrant:
		starts, ends = o.Spec.StartsAt, o.Spec.ExpiresAt
	}
	if starts == nil || ends == nil {
		return Window{}, false
	}
	whole, err := Grant(request, user, starts.Time)
	if err != nil || whole.GetName() != object.GetName() {
		return Window{}, false
	}
	same := false
	switch is := object.(type) { // it may have been shortened
	case *v1alpha1.RoleAssignment:
		should, ok := whole.(*v1alpha1.RoleAssignment)
		if ok && !ends.After(should.Spec.ExpiresAt.Time) {
			should.Spec.ExpiresAt = ends
			same = equality.Semantic.DeepEqual(should.Spec, is.Spec)
		}
	case *v1alpha1.TemporaryPermissionGrant:
		should, ok := whole.(*v1alpha1.TemporaryPermissionGrant)
		if ok && !ends.After(should.Spec.ExpiresAt.Time) {
			should.Spec.ExpiresAt = ends
			same = equality.Semantic.DeepEqual(should.Spec, is.Spec)
		}
	}
	return Window{From: starts.Time, Until: ends.Time}, same
}
