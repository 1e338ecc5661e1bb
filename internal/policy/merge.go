package policy

import (
	"cmp"
	"slices"
	"time"
)

// Merge joins grants of the same permission under the same tests whose windows overlap or touch, and
// leaves out those that an open one makes needless. What is granted, and when, stays the same.
func Merge(grants []Grant) []Grant {
	var merged []Grant
	for _, same := range groupBy(grants) {
		slices.SortFunc(same, func(a, b Grant) int {
			return cmp.Or(a.Window.From.Compare(b.Window.From), a.Window.Until.Compare(b.Window.Until))
		})
		for _, grant := range same {
			last := len(merged) - 1
			if last >= 0 && SameConditions(merged[last], grant) && touches(merged[last].Window, grant.Window) {
				merged[last].Window.Until = later(merged[last].Window.Until, grant.Window.Until)
				continue
			}
			merged = append(merged, grant)
		}
	}
	return merged
}

// MergeWindows joins windows that overlap or touch, in order.
func MergeWindows(windows []Window) []Window {
	grants := make([]Grant, len(windows))
	for n, window := range windows {
		grants[n].Window = window
	}
	grants = Merge(grants)
	windows = make([]Window, len(grants))
	for n, grant := range grants {
		windows[n] = grant.Window
	}
	return windows
}

// groupBy puts grants with the same conditions together, in the order in which each first appears.
func groupBy(grants []Grant) (groups [][]Grant) {
	for _, grant := range grants {
		at := slices.IndexFunc(groups, func(group []Grant) bool { return SameConditions(group[0], grant) })
		if at < 0 {
			groups = append(groups, []Grant{grant})
			continue
		}
		groups[at] = append(groups[at], grant)
	}
	return groups
}

// SameConditions says whether two grants give the same permission under the same conditions, whenever that is.
func SameConditions(a, b Grant) bool {
	return a.Permission == b.Permission && slices.EqualFunc(a.Tests, b.Tests, Test.Equal)
}

// touches says whether a window that does not begin earlier leaves no gap behind another.
func touches(earlier, other Window) bool {
	return earlier.Until.IsZero() || !other.From.After(earlier.Until)
}

// later is the later of two ends, of which zero is the latest.
func later(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && a.After(b)) {
		return a
	}
	return b
}
