package admission

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// every stands for each element of a list, or each value of a map.
const every = "*"

var (
	scopeNulls  = []string{"scope", "scope.workspace", "scope.project", "scope.resource", "scope.resource.id"}
	windowNulls = []string{"startsAt", "expiresAt"}
)

// refusedNulls are the fields in which the schema refuses a null, by resource, since leaving them out gives more. Conditions
// are more: the API server drops a null for one of several before it validates.
var refusedNulls = map[string][]string{
	"accesspolicies": {
		"approvals", "requiredTags", "permissions.*.conditions", "permissions.*.conditions.*",
		"scopes.*.workspace", "scopes.*.project", "scopes.*.resource", "scopes.*.resource.id",
	},
	"accessrequests":            append([]string{"permissionGrant.conditions", "permissionGrant.conditions.*"}, scopeNulls...),
	"groupmemberships":          windowNulls,
	"organizations":             {"temporaryGrants", "temporaryGrants.maxDuration"},
	"permissiongrants":          slices.Concat([]string{"permissions.*.conditions", "permissions.*.conditions.*"}, scopeNulls, windowNulls),
	"roleassignments":           slices.Concat(scopeNulls, windowNulls),
	"roles":                     {"assignableAt", "permissionGrants.*.conditions", "permissionGrants.*.conditions.*"},
	"temporarypermissiongrants": append([]string{"permissionGrant.conditions", "permissionGrant.conditions.*", "startsAt"}, scopeNulls...),
	"users":                     {"suspended"},
}

// judgeNulls refuses what a template has left empty. The schema refuses a null where leaving the field out gives more, but
// client-side kubectl apply, and Argo CD with it, sends the object without its nulls. They still stand in the annotation that
// says what was applied.
func judgeNulls(request *admission.Request, old, object client.Object) *refused {
	applied := lastApplied(object)
	if applied == "" || applied == lastApplied(old) {
		return nil
	}
	var written, sent struct {
		Spec any `json:"spec"`
	}
	if json.Unmarshal([]byte(applied), &written) != nil || json.Unmarshal(request.Object.Raw, &sent) != nil {
		return nil // whoever wrote the annotation was not kubectl
	}
	var found []string
	for _, path := range refusedNulls[request.Resource.Resource] {
		found = append(found, nullsAt("spec", strings.Split(path, "."), written.Spec, sent.Spec)...)
	}
	if len(found) == 0 {
		return nil
	}
	slices.Sort(found)
	why := fmt.Sprintf("%s: null in the manifest, which kubectl apply drops, and without the field this gives more: write a value, or remove the field from the manifest", strings.Join(found, ", "))
	if request.Operation == admissionv1.Create {
		why += fmt.Sprintf("; if you restore a backup, take its annotation %s off", corev1.LastAppliedConfigAnnotation)
	}
	return &refused{"Null", why, http.StatusForbidden}
}

// warnWider says what a field gives that an edit takes away: in a merge patch, as of kubectl patch and helm upgrade, that is
// what a null means, so nothing can be refused.
func warnWider(old, object client.Object) (warnings []string) {
	var before, after scope.Path
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		if was, ok := old.(*v1alpha1.RoleAssignment); ok {
			before, after = state.PathOf(o.Namespace, &was.Spec.Scope), state.PathOf(o.Namespace, &o.Spec.Scope)
		}
	case *v1alpha1.PermissionGrant:
		if was, ok := old.(*v1alpha1.PermissionGrant); ok {
			before, after = state.PathOf(o.Namespace, &was.Spec.Scope), state.PathOf(o.Namespace, &o.Spec.Scope)
		}
	case *v1alpha1.GroupMembership:
	default:
		return nil
	}
	if before != after && after.Covers(before) {
		warnings = append(warnings, fmt.Sprintf("spec.scope: from now on this is for all of %s, and no longer for %s alone", after, before))
	}
	if expiresAt(old) != nil && expiresAt(object) == nil {
		warnings = append(warnings, "spec.expiresAt: this has no end any more")
	}
	return warnings
}

// nullsAt are the fields at a path that are null as written, and not there as sent.
func nullsAt(field string, path []string, written, sent any) (found []string) {
	if len(path) == 0 {
		if written == nil && sent == nil {
			return []string{field}
		}
		return nil
	}
	switch w := written.(type) {
	case map[string]any:
		s, _ := sent.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(w)) {
			switch path[0] {
			case every:
				found = append(found, nullsAt(fmt.Sprintf("%s[%s]", field, name), path[1:], w[name], s[name])...)
			case name:
				found = append(found, nullsAt(field+"."+name, path[1:], w[name], s[name])...)
			}
		}
	case []any:
		s, _ := sent.([]any)
		for n, element := range w {
			var there any
			if n < len(s) {
				there = s[n]
			}
			if path[0] == every {
				found = append(found, nullsAt(fmt.Sprintf("%s[%d]", field, n), path[1:], element, there)...)
			}
		}
	}
	return found
}

// lastApplied is what kubectl apply says that it applied, empty if it did not, or there is no object.
func lastApplied(object client.Object) string {
	if object == nil {
		return ""
	}
	return object.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
}
