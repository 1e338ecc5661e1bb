// Package storetest holds the contract of the authorization store as tests, which every implementation
// passes.
package storetest

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// Open returns a new, empty store for one test, and closes it in the end.
type Open func(t *testing.T) store.Store

// Contract tests that stores keep what the interface promises.
func Contract(t *testing.T, open Open) {
	for _, part := range []struct {
		name  string
		tests map[string]func(t *testing.T, s store.Store)
	}{
		{"Tuples", tupleTests},
		{"Limits", limitTests},
		{"Model", modelTests},
		{"Conditions", conditionTests},
		{"Changes", changeTests},
		{"Calls", callTests},
	} {
		t.Run(part.name, func(t *testing.T) {
			for name, test := range part.tests {
				t.Run(name, func(t *testing.T) { test(t, open(t)) })
			}
		})
	}
}
