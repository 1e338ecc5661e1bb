// Package seeds says which seeds random tests take: the same few each time or, where BAILIWICK_SEEDS says so, others and
// more.
package seeds

import (
	"fmt"
	"iter"
	"os"
	"testing"
)

// Of are the seeds of a test: the first ones, as many as it takes in every run, or those of BAILIWICK_SEEDS. That says which
// one is the first, and how many there are, as 5000+300.
func Of(t testing.TB, count uint64) iter.Seq[uint64] {
	t.Helper()
	var first uint64
	if asked := os.Getenv("BAILIWICK_SEEDS"); asked != "" {
		if _, err := fmt.Sscanf(asked, "%d+%d", &first, &count); err != nil {
			t.Fatalf("BAILIWICK_SEEDS=%s: write FIRST+COUNT: %v", asked, err)
		}
	}
	return func(yield func(uint64) bool) {
		for n := range count {
			if !yield(first + n) {
				return
			}
		}
	}
}
