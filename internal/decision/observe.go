package decision

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The results of an evaluation.
const (
	resultAllowed = "allowed"
	resultDenied  = "denied"
	resultRefused = "refused"
)

var (
	decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bailiwick_decisions_total",
		Help: "Evaluations by what came out: allowed, denied, or refused, which is a decision of false for a question that is malformed or about an organization that the key is not for.",
	}, []string{"result"})

	withheld = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bailiwick_decision_requests_withheld_total",
		Help: "Requests for decisions that this replica, which does not lead, has answered with 503 because it does not know what holds in an organization: something is paused or held back there.",
	})

	requestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "bailiwick_decision_request_seconds",
		Help:    "How long requests for decisions took, by the status code of the answer.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
	}, []string{"code"})
)

func init() {
	metrics.Registry.MustRegister(decisions, withheld, requestSeconds)
	for _, result := range []string{resultAllowed, resultDenied, resultRefused} {
		decisions.WithLabelValues(result)
	}
}

// decided gives a decision its id, counts it, and writes it to the log of decisions.
func (h handler) decided(ctx context.Context, r request, q question, v verdict, took time.Duration) verdict {
	v.Context.ID = newID()
	result := resultDenied
	switch {
	case v.Decision:
		result = resultAllowed
	case v.refused():
		result = resultRefused
	}
	decisions.WithLabelValues(result).Inc()
	if h.Decisions == nil {
		return v
	}
	line := entryOf(kindEvaluation, v.Context.ID, q)
	line.Result, line.ValidUntil, line.Seconds = result, v.Context.ValidUntil, took.Seconds()
	for _, ref := range v.by {
		line.By = append(line.By, ref.String())
	}
	if v.refused() {
		line.Code, line.Reason = v.Context.Error.Status, v.Context.Error.Message
	}
	h.Decisions.write(ctx, r, line)
	return v
}

// observed measures requests, and says in each answer which request it is to.
func (h handler) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(headerRequestID); id != "" {
			w.Header().Set(headerRequestID, id)
		}
		begin := time.Now()
		// Whoever asks says by traceparent of which trace the question is part; the log has that also where nothing is traced.
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		if h.Tracer != nil {
			var span trace.Span
			ctx, span = h.Tracer.Start(ctx, "AuthZEN", trace.WithSpanKind(trace.SpanKindServer))
			defer span.End()
		}
		recorder := &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(recorder, r.WithContext(ctx))
		trace.SpanFromContext(ctx).SetAttributes(attribute.String("url.path", r.URL.Path), attribute.Int("http.response.status_code", recorder.code))
		requestSeconds.WithLabelValues(strconv.Itoa(recorder.code)).Observe(time.Since(begin).Seconds())
	})
}

// recorder remembers the status code of an answer.
type recorder struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
