package state

import (
	"fmt"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// keepers are those of all kinds: see the test that holds them against kinds.All.
var keepers = map[string]keeper{
	kinds.ResourceType:             resourceTypeKeeper{},
	kinds.Organization:             organizationKeeper{},
	kinds.User:                     userKeeper{},
	kinds.Group:                    groupKeeper{},
	kinds.Invitation:               invitationKeeper{},
	kinds.GroupMembership:          membershipKeeper{},
	kinds.Role:                     roleKeeper{},
	kinds.AccessPolicy:             accessPolicyKeeper{},
	kinds.AccessRequest:            accessRequestKeeper{},
	kinds.AccessDecision:           accessDecisionKeeper{},
	kinds.RoleAssignment:           assignmentKeeper{},
	kinds.PermissionGrant:          grantKeeper{kind: kinds.PermissionGrant},
	kinds.TemporaryPermissionGrant: grantKeeper{kind: kinds.TemporaryPermissionGrant},
}

// keeperOf is that of a kind of our own.
func keeperOf(kind string) keeper {
	k, known := keepers[kind]
	if !known {
		panic(fmt.Sprintf("state: nothing keeps a %s", kind)) // a mistake in the program, not in its input
	}
	return k
}
