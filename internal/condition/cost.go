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
func Cost(grants []policy.Grant) int {
	cost, last := costBase, 0
	for _, grant := range grants {
		cost += costWindow
		if len(grant.Tests) == 0 {
			// An open window without tests ends the search: only one can go on to its tests.
			last = costTests
			continue
		}
		cost += costTests
		for _, test := range grant.Tests {
			cost += testCost(test)
		}
	}
	return cost + last
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
