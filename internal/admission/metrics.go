package admission

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// denied counts what was refused. Reasons are NotHeld, Unresolved, Protected, TooLarge, Pause,
// Recorded, ReviewFailed and NotLoaded.
var denied = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "bailiwick_admission_denied_total",
	Help: "Requests that the validating webhook has refused, by kind and reason.",
}, []string{"kind", "reason"})

func init() { metrics.Registry.MustRegister(denied) }
