package operator

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var decisionsReady = prometheus.NewDesc("bailiwick_decisions_ready",
	"1 while this replica may answer decisions from memory: it leads, or the one that leads waits for it. Absent where decisions are not served.", nil, nil)

// answering is what this process answers decisions from; nil where it serves none.
var answering atomic.Pointer[memory]

type collector struct{}

func init() { metrics.Registry.MustRegister(collector{}) }

// Describe implements prometheus.Collector.
func (collector) Describe(into chan<- *prometheus.Desc) { into <- decisionsReady }

// Collect implements prometheus.Collector.
func (collector) Collect(into chan<- prometheus.Metric) {
	from := answering.Load()
	if from == nil {
		return
	}
	may := 0.0
	if from.mayAnswer() == nil {
		may = 1
	}
	into <- prometheus.MustNewConstMetric(decisionsReady, prometheus.GaugeValue, may)
}
