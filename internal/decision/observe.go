package decision

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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

	requestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "bailiwick_decision_request_seconds",
		Help:    "How long requests for decisions took, by the status code of the answer.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
	}, []string{"code"})
)

func init() {
	metrics.Registry.MustRegister(decisions, requestSeconds)
	for _, result := range []string{resultAllowed, resultDenied, resultRefused} {
		decisions.WithLabelValues(result)
	}
}

// decided counts a decision, and logs it if that is wanted.
func (h handler) decided(r request, q question, v verdict, took time.Duration) {
	result := resultDenied
	switch {
	case v.Decision:
		result = resultAllowed
	case v.refused():
		result = resultRefused
	}
	decisions.WithLabelValues(result).Inc()
	if !h.LogDecisions {
		return
	}
	fields := []any{
		"requestID", r.id, "caller", r.caller.name,
		"subject", shortened(q.subject), "permission", shortened(q.permission),
		"type", shortened(q.resourceType), "resource", shortened(q.resource), "object", q.place.object(),
		"result", result, "seconds", took.Seconds(),
	}
	if v.refused() {
		fields = append(fields, "reason", v.Context.Error.Message)
	}
	h.Log.Info("decision", fields...)
}

// shortened keeps a line of the log within bounds. Nothing that exists has a longer name.
func shortened(text string) string {
	const longest = 512
	runes := 0
	for i := range text {
		if runes++; runes > longest {
			return text[:i] + "…"
		}
	}
	return text
}

// observed measures requests, and says in each answer which request it is to.
func (h handler) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(headerRequestID); id != "" {
			w.Header().Set(headerRequestID, id)
		}
		begin := time.Now()
		recorder := &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(recorder, r)
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
