// Package policy holds the rules of the domain, as pure functions: which permissions there are, what a
// condition means, what a role gives, which of two claims holds. There is no client and no store in
// it, so controllers, admission and decisions all ask the same code.
package policy

import (
	"cmp"
	"maps"
	"strings"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Permission is what the catalogue knows of a permission.
type Permission struct {
	// Type is the resource type whose objects it is about.
	Type string
	// Attributes are the types of the attributes that conditions may test.
	Attributes map[string]v1alpha1.AttributeType
}

// Catalogue finds a permission by its name. A permission that is claimed twice is that of the older
// claim.
type Catalogue interface {
	Permission(name string) (Permission, bool)
}

// CompareAge orders objects by age, the oldest first: by creation time, then by namespace and name.
// Where two objects claim the same thing, the first in this order holds it.
func CompareAge(a, b v1alpha1.Object) int {
	return cmp.Or(
		a.GetCreationTimestamp().Time.Compare(b.GetCreationTimestamp().Time),
		strings.Compare(a.GetNamespace(), b.GetNamespace()),
		strings.Compare(a.GetName(), b.GetName()),
	)
}

// Equal says whether two entries of the catalogue mean the same.
func (p Permission) Equal(other Permission) bool {
	return p.Type == other.Type && maps.Equal(p.Attributes, other.Attributes)
}
