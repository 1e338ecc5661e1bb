package admission

import (
	"cmp"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// resource is how requests about one kind are judged.
type resource struct {
	kinds.Kind
	rules
}

// rules are what a kind has of its own.
type rules struct {
	// field is what a refusal is about where an object is created or deleted, the whole spec if it is empty; editable where
	// it is changed, if that is another one.
	field, editable string
	// deletionGives means that a deletion can give something to others.
	deletionGives bool
}

// rulesOf are those of the kinds that have any.
var rulesOf = map[string]rules{
	kinds.RoleAssignment:           {field: "spec.roleRef"},
	kinds.PermissionGrant:          {field: "spec.permissions"},
	kinds.TemporaryPermissionGrant: {field: "spec.permissionGrant"},
	kinds.Role:                     {deletionGives: true},
	kinds.User:                     {field: "metadata.name", editable: "spec", deletionGives: true},
	kinds.Group:                    {field: "metadata.name", editable: "spec.configurablePermissions"},
	kinds.GroupMembership:          {field: "spec.group", deletionGives: true},
	kinds.Invitation:               {field: "metadata.name", editable: "spec"},
}

// resources are all kinds, by their name in the API.
var resources = func() map[string]resource {
	all := map[string]resource{}
	for _, kind := range kinds.All {
		own := rulesOf[kind.Name]
		own.field = cmp.Or(own.field, "spec")
		all[kind.Resource()] = resource{kind, own}
	}
	return all
}()

func resourcesWith(property func(resource) bool) map[string]bool {
	with := map[string]bool{}
	for name, r := range resources {
		if property(r) {
			with[name] = true
		}
	}
	return with
}

// decode reads an object; nil where the request has none.
func (r resource) decode(raw runtime.RawExtension, namespace string) (client.Object, error) {
	if len(raw.Raw) == 0 {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	object := r.New()
	if err := json.Unmarshal(raw.Raw, object); err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	object.SetNamespace(namespace)
	return object, nil
}

func (r resource) sameSpec(a, b client.Object) bool {
	return v1alpha1.SameDeclared(a.(v1alpha1.Object), b.(v1alpha1.Object))
}
