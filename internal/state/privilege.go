package state

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
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

// userOf finds the User that stands for an identity now; false when none does, or it is suspended.
func (t *tenant) userOf(who identity) (types.NamespacedName, bool) {
	users := t.named.usersBySubject[who]
	if len(users) == 0 || !t.active(users[0].key) {
		return types.NamespacedName{}, false
	}
	return users[0].key, true
}

// privileges are all that a user holds now and for good: what ends by itself is not among them.
func (t *tenant) privileges(user types.NamespacedName) iter.Seq[Privilege] {
	return func(yield func(Privilege) bool) {
		for _, access := range t.index.Held(user.Name, everywhere, t.instant()) {
			if !access.Grant.Window.Until.IsZero() {
				continue
			}
			access.Grant.Window = policy.Window{} // it has begun
			if !yield(Privilege{Grant: access.Grant, At: access.At}) {
				return
			}
		}
		if t.administrates(user) && !yield(manages(user.Namespace, "")) {
			return
		}
		for key := range t.named.membershipsOfUser[user] {
			node := t.memberships[key]
			if !node.outcome.InForce || node.object.Role != v1alpha1.GroupAdmin || node.object.ExpiresAt != nil {
				continue
			}
			if !yield(manages(key.Namespace, node.object.Group)) {
				return
			}
			for _, permission := range node.outcome.Permissions {
				if permission.Granted && !yield(configures(key.Namespace, node.object.Group, permission.Permission)) {
					return
				}
			}
		}
	}
}

func everywhere(scope.Path) bool { return true }

// administrates says whether a user has the organization's admin role at the organization, for good.
func (t *tenant) administrates(user types.NamespacedName) bool {
	organization := t.organizations[user.Namespace]
	if organization == nil || organization.object == nil {
		return false
	}
	top := scope.Path{Organization: user.Namespace}
	return slices.ContainsFunc(t.index.Held(user.Name, func(at scope.Path) bool { return at == top }, t.instant()), func(held entitlement.Entitlement) bool {
		by, role := held.Through[0], held.Through[min(1, len(held.Through)-1)]
		return held.Grant.Window.Until.IsZero() && by.Kind == kinds.RoleAssignment && role.Name == organization.object.Spec.AdminRole
	})
}

// isAdministration says whether an assignment gives the organization's admin role at the organization.
func (t *tenant) isAdministration(key types.NamespacedName, spec *v1alpha1.RoleAssignmentSpec) bool {
	organization := t.organizations[key.Namespace]
	return organization != nil && organization.object != nil &&
		spec.RoleRef.Name == organization.object.Spec.AdminRole && spec.Scope == (v1alpha1.Scope{})
}
