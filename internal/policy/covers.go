package policy

import (
	"slices"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Covers says whether whoever holds this grant has all that another one gives: the same permission, at no
// other time, and under conditions that the other's conditions imply. It looks at one grant alone: two
// that only together give as much cover nothing.
func (g Grant) Covers(other Grant) bool {
	return g.Permission == other.Permission && g.Window.covers(other.Window) &&
		!slices.ContainsFunc(g.Tests, func(test Test) bool { return !test.impliedBy(other.Tests) })
}

// covers says whether a window includes all of another one.
func (w Window) covers(other Window) bool {
	begins := w.From.IsZero() || !other.From.IsZero() && !other.From.Before(w.From)
	ends := w.Until.IsZero() || !other.Until.IsZero() && !other.Until.After(w.Until)
	return begins && ends
}

// impliedBy says whether a test is met whenever one of the others is. Tests of another type are about
// other attributes, although they have the same name.
func (t Test) impliedBy(others []Test) bool {
	return slices.ContainsFunc(others, func(other Test) bool {
		return other.Attribute == t.Attribute && other.Type == t.Type && other.positive().implies(t.positive())
	})
}

// implies says whether an attribute that meets this test meets the other one of the same attribute too.
func (t Test) implies(other Test) bool {
	has := func(value Value) bool { return slices.Contains(other.Values, value) }
	switch {
	case !t.Negated && !other.Negated: // one of these is one of those
		return !slices.ContainsFunc(t.Values, func(value Value) bool { return !has(value) })
	case !t.Negated: // one of these is none of those
		return !slices.ContainsFunc(t.Values, has)
	case other.Negated: // none of these is none of those
		return !slices.ContainsFunc(other.Values, func(value Value) bool { return !slices.Contains(t.Values, value) })
	default: // all but some are never among finitely many
		return false
	}
}

// positive is the same test without a negation, where there are finitely many values: not true is false.
func (t Test) positive() Test {
	if !t.Negated || t.Type != v1alpha1.AttributeBoolean {
		return t
	}
	excluded := t.Values
	t.Negated, t.Values = false, nil
	for _, truth := range []bool{true, false} {
		if value := (Value{Type: v1alpha1.AttributeBoolean, Truth: truth}); !slices.Contains(excluded, value) {
			t.Values = append(t.Values, value)
		}
	}
	return t
}
