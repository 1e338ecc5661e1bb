package engine_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// gauges are those of Bailiwick that a registry has, each with the values of its labels.
func gauges(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		short, ours := strings.CutPrefix(family.GetName(), "bailiwick_")
		for _, metric := range family.GetMetric() {
			if !ours || metric.GetGauge() == nil {
				continue
			}
			name := []string{short}
			for _, label := range metric.GetLabel() {
				name = append(name, label.GetValue())
			}
			values[strings.Join(name, " ")] = metric.GetGauge().GetValue()
		}
	}
	return values
}

// expectGauges expects those that are named, and that nothing else has changed since before.
func (w *world) expectGauges(before, changed map[string]float64, gone ...string) map[string]float64 {
	w.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.engine)
	got, want := gauges(w.T, registry), map[string]float64{}
	maps.Copy(want, before)
	maps.Copy(want, changed)
	for _, name := range gone {
		delete(want, name)
	}
	if !maps.Equal(got, want) {
		same := func(other map[string]float64) func(string, float64) bool {
			return func(name string, value float64) bool { there, ok := other[name]; return ok && there == value }
		}
		unexpected, missing := maps.Clone(got), maps.Clone(want)
		maps.DeleteFunc(unexpected, same(want))
		maps.DeleteFunc(missing, same(got))
		w.Errorf("got %v, want %v", unexpected, missing)
	}
	return got
}

func TestTheMetricsFollowTheCluster(t *testing.T) {
	inWorld(t, func(w *world) {
		w.expectGauges(nil, nil) // before anything is known

		ending := build.TemporaryPermissionGrant("acme", "ending").ToUser("u0").Grants("P0").Until(w.clock.Now().Add(2 * time.Hour)).Obj()
		lasting := assignment("a0", "r0", "u0")
		lasting.Spec.ExpiresAt = &metav1.Time{Time: w.clock.Now().Add(48 * time.Hour)}
		w.objects = append(beginning(), lasting, ending)
		w.begin()
		deadline := float64(ending.Spec.ExpiresAt.Unix())
		now := w.expectGauges(nil, map[string]float64{
			"store_available": 1, "store_in_sync": 1, "store_compared_timestamp_seconds": float64(time.Now().Unix()),
			"store_tuples": 0, "store_tuples_wanted": 4, "sync_queue_length": 0, "sync_refused": 0, "sync_oldest_seconds": 0,
			"objects Organization OwnerNotFound waiting": 1,
			"objects ResourceType Valid ready":           1, "objects User Valid ready": 2, "objects Role Valid ready": 2,
			"objects RoleAssignment InForce ready": 1, "objects TemporaryPermissionGrant InForce ready": 1,
			"in_force RoleAssignment": 1, "in_force PermissionGrant": 0, "in_force TemporaryPermissionGrant": 1, "in_force GroupMembership": 0,
			"time_bound RoleAssignment Pending": 0, "time_bound RoleAssignment Active": 1, "time_bound RoleAssignment Expired": 0,
			"time_bound PermissionGrant Pending": 0, "time_bound PermissionGrant Active": 0, "time_bound PermissionGrant Expired": 0,
			"time_bound GroupMembership Pending": 0, "time_bound GroupMembership Active": 0, "time_bound GroupMembership Expired": 0,
			"time_bound TemporaryPermissionGrant Pending": 0, "time_bound TemporaryPermissionGrant Active": 1, "time_bound TemporaryPermissionGrant Expired": 0,
			"time_bound_ending 1h": 0, "time_bound_ending 24h": 1,
			"time_bound_next_deadline_timestamp_seconds": deadline,
		})

		// One that names what is not there, and then names what is.
		w.apply(assignment("a1", "r9", "u0"))
		now = w.expectGauges(now, map[string]float64{"objects RoleAssignment RoleNotFound waiting": 1})
		w.apply(assignment("a1", "r1", "u1"))
		now = w.expectGauges(now, map[string]float64{
			"objects RoleAssignment InForce ready": 2, "in_force RoleAssignment": 2, "store_tuples_wanted": 6,
		}, "objects RoleAssignment RoleNotFound waiting")

		// Its end comes nearer, and passes; then it is noted.
		w.clock.SetTime(w.clock.Now().Add(90 * time.Minute))
		now = w.expectGauges(now, map[string]float64{"time_bound_ending 1h": 1})
		w.clock.SetTime(w.clock.Now().Add(time.Hour))
		now = w.expectGauges(now, nil)
		w.apply(ending)
		now = w.expectGauges(now, map[string]float64{
			"time_bound TemporaryPermissionGrant Active": 0, "time_bound TemporaryPermissionGrant Expired": 1, "in_force TemporaryPermissionGrant": 0,
			"time_bound_ending 1h": 0, "time_bound_ending 24h": 0,
			"objects TemporaryPermissionGrant Expired ready": 1, "store_tuples_wanted": 5,
			"time_bound_next_deadline_timestamp_seconds": float64(lasting.Spec.ExpiresAt.Unix()),
		}, "objects TemporaryPermissionGrant InForce ready")

		w.fake.Hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error { return store.ErrUnavailable }})
		if _, err := w.put(assignment("a1", "r9", "u1")); err == nil {
			t.Fatal("applied without a store")
		}
		w.sleep(5 * time.Second)
		outage := w.expectGauges(now, map[string]float64{
			"store_available": 0, "sync_queue_length": 2, "sync_oldest_seconds": 5, "store_tuples_wanted": 3,
			"objects RoleAssignment InForce ready": 1, "in_force RoleAssignment": 1, "objects RoleAssignment RoleNotFound waiting": 1,
		})
		w.fake.Hook(storetest.Hooks{})
		w.sleep(time.Minute)
		w.expectGauges(outage, map[string]float64{"store_available": 1, "sync_queue_length": 0, "sync_oldest_seconds": 0})
	})
}

func TestOnlyTheEngineThatRunsIsInTheRegistry(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		expectSeen := func(want bool) {
			t.Helper()
			synctest.Wait()
			if _, seen := gauges(t, metrics.Registry)["store_in_sync"]; seen != want {
				t.Errorf("the metrics of the engine are there: %t, want %t", seen, want)
			}
		}
		expectSeen(false)
		w.begin()
		expectSeen(true)
		w.stop()
		<-w.ended
		expectSeen(false)
	})
}
