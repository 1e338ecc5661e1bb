package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The operator's own counts.
const (
	reconciles    = "controller_runtime_reconcile_total"
	activeWorkers = "controller_runtime_active_workers"
	storeWrites   = "bailiwick_store_write_tuples"
)

// measured is the sum of a metric over all its labels; of a histogram, how often it was observed.
func measured(name string) float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// written is what the operator has written so far.
type written struct {
	ToAPI   int64
	ToStore float64
}

func writtenNow() written {
	GinkgoHelper()
	return written{op.apiWrites.Load(), measured(storeWrites)}
}

// waitUntilQuiet returns when the operator has had nothing to do for a while.
func waitUntilQuiet() {
	GinkgoHelper()
	const polls = 15
	type activity struct {
		written
		reconciled float64
	}
	var last activity
	calm := 0
	Eventually(func() int {
		now := activity{writtenNow(), measured(reconciles)}
		if now != last || measured(activeWorkers) > 0 {
			last, calm = now, 0
		}
		calm++
		return calm
	}).Should(BeNumerically(">", polls))
}
