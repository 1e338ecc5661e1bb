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

var (
	driftRepaired = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bailiwick_drift_repaired_total",
		Help: "Differences between the store and the cluster that a comparison found and repaired: missing, foreign or changed.",
	}, []string{"direction"})

	storeTuples = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bailiwick_store_tuples",
		Help: "Facts found in the store by the last comparison; the tuples of one role at one scope count once.",
	})

	comparisons = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bailiwick_store_comparisons_total",
		Help: "How often the whole store was compared with the cluster.",
	})

	queueLength = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bailiwick_sync_queue_length",
		Help: "Facts that wait to be written to the store.",
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
	metrics.Registry.MustRegister(driftRepaired, storeTuples, comparisons, queueLength, writeSeconds, writeTuples)
}

func observeWrite(tuples int, took time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	writeSeconds.WithLabelValues(result).Observe(took.Seconds())
	writeTuples.Observe(float64(tuples))
}

func countDrift(there, wanted bool) {
	switch {
	case wanted && !there:
		driftRepaired.WithLabelValues(driftMissing).Inc()
	case there && !wanted:
		driftRepaired.WithLabelValues(driftForeign).Inc()
	}
}
