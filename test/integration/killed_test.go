package integration

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("An operator that is killed while everything changes", Label(slow), func() {
	DescribeTable("[K6] leaves what the next one makes right, whole, whenever it was killed", func(newOne func() storage) {
		const most = 150
		rounds := faultRounds(1)
		AddReportEntry("rounds", rounds)
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 6))
		start := programOn(newOne())
		process := start()
		t := newTurmoil()
		for round := range rounds {
			moment := random.IntN(most)
			By(fmt.Sprintf("round %d, killed after %d changes", round, moment))
			changes := t.rage()
			changes.until(moment)
			Expect(process.Kill()).To(Succeed())
			changes.until(moment + random.IntN(most/5))
			changes.end()
			process = start()
			t.expectRight()
		}
	},
		Entry("embedded", Label(embeddedOnly), func() storage {
			return storage{file: filepath.Join(GinkgoT().TempDir(), "store.db")}
		}),
		Entry("external", newExternalStorage),
	)
})
