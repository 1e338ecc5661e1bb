package condition

import "github.com/bailiwick-dev/bailiwick/internal/policy"

// The cost of the parts of the expression, as CEL counts it. A test holds them against CEL itself, on random grants:
// what Cost says is never less than what an evaluation costs.
const (
	costBase    = 10 // the permission is looked up, the list of rules begun
	costWindow  = 14 // a rule whose window is tested and not open
	costTests   = 6  // going on to a rule's tests
	costListed  = 12 // Equals and In, and NotEquals on truth values
	costNot     = 24 // NotEquals, on texts and numbers
	costBetween = 29 // LessThan and the like
)

// Cost is the most that a decision about a permission can cost, where these grants are all that one
// tuple says of it: every rule is tried, and the last test of each fails.
//
// Grants with no more than a window cost at least what the condition for a time does.
func Cost(grants []policy.Grant) int {
	var sum Sum
	for _, grant := range grants {
		sum = sum.With(grant)
	}
	return sum.Cost()
}

// Sum is what grants of one permission cost together. The zero value is that of none.
type Sum struct {
	rules int
	// open counts the grants without tests.
	open int
}

// With is the sum with one more grant.
func (s Sum) With(grant policy.Grant) Sum { return s.add(grant, 1) }

// Without is the sum with one less of its grants.
func (s Sum) Without(grant policy.Grant) Sum { return s.add(grant, -1) }

func (s Sum) add(grant policy.Grant, times int) Sum {
	s.rules += times * costWindow
	if len(grant.Tests) == 0 {
		s.open += times
		return s
	}
	s.rules += times * costTests
	for _, test := range grant.Tests {
		s.rules += times * testCost(test)
	}
	return s
}

// Cost is as that of the package.
func (s Sum) Cost() int {
	if s.open > 0 {
		// An open window without tests ends the search: only one can go on to its tests.
		return costBase + s.rules + costTests
	}
	return costBase + s.rules
}

func testCost(test policy.Test) int {
	switch form, _ := formOf(test); form {
	case isListed:
		return costListed
	case isNot:
		return costNot
	default:
		return costBetween
	}
}
