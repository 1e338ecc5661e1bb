package tuplesync

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The directions of drift: what the store was found to hold.
const (
	driftMissing = "missing"
	driftForeign = "foreign"
	driftChanged = "changed"
)

// The results of a write.
const (
	resultOK     = "ok"
	resultFailed = "failed"
)

var (
	driftRepaired = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bailiwick_drift_repaired_total",
		Help: "Differences between the store and the cluster that a comparison found and repaired: missing, foreign or changed.",
	}, []string{"direction"})

	comparisons = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bailiwick_store_comparisons_total",
		Help: "How often the whole store was compared with the cluster.",
	})

	syncSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "bailiwick_sync_seconds",
		Help:    "How long facts waited from the change that wants them, or the comparison that missed them, until the store held them.",
		Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 13),
	})

	writeSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "bailiwick_store_write_seconds",
		Help:    "How long writes to the store took, by result: ok or failed.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 12),
	}, []string{"result"})

	writeTuples = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "bailiwick_store_write_tuples",
		Help:    "How many tuples a write to the store wrote and deleted.",
		Buckets: []float64{1, 2, 5, 10, 20, 50, 100},
	})
)

func init() {
	metrics.Registry.MustRegister(driftRepaired, comparisons, syncSeconds, writeSeconds, writeTuples)
	// A counter that begins with its first event has no increase to be seen.
	for _, direction := range []string{driftMissing, driftForeign, driftChanged} {
		driftRepaired.WithLabelValues(direction)
	}
	for _, result := range []string{resultOK, resultFailed} {
		writeSeconds.WithLabelValues(result)
	}
}

func observeWrite(tuples int, took time.Duration, err error) {
	result := resultOK
	if err != nil {
		result = resultFailed
	}
	writeSeconds.WithLabelValues(result).Observe(took.Seconds())
	writeTuples.Observe(float64(tuples))
}

// driftOf is the direction of a difference: whether something is there, and whether something should be.
func driftOf(there, wanted bool) string {
	switch {
	case !there:
		return driftMissing
	case !wanted:
		return driftForeign
	default:
		return driftChanged
	}
}
