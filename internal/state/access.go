package state

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
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

// active says whether a user may hold anything at all.
func (t *tenant) active(user types.NamespacedName) bool {
	node := t.users[user]
	return node != nil && node.active != ""
}

// instant is now, or the latest instant that was seen if the clock has been set back since. It waits for no change.
func (t *tenant) instant() time.Time {
	now := t.clock.Now()
	if seen := t.seen.Load(); seen != nil && seen.After(now) {
		return *seen
	}
	return now
}
