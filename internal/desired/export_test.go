package desired

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Powers are all that a user holds for good.
func (s *State) Powers(user types.NamespacedName) []Power {
	return slices.Collect(s.tenant(user.Namespace).powers(user))
}
