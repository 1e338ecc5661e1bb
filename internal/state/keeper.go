package state

import (
	"fmt"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
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

// find is the node of an object, nil where there is none.
func (t *tenant) find(ref kinds.Ref) node {
	if ref.Kind == kinds.Namespace {
		return nil
	}
	return keeperOf(ref.Kind).find(t, ref)
}

// effective is an object as the state has it, with its spec and no more of its metadata than the state keeps; nil where there
// is none.
func (t *tenant) effective(ref kinds.Ref) v1alpha1.Object {
	if found := t.find(ref); found != nil {
		return found.effective()
	}
	return nil
}

// effectiveNamed is a copy of an object as the state has it, with the name that the state does not keep in all of them.
func (t *tenant) effectiveNamed(ref kinds.Ref) v1alpha1.Object {
	object := t.effective(ref)
	if object == nil {
		return nil
	}
	named := object.DeepCopyObject().(v1alpha1.Object)
	named.SetNamespace(ref.Namespace)
	named.SetName(ref.Name)
	return named
}
