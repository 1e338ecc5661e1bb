package integration

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// windows are the windows in which the store says that the one whom grants are given to has a permission,
// as "from until". The world has grants to one subject at one scope only.
func (w *world) windows(permission string) func() ([]string, error) {
	return func() ([]string, error) {
		granted, err := w.granted()
		if err != nil {
			return nil, err
		}
		return worlds.Windows(granted, permission)
	}
}

// window is how windows puts one.
func window(from, until time.Time) string {
	return from.UTC().Format(time.RFC3339) + " " + until.UTC().Format(time.RFC3339)
}

var _ = Describe("Windows on one permission", func() {
	const week = 7 * 24 * time.Hour
	var w *world
	var noon time.Time
	var may func() (bool, error)
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
		may = w.may("alice", w.View, w.at())
	})

	It("[K11] [G7] of five weeks are an ordinary case: each is kept, and goes when it is over", func() {
		var rules []string
		for n := range 5 {
			begins := noon.Add(time.Duration(n) * week)
			g := w.temporary(fmt.Sprint("week-", n)).ToUser("alice").Grants(w.View).From(begins).For("PT8H").Obj()
			create(g)
			expectReason(g, v1alpha1.ReasonPending)
			rules = append(rules, window(begins, begins.Add(8*time.Hour)))
		}
		Expect(w.windows(w.View)()).To(ConsistOf(rules))
		for n := range 5 {
			begins := noon.Add(time.Duration(n) * week)
			expectFrom(begins, true, may)
			expectFrom(begins.Add(8*time.Hour), false, may)
			Eventually(w.windows(w.View)).Should(ConsistOf(rules[n+1:]), "those that are over are dropped")
			expectReason(w.temporary(fmt.Sprint("week-", n)).Obj(), v1alpha1.ReasonExpired)
		}
		Expect(w.granted()).To(BeEmpty())
	})
})
