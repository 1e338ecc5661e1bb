package state

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Privileges are all that a user holds for good.
func (s *State) Privileges(user types.NamespacedName) []Privilege {
	return slices.Collect(s.tenant(user.Namespace).privileges(user))
}
