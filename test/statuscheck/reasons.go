package statuscheck

import (
	"slices"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Reasons are all reasons of the API.
func Reasons() []string { return slices.Clone(reasons) }

// mayHoldWhileNotReady are the reasons with which an object that is not ready can give something:
// because some of it is valid, or because what it gave before is still there.
var mayHoldWhileNotReady = []string{
	v1alpha1.ReasonPermissionsInvalid,
	v1alpha1.ReasonConditionTooExpensive,
	v1alpha1.ReasonContextTooLarge,
	v1alpha1.ReasonStoreUnavailable,
	v1alpha1.ReasonRevocationProtected,
	v1alpha1.ReasonPaused,
	v1alpha1.ReasonOrganizationPaused,
}
