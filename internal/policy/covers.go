package policy

import (
	"math"
	"slices"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Covers says whether whoever holds this grant has all that another one gives: the same permission, at no
// other time, and under conditions that the other's conditions imply. It looks at one grant alone: two
// that only together give as much cover nothing.
func (g Grant) Covers(other Grant) bool {
	return g.Permission == other.Permission && g.Window.Covers(other.Window) &&
		(!slices.ContainsFunc(g.Tests, func(test Test) bool { return !g.admitsAll(test, other) }) || other.neverMet())
}

// Covers says whether a window includes all of another one.
func (w Window) Covers(other Window) bool {
	begins := w.From.IsZero() || !other.From.IsZero() && !other.From.Before(w.From)
	ends := w.Until.IsZero() || !other.Until.IsZero() && !other.Until.After(w.Until)
	return begins && ends
}

// admitsAll says whether the attribute of one of the grant's tests meets all of them on it whenever it meets those
// of another grant. Tests of another type are about other attributes, although they have the same name.
func (g Grant) admitsAll(test Test, other Grant) bool {
	narrower, tested := other.domain(test.Attribute, test.Type)
	wider, _ := g.domain(test.Attribute, test.Type)
	return tested && narrower.within(wider)
}

// neverMet says whether no request meets the tests, since some on one attribute exclude each other.
func (g Grant) neverMet() bool {
	return slices.ContainsFunc(g.Tests, func(test Test) bool {
		domain, _ := g.domain(test.Attribute, test.Type)
		return domain.isEmpty()
	})
}

// domain is a set of values of one type.
type domain struct {
	// finite domains have these values only.
	finite bool
	only   []Value
	// Others have every value but some, if it is a Number from least to most.
	least, most float64
	except      []Value
}

// domain is what an attribute may be by all of the grant's tests on it, and whether there is any.
func (g Grant) domain(attribute string, of v1alpha1.AttributeType) (d domain, tested bool) {
	d.least, d.most = -math.MaxFloat64, math.MaxFloat64
	if of == v1alpha1.AttributeBoolean {
		d.finite, d.only = true, truths
	}
	for _, test := range g.Tests {
		if !test.isOn(attribute, of) {
			continue
		}
		tested = true
		switch test.Operator {
		case v1alpha1.ConditionIn:
			d.finite, d.only = true, test.Values
		case v1alpha1.ConditionNotEquals:
			d.except = append(d.except, test.Values...)
		default:
			least, most := test.Bounds()
			d.least, d.most = max(d.least, least), min(d.most, most)
		}
	}
	if of == v1alpha1.AttributeNumber {
		d = d.tightened()
	}
	excluded := func(value Value) bool {
		return slices.ContainsFunc(g.Tests, func(test Test) bool { return test.isOn(attribute, of) && !test.admits(value) })
	}
	if d.finite && slices.ContainsFunc(d.only, excluded) {
		d.only = slices.DeleteFunc(slices.Clone(d.only), excluded)
	}
	return d, tested
}

// truths are all values of an attribute that is one of them.
var truths = []Value{{Type: v1alpha1.AttributeBoolean, Truth: true}, {Type: v1alpha1.AttributeBoolean}}

// isOn says whether a test is about an attribute of a type.
func (t Test) isOn(attribute string, of v1alpha1.AttributeType) bool {
	return t.Attribute == attribute && t.Type == of
}

// tightened has the next numbers that are in the domain as its bounds. Where that is a single one, it is finite.
func (d domain) tightened() domain {
	number := func(n float64) Value { return Value{Type: v1alpha1.AttributeNumber, Number: n} }
	for slices.Contains(d.except, number(d.least)) {
		d.least = math.Nextafter(d.least, math.Inf(1))
	}
	for slices.Contains(d.except, number(d.most)) {
		d.most = math.Nextafter(d.most, math.Inf(-1))
	}
	if d.least == d.most && !d.finite {
		d.finite, d.only = true, []Value{number(d.least)}
	}
	return d
}

func (d domain) isEmpty() bool {
	if d.finite {
		return len(d.only) == 0
	}
	return d.least > d.most
}

func (d domain) has(value Value) bool {
	if d.finite {
		return slices.Contains(d.only, value)
	}
	return d.least <= value.Number && value.Number <= d.most && !slices.Contains(d.except, value)
}

// within says whether another domain has every value of this one.
func (d domain) within(other domain) bool {
	switch {
	case d.isEmpty():
		return true
	case d.finite:
		return !slices.ContainsFunc(d.only, func(value Value) bool { return !other.has(value) })
	case other.finite: // more than one number, and infinitely many texts, are no list
		return false
	default:
		return d.least >= other.least && d.most <= other.most && !slices.ContainsFunc(other.except, d.has)
	}
}
