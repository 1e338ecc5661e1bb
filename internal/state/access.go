package state

import (
	"cmp"
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

// heldAt is what a user holds at a path, at the path itself and above it.
func (t *tenant) heldAt(user types.NamespacedName, at scope.Path) []entitlement.Entitlement {
	return t.held(user, func(path scope.Path) bool { return path.Covers(at) })
}

// held is what a user holds at the places that are asked for, in a fixed order.
func (t *tenant) held(user types.NamespacedName, asked func(scope.Path) bool) []entitlement.Entitlement {
	held := t.index.Held(user.Name, asked, t.instant())
	slices.SortFunc(held, func(a, b entitlement.Entitlement) int {
		return cmp.Or(
			strings.Compare(a.Grant.Permission, b.Grant.Permission),
			a.At.Compare(b.At),
			slices.CompareFunc(a.Through, b.Through, kinds.Ref.Compare),
		)
	})
	return held
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
