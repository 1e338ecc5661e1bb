package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
)

var expiryLateness = prometheus.NewHistogram(prometheus.HistogramOpts{
	Name:    "bailiwick_expiry_lateness_seconds",
	Help:    "How long after its deadline an object said that it had expired, and was gone from the store. Its access ended at the deadline.",
	Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600},
})

var activations = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "bailiwick_access_activations_total",
	Help: "AccessRequests that were put in force: after an approval, eligible without one, or in an emergency, by a policy that asks nobody and must be named.",
}, []string{"policy"})

func init() {
	metrics.Registry.MustRegister(expiryLateness, activations)
	for _, way := range []access.Way{access.ByApproval, access.Eligible, access.Emergency} {
		activations.WithLabelValues(string(way)) // a rate needs the 0 before the first one
	}
}

// expired counts an object whose status says for the first time, at an instant, that it has expired. One whose
// deadline was moved into the past is not late.
func expired(before, now v1alpha1.Object, at time.Time) {
	was, ends := windowOf(before)
	is, _ := windowOf(now)
	if ends && was.Phase == v1alpha1.PhaseActive && is.Phase == v1alpha1.PhaseExpired && was.ExpiresAt.Equal(is.ExpiresAt) {
		expiryLateness.Observe(at.Sub(is.ExpiresAt.Time).Seconds())
	}
}

// windowOf is where in its window an object is, false for a kind whose objects have none.
func windowOf(object v1alpha1.Object) (v1alpha1.WindowStatus, bool) {
	if o, ok := object.(*v1alpha1.TemporaryPermissionGrant); ok {
		return v1alpha1.WindowStatus{Phase: o.Status.Phase, ExpiresAt: o.Status.ExpiresAt}, true
	}
	if _, status := v1alpha1.WindowOf(object); status != nil {
		return *status, true
	}
	return v1alpha1.WindowStatus{}, false
}
