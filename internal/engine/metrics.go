package engine

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

var (
	storeAvailable = prometheus.NewDesc("bailiwick_store_available",
		"1 while the authorization store answers, 0 while it does not.", nil, nil)
	storeInSync = prometheus.NewDesc("bailiwick_store_in_sync",
		"1 once the store has held exactly what the cluster says since this operator began to lead: from then on the embedded store is asked.", nil, nil)
	storeTuples = prometheus.NewDesc("bailiwick_store_tuples",
		"Facts found in the store by the last comparison; what a role gives at a scope, or a subject is granted there, counts once.", nil, nil)
	storeTuplesWanted = prometheus.NewDesc("bailiwick_store_tuples_wanted",
		"Facts that the store should hold now, counted as in bailiwick_store_tuples.", nil, nil)
	storeCompared = prometheus.NewDesc("bailiwick_store_compared_timestamp_seconds",
		"When the whole store was last compared with the cluster.", nil, nil)
	syncWaiting = prometheus.NewDesc("bailiwick_sync_queue_length",
		"Facts that wait to be written to the store.", nil, nil)
	syncRefused = prometheus.NewDesc("bailiwick_sync_refused",
		"Facts among those that wait which the store refuses to take.", nil, nil)
	syncOldest = prometheus.NewDesc("bailiwick_sync_oldest_seconds",
		"How long the fact has waited that has waited longest; 0 when none does.", nil, nil)

	objects = prometheus.NewDesc("bailiwick_objects",
		"Objects by kind, by state (ready, waiting, stalled) and by the reason of their condition Ready.", []string{"kind", "state", "reason"}, nil)
	inForce = prometheus.NewDesc("bailiwick_in_force",
		"Objects that give something now, by kind.", []string{"kind"}, nil)
	timeBound = prometheus.NewDesc("bailiwick_time_bound",
		"Objects that begin or end by themselves, by kind and phase.", []string{"kind", "phase"}, nil)
	ending = prometheus.NewDesc("bailiwick_time_bound_ending",
		"Objects in force that end by themselves within this time from now, of every kind that has an end.", []string{"within"}, nil)
	nextDeadline = prometheus.NewDesc("bailiwick_time_bound_next_deadline_timestamp_seconds",
		"When the next object in force ends by itself, of every kind that has an end. In the past while its end is still to be noted: access ended then. Absent when none is in force.", nil, nil)
)

// endingWithin are the times within which grants that end are counted.
var endingWithin = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour}

// leading is the engine that the metrics describe: on a replica that does not lead there is none, and so
// that a sum over replicas is right these metrics are absent there.
var leading atomic.Pointer[Engine]

type leader struct{}

func init() { metrics.Registry.MustRegister(leader{}) }

// Describe implements prometheus.Collector.
func (leader) Describe(into chan<- *prometheus.Desc) { (*Engine)(nil).Describe(into) }

// Collect implements prometheus.Collector.
func (leader) Collect(into chan<- prometheus.Metric) {
	if e := leading.Load(); e != nil {
		e.Collect(into)
	}
}

// Describe implements prometheus.Collector.
func (*Engine) Describe(into chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		storeAvailable, storeInSync, storeTuples, storeTuplesWanted, storeCompared, syncWaiting, syncRefused, syncOldest,
		objects, inForce, timeBound, ending, nextDeadline,
	} {
		into <- desc
	}
}

// Collect implements prometheus.Collector. What it sends is counted as it changes: an asking costs no more
// with many objects. It sends nothing before all objects are loaded.
func (e *Engine) Collect(into chan<- prometheus.Metric) {
	if e.State() == nil {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		into <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	progress := e.syncer.Progress()
	if progress.Answers != nil {
		gauge(storeAvailable, oneIf(*progress.Answers))
	}
	gauge(storeInSync, oneIf(progress.InSync))
	if !progress.Compared.IsZero() {
		gauge(storeTuples, float64(progress.Found))
		gauge(storeCompared, seconds(progress.Compared))
	}
	gauge(syncWaiting, float64(progress.Waiting))
	gauge(syncRefused, float64(progress.Refused))
	gauge(syncOldest, progress.Oldest.Seconds())

	counts := e.state.Counts()
	gauge(storeTuplesWanted, float64(counts.Desired))
	for of, count := range counts.Objects {
		gauge(objects, float64(count), of.Kind, of.Status, of.Reason)
	}
	for _, kind := range kinds.All {
		if !kind.InForce {
			continue
		}
		gauge(inForce, float64(counts.InForce[kind.Name]), kind.Name)
		for _, phase := range []v1alpha1.GrantPhase{v1alpha1.PhasePending, v1alpha1.PhaseActive, v1alpha1.PhaseExpired} {
			gauge(timeBound, float64(counts.TimeBound[state.KindPhase{Kind: kind.Name, Phase: phase}]), kind.Name, string(phase))
		}
	}
	now := e.options.Clock.Now()
	for within, while := range endingWithin {
		gauge(ending, float64(e.state.EndingBefore(now.Add(while))), within)
	}
	if !counts.NextDeadline.IsZero() {
		gauge(nextDeadline, seconds(counts.NextDeadline))
	}
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// seconds is an instant in Unix time.
func seconds(instant time.Time) float64 { return float64(instant.UnixMilli()) / 1000 }
