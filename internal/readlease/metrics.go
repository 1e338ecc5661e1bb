package readlease

import (
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	revocationsWaiting = prometheus.NewDesc("bailiwick_revocations_waiting",
		"Changes that are not told yet because this replica, which answers decisions, does not know of them.", []string{"replica"}, nil)
	clockDifference = prometheus.NewDesc("bailiwick_clock_difference_seconds",
		"By how much the clock of this replica differs from that of the one that leads, at least: 0 where it may be the time that a message takes.", nil, nil)
)

// process are the leases of this process.
var process atomic.Pointer[Leases]

type collector struct{}

func init() { metrics.Registry.MustRegister(collector{}) }

// Describe implements prometheus.Collector.
func (collector) Describe(into chan<- *prometheus.Desc) {
	into <- revocationsWaiting
	into <- clockDifference
}

// Collect implements prometheus.Collector.
func (collector) Collect(into chan<- prometheus.Metric) {
	l := process.Load()
	if l == nil {
		return
	}
	for name, count := range l.waiting() {
		into <- prometheus.MustNewConstMetric(revocationsWaiting, prometheus.GaugeValue, float64(count), name)
	}
	if difference := l.clockDifference.Load(); difference != nil {
		into <- prometheus.MustNewConstMetric(clockDifference, prometheus.GaugeValue, difference.Seconds())
	}
}

// waiting are how many changes wait for each replica that may answer; none on a replica that does not lead.
func (l *Leases) waiting() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]int{}
	if !l.leading.on {
		return counts
	}
	now := l.Clock.Boot()
	for name, h := range l.leading.holders {
		replica := strings.TrimPrefix(name, readerPrefix) // somebody may have edited the Lease that names it
		counts[replica] = 0
		for w := range l.leading.waiting {
			if l.leading.holdsUp(name, h, w, l.notes, now) {
				counts[replica]++
			}
		}
	}
	return counts
}
