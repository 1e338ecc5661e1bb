package admission

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// resource is how requests about one kind are judged.
type resource struct {
	// verb is what whoever does not hold what an object gives needs instead, by Kubernetes' own rules.
	verb string
	// field is what a refusal is about where an object is created or deleted, editable where it is
	// changed, if that is another one.
	field, editable string
	empty           func() client.Object
	spec            func(client.Object) any
	// deletionGives means that a deletion can give something to others.
	deletionGives bool
}

const (
	verbBind     = "bind"
	verbEscalate = "escalate"
)

// resources are those that give something, or that others need, by their name in the API.
var resources = map[string]resource{
	"roleassignments": {
		verb: verbBind, field: "spec.roleRef",
		empty: func() client.Object { return &v1alpha1.RoleAssignment{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.RoleAssignment).Spec },
	},
	"permissiongrants": {
		verb: verbEscalate, field: "spec.permissions",
		empty: func() client.Object { return &v1alpha1.PermissionGrant{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.PermissionGrant).Spec },
	},
	"temporarypermissiongrants": {
		verb: verbEscalate, field: "spec.permissionGrant",
		empty: func() client.Object { return &v1alpha1.TemporaryPermissionGrant{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.TemporaryPermissionGrant).Spec },
	},
	"roles": {
		verb: verbEscalate, field: "spec", deletionGives: true,
		empty: func() client.Object { return &v1alpha1.Role{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.Role).Spec },
	},
	"organizations": {
		verb: verbEscalate, field: "spec",
		empty: func() client.Object { return &v1alpha1.Organization{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.Organization).Spec },
	},
	"users": {
		verb: verbBind, field: "metadata.name", editable: "spec", deletionGives: true,
		empty: func() client.Object { return &v1alpha1.User{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.User).Spec },
	},
	"groups": {
		verb: verbBind, field: "metadata.name", editable: "spec.configurablePermissions",
		empty: func() client.Object { return &v1alpha1.Group{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.Group).Spec },
	},
	"groupmemberships": {
		verb: verbBind, field: "spec.group", deletionGives: true,
		empty: func() client.Object { return &v1alpha1.GroupMembership{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.GroupMembership).Spec },
	},
	invitations: {
		verb: verbBind, field: "metadata.name", editable: "spec",
		empty: func() client.Object { return &v1alpha1.Invitation{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.Invitation).Spec },
	},
	accessPolicies: {
		verb: verbEscalate, field: "spec",
		empty: func() client.Object { return &v1alpha1.AccessPolicy{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.AccessPolicy).Spec },
	},
	accessRequests: {
		empty: func() client.Object { return &v1alpha1.AccessRequest{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.AccessRequest).Spec },
	},
	accessDecisions: {
		empty: func() client.Object { return &v1alpha1.AccessDecision{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.AccessDecision).Spec },
	},
	"resourcetypes": {
		empty: func() client.Object { return &v1alpha1.ResourceType{} },
		spec:  func(o client.Object) any { return o.(*v1alpha1.ResourceType).Spec },
	},
}

// decode reads an object; nil where the request has none.
func (r resource) decode(raw runtime.RawExtension, namespace string) (client.Object, error) {
	if len(raw.Raw) == 0 {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	object := r.empty()
	if err := json.Unmarshal(raw.Raw, object); err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	object.SetNamespace(namespace)
	return object, nil
}

func (r resource) sameSpec(a, b client.Object) bool {
	return equality.Semantic.DeepEqual(r.spec(a), r.spec(b))
}
