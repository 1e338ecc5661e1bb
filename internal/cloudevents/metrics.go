package cloudevents

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Why an event was lost, as metrics name it.
const (
	lostFull    = "queue_full"
	lostOld     = "too_old"
	lostRefused = "refused"
)

var (
	sent = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bailiwick_events_sent_total",
		Help: "CloudEvents that the sink has taken.",
	})
	failed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bailiwick_events_failed_total",
		Help: "Attempts to send a CloudEvent that the sink has not answered, or refused. Most are made again.",
	})
	lost = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bailiwick_events_lost_total",
		Help: "CloudEvents that are not sent again: queue_full, too_old (the sink has taken none for 10 minutes) or refused. Those of requests are never lost so.",
	}, []string{"reason"})
	undelivered = prometheus.NewDesc("bailiwick_events_undelivered",
		"AccessRequests of which the sink has not taken every step yet.", nil, nil)
)

// leading is the outbox that runs: on a replica that does not lead, or without a sink, there is none.
var leading atomic.Pointer[Outbox]

type leader struct{}

func init() {
	metrics.Registry.MustRegister(sent, failed, lost, leader{})
	for _, reason := range []string{lostFull, lostOld, lostRefused} {
		lost.WithLabelValues(reason)
	}
}

// Describe implements prometheus.Collector.
func (leader) Describe(into chan<- *prometheus.Desc) { into <- undelivered }

// Collect implements prometheus.Collector.
func (leader) Collect(into chan<- prometheus.Metric) {
	count := 0
	if outbox := leading.Load(); outbox != nil {
		count = outbox.undelivered()
	}
	into <- prometheus.MustNewConstMetric(undelivered, prometheus.GaugeValue, float64(count))
}
