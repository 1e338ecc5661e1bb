package tuplesync_test

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// counted is how often something was counted, and the sum of what a histogram has observed, by the value of
// the metric's only label, empty where it has none.
func counted(t *testing.T, name string) (counts, sums map[string]float64) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts, sums = map[string]float64{}, map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			value := ""
			if len(metric.GetLabel()) > 0 {
				value = metric.GetLabel()[0].GetValue()
			}
			counts[value] = metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			sums[value] = metric.GetHistogram().GetSampleSum()
		}
	}
	return counts, sums
}

// since is what has been counted since before.
func since(t *testing.T, name string, before map[string]float64) map[string]float64 {
	t.Helper()
	now, _ := counted(t, name)
	for value := range now {
		now[value] -= before[value]
	}
	maps.DeleteFunc(now, func(_ string, count float64) bool { return count == 0 })
	return now
}

const (
	drift      = "bailiwick_drift_repaired_total"
	synced     = "bailiwick_sync_seconds"
	written    = "bailiwick_store_write_seconds"
	batches    = "bailiwick_store_write_tuples"
	comparison = "bailiwick_store_comparisons_total"
)

func (w *world) expectProgress(want behind) {
	w.Helper()
	got := w.syncer.Progress()
	answers := "unknown"
	if got.Answers != nil {
		answers = map[bool]string{true: "yes", false: "no"}[*got.Answers]
	}
	if now := (behind{answers, got.InSync, got.Waiting, got.Refused, got.Oldest}); now != want {
		w.Errorf("got %+v, want %+v", now, want)
	}
}

// behind is what is expected of a Progress, but for comparisons.
type behind struct {
	answers          string
	inSync           bool
	waiting, refused int
	oldest           time.Duration
}

func TestProgressSaysHowFarTheStoreIsBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		w.expectProgress(behind{answers: "unknown"})
		w.start()
		inSync := behind{answers: "yes", inSync: true}
		w.expectProgress(inSync)

		w.hook(down())
		w.put(assignment("first", "r0", "u0"))
		w.sleep(time.Minute)
		w.put(assignment("second", "r0", "u1"))
		w.sleep(time.Minute)
		// Both are assignees of one role at one scope, which is a cell.
		w.expectProgress(behind{answers: "no", inSync: true, waiting: 3, oldest: 2 * time.Minute})

		before, sum := counted(t, synced)
		w.hook(storetest.Hooks{})
		w.sleep(aWhile)
		w.expectProgress(inSync)
		after, sumAfter := counted(t, synced)
		// The outage was between two and two and a half minutes for two of them, and half as long for one.
		if lag := (sumAfter[""] - sum[""]) / 60; after[""]-before[""] != 3 || lag < 5 || lag > 6 {
			t.Errorf("%v facts were said to have waited for %v minutes together", after[""]-before[""], lag)
		}
	})
}

func TestAnOutageAtTheStartIsKnown(t *testing.T) {
	inWorld(t, func(w *world) {
		var up atomic.Bool
		w.connect = func(context.Context) (store.Store, error) {
			if !up.Load() {
				return nil, errDown
			}
			return w.fake, nil
		}
		w.start()
		w.expectProgress(behind{answers: "no"})
		up.Store(true)
		w.sleep(aWhile)
		w.expectProgress(behind{answers: "yes", inSync: true})
	})
}

func TestAFactIsRefusedUntilTheStoreTakesIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		w.hook(refusing("u5@"))
		poisoned := assignment("poisoned", "r0", "u5")
		w.put(poisoned)
		if err := <-w.awaiting(poisoned); !errors.Is(err, store.ErrRefused) {
			t.Fatal(err)
		}
		w.expectProgress(behind{answers: "yes", inSync: true, waiting: 1, refused: 1})
		w.sleep(untilRetried)
		w.expectProgress(behind{answers: "yes", inSync: true, waiting: 1, refused: 1, oldest: untilRetried})
		w.hook(storetest.Hooks{})
		w.sleep(untilRetried)
		w.expectProgress(behind{answers: "yes", inSync: true})
	})
}

func TestAComparisonSaysWhatItFound(t *testing.T) {
	inWorld(t, func(w *world) {
		populate(w)
		before, _ := counted(t, comparison)
		began := time.Now()
		w.start()
		if p := w.syncer.Progress(); p.Found != 0 || !p.Compared.Equal(began) {
			t.Errorf("found %d facts at %s in an empty store, want 0 at %s", p.Found, p.Compared, began)
		}
		w.sleep(compareEvery + compareEvery/4) // one comparison
		p := w.syncer.Progress()
		if p.Found != w.state.Counts().Desired || p.Found == 0 || !p.Compared.After(began) {
			t.Errorf("found %d facts at %s, want %d", p.Found, p.Compared, w.state.Counts().Desired)
		}
		if now := since(t, comparison, before)[""]; now != 2 {
			t.Errorf("counted %v comparisons, want 2", now)
		}
	})
}

func TestWritesAreMeasured(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		before, _ := counted(t, written)
		sizesBefore, sumBefore := counted(t, batches)
		w.put(assignment("first", "r0", "u0"))
		w.sleep(time.Second)
		sizes, sum := counted(t, batches)
		if got := since(t, written, before); !maps.Equal(got, map[string]float64{"ok": sizes[""] - sizesBefore[""]}) || sum[""]-sumBefore[""] != 2 {
			t.Errorf("counted %v writes of %v tuples, want an assignee and a role", got, sum[""]-sumBefore[""])
		}
		w.hook(down())
		w.put(assignment("second", "r0", "u1"))
		w.sleep(time.Second)
		if since(t, written, before)["failed"] == 0 {
			t.Error("a write that failed is not counted")
		}
	})
}

func TestDriftIsCountedByItsDirection(t *testing.T) {
	for name, test := range map[string]struct {
		drift func(*world)
		want  string
	}{
		"a tuple is gone": {func(w *world) { w.fake.Uproot(w.state.DesiredTuples()[0]) }, "missing"},
		"a cell is empty": {func(w *world) {
			cell := w.grantCell()
			key, _ := w.filled(cell)
			w.fake.Uproot(key)
		}, "missing"},
		"a foreign tuple":          {func(w *world) { w.fake.Plant(foreign("group:acme/a")) }, "foreign"},
		"a cell that nobody wants": {func(w *world) { w.fill(tuples.GrantCell("workspace:acme/gone", "user:mallory"), junk()) }, "foreign"},
		"a condition on a tuple":   {func(w *world) { w.fake.Plant(store.Tuple{Key: w.state.DesiredTuples()[0], Context: junk()}) }, "changed"},
		"a cell that holds another role": {func(w *world) {
			key, _ := w.filled(w.grantCell())
			w.fake.Plant(store.Tuple{Key: key, Context: junk()})
		}, "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				populate(w)
				w.start()
				before, _ := counted(t, drift)
				w.sleep(2 * compareEvery)
				if got := since(t, drift, before); len(got) > 0 {
					t.Errorf("counted %v though nobody has changed anything", got)
				}
				test.drift(w)
				w.sleep(2 * compareEvery)
				if got := since(t, drift, before); !maps.Equal(got, map[string]float64{test.want: 1}) {
					t.Errorf("counted %v, want one that is %s", got, test.want)
				}
				w.expectWhole()
			})
		})
	}
}
