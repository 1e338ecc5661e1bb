package state

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Evaluated is how often objects of an organization have been evaluated.
func (s *State) Evaluated(organization string) int64 { return s.tenant(organization).evaluated.Load() }

// Compared is how many pairs of privileges have been compared for an organization's writes.
func (s *State) Compared(organization string) int64 { return s.tenant(organization).compared.Load() }

// Privileges are all that a user holds for good.
func (s *State) Privileges(user types.NamespacedName) []Privilege {
	return slices.Collect(s.tenant(user.Namespace).privileges(user))
}
