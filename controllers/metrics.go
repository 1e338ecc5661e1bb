package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var expiryLateness = prometheus.NewHistogram(prometheus.HistogramOpts{
	Name:    "bailiwick_expiry_lateness_seconds",
	Help:    "How long after its deadline a temporary grant said that it had expired, and was gone from the store. Its access ended at the deadline.",
	Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600},
})

func init() { metrics.Registry.MustRegister(expiryLateness) }

// expired counts a grant whose status says for the first time, at an instant, that it has expired. One whose
// deadline was moved into the past is not late.
func expired(before, now v1alpha1.Object, at time.Time) {
	was, ok := before.(*v1alpha1.TemporaryPermissionGrant)
	if !ok {
		return
	}
	status := now.(*v1alpha1.TemporaryPermissionGrant).Status
	if was.Status.Phase == v1alpha1.PhaseActive && status.Phase == v1alpha1.PhaseExpired && was.Status.ExpiresAt.Equal(status.ExpiresAt) {
		expiryLateness.Observe(at.Sub(status.ExpiresAt.Time).Seconds())
	}
}
