package state

import (
	"fmt"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Privilege is what someone can hold and, by writing an object, give: a permission at a path, one of a group's
// configurable permissions, or the right to say who is in a group.
type Privilege struct {
	// Grant is the permission. Its name is empty for the right to say who is in a group.
	Grant policy.Grant
	// At is the path where it is held, and the organization of the group.
	At scope.Path
	// Group is the name of the group on which it is held, empty where it is held at a path. The right to
	// say who is in a group is held on one group by its admins and, where this is empty, on all groups of
	// the organization by those who administer it.
	Group string
}

// manages is the right to say who is in a group, or with an empty name in any.
func manages(organization, group string) Privilege {
	return Privilege{At: scope.Path{Organization: organization}, Group: group}
}

// configures is a configurable permission of a group.
func configures(organization, group, permission string) Privilege {
	return Privilege{At: scope.Path{Organization: organization}, Group: group, Grant: policy.Grant{Permission: permission}}
}

func (p Privilege) isManagement() bool { return p.Grant.Permission == "" }

// Covers says whether whoever holds this has all of another one. Those who administer the organization
// have all that there is on its groups.
func (p Privilege) Covers(other Privilege) bool {
	if p.isManagement() && p.Group == "" {
		return p.At == other.At && (other.Group != "" || other.isManagement()) && p.Grant.Window.Covers(other.Grant.Window)
	}
	return p.Group == other.Group && p.isManagement() == other.isManagement() &&
		p.At.Covers(other.At) && p.Grant.Covers(other.Grant)
}

// String is for people.
func (p Privilege) String() string {
	switch {
	case p.isManagement() && p.Group == "":
		return fmt.Sprintf("the adminRole of the Organization %s, at the organization", p.At)
	case p.isManagement():
		return fmt.Sprintf("the administration of the Group %s", p.Group)
	case p.Group != "":
		return fmt.Sprintf("%s on the Group %s", p.Grant.Permission, p.Group)
	}
	text := fmt.Sprintf("%s at %s", p.Grant.Permission, p.At)
	if len(p.Grant.Tests) == 0 {
		return text
	}
	attributes := make([]string, 0, len(p.Grant.Tests))
	for _, test := range p.Grant.Tests {
		attributes = append(attributes, test.Attribute)
	}
	return text + " under these conditions on " + strings.Join(attributes, ", ")
}

// at are grants as privileges at a path.
func at(path scope.Path, grants []entitlement.RoleGrant) []Privilege {
	privileges := make([]Privilege, 0, len(grants))
	for _, given := range grants {
		privileges = append(privileges, Privilege{Grant: *given.Grant, At: path})
	}
	return privileges
}
