package admission

import (
	"context"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// denied counts what was refused. Reasons are NotHeld, Unresolved, NameNotConfirmed, Protected, TooLarge,
// Null, Suspended, Forged, NotAllowed, NotADecider, NotApproved, ReviewFailed and NotLoaded, and Stamped of the stamping webhook.
var denied = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "bailiwick_admission_denied_total",
	Help: "Requests that the webhooks have refused, by kind and reason.",
}, []string{"kind", "reason"})

func init() { metrics.Registry.MustRegister(denied) }

// LogNothingOf is the logger of a webhook's requests. Most are allowed and logged nowhere, so that what a line says of one is
// added by noteDenied, which writes it.
func LogNothingOf(base logr.Logger, _ *admission.Request) logr.Logger { return base }

// noteDenied counts and logs a request that is refused, who asks, and for which object. The message that they get is not
// logged, since it says what is in the object.
func noteDenied(ctx context.Context, request *admission.Request, reason string) {
	denied.WithLabelValues(request.Kind.Kind, reason).Inc()
	admission.DefaultLogConstructor(log.FromContext(ctx), request).Info("refused a write", "kind", request.Kind.Kind, "operation", request.Operation, "reason", reason)
}
