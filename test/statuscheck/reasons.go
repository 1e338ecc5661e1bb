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

// A test compares them with the source of the API.
var reasons = []string{
	v1alpha1.ReasonInForce,
	v1alpha1.ReasonValid,
	v1alpha1.ReasonOrganizationNotFound,
	v1alpha1.ReasonNamespaceNotFound,
	v1alpha1.ReasonScopeNotFound,
	v1alpha1.ReasonResourceTypeNotFound,
	v1alpha1.ReasonRoleNotFound,
	v1alpha1.ReasonRoleInvalid,
	v1alpha1.ReasonRoleEmpty,
	v1alpha1.ReasonRoleTooLarge,
	v1alpha1.ReasonInheritanceCycle,
	v1alpha1.ReasonBaseRoleInherits,
	v1alpha1.ReasonScopeLevelNotAllowed,
	v1alpha1.ReasonUserNotFound,
	v1alpha1.ReasonUserInvalid,
	v1alpha1.ReasonUserSuspended,
	v1alpha1.ReasonGroupNotFound,
	v1alpha1.ReasonInvitationNotFound,
	v1alpha1.ReasonInvitationPending,
	v1alpha1.ReasonInvitationExpired,
	v1alpha1.ReasonAccepted,
	v1alpha1.ReasonDuplicate,
	v1alpha1.ReasonDisabled,
	v1alpha1.ReasonOwnerNotFound,
	v1alpha1.ReasonAdminRoleNotFound,
	v1alpha1.ReasonNotAdministered,
	v1alpha1.ReasonNotHeld,
	v1alpha1.ReasonNameNotConfirmed,
	v1alpha1.ReasonSuspended,
	v1alpha1.ReasonPermissionsInvalid,
	v1alpha1.ReasonPermissionNotFound,
	v1alpha1.ReasonAttributeNotFound,
	v1alpha1.ReasonValueInvalid,
	v1alpha1.ReasonConditionTooExpensive,
	v1alpha1.ReasonPermissionOfOtherType,
	v1alpha1.ReasonContextTooLarge,
	v1alpha1.ReasonGranted,
	v1alpha1.ReasonPending,
	v1alpha1.ReasonDurationInvalid,
	v1alpha1.ReasonExpired,
	v1alpha1.ReasonTypeTaken,
	v1alpha1.ReasonPermissionTaken,
	v1alpha1.ReasonSubjectTaken,
	v1alpha1.ReasonBeingDeleted,
	v1alpha1.ReasonStoreUnavailable,
	v1alpha1.ReasonRevocationProtected,
	v1alpha1.ReasonNobodyDecides,
	v1alpha1.ReasonNotAllowed,
	v1alpha1.ReasonWaitsForDecision,
	v1alpha1.ReasonApproved,
	v1alpha1.ReasonInstallationWeakened,
	v1alpha1.ReasonGrantNotInForce,
	v1alpha1.ReasonDenied,
	v1alpha1.ReasonNotDecided,
	v1alpha1.ReasonWithdrawn,
	v1alpha1.ReasonGrantDeleted,
	v1alpha1.ReasonAskedTwice,
	v1alpha1.ReasonRequestNotInForce,
	v1alpha1.ReasonCounts,
	v1alpha1.ReasonRequestNotFound,
	v1alpha1.ReasonNotADecider,
	v1alpha1.ReasonOwnRequest,
	v1alpha1.ReasonDecidedTwice,
	v1alpha1.ReasonNotInTime,
	v1alpha1.ReasonPaused,
	v1alpha1.ReasonOrganizationPaused,
}
