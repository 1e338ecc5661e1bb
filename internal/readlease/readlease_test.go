package readlease

import (
	"strconv"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
)

func TestWhereNobodyElseAnswersNobodyIsWaitedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		sleep(time.Hour)
		if !leader.change()() {
			t.Error("a change waits for nobody")
		}
		if w.writes != 1 {
			t.Errorf("%d writes, want the one with which it began to lead", w.writes)
		}
	})
}

func TestAReplicaAnswersByWhatTheLeaderHasGranted(t *testing.T) {
	inWorld(t, func(w *world) {
		reader := w.start("reader", "100")
		reader.expect(false, "without a leader")
		leader := w.lead("leader", "100")
		reader.expect(true, "when it was granted a lease")
		leader.expect(false, "without a lease of its own")
		sleep(time.Hour)
		reader.expect(true, "when the lease was renewed")
		leader.stops()
		sleep(duration / 2)
		reader.expect(true, "soon after the leader went away")
		sleep(duration / 2)
		reader.expect(false, "when the lease has ended")
	})
}

// Its own write gives a replica nothing: the leader would not know that it has to be waited for.
func TestAReplicaThatTheLeaderHasNotHeardAnswersNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		leader.deaf = true
		reader := w.start("reader", "100")
		sleep(time.Minute)
		reader.expect(false, "unheard")
		if !leader.change()() {
			t.Error("a change waits for a replica that does not answer")
		}
	})
}

func TestALeaseIsOfNoUseBeforeTheStateIncludesWhatNobodyWaitedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.lead("leader", "200")
		reader := w.start("reader", "100")
		sleep(time.Minute)
		reader.expect(false, "with an old state")
		reader.evaluates("200")
		sleep(retryEvery)
		reader.expect(true, "when it has caught up")
	})
}

func TestAChangeWaitsUntilWhoeverAnswersKnowsOfIt(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		reader, other := w.start("reader", "100"), w.start("other", "100")
		sleep(time.Minute)
		leader.evaluates("101")
		over := leader.change()
		reader.evaluates("101")
		if over() {
			t.Fatal("it does not wait for the other replica")
		}
		if waiting := leader.waiting(); waiting["reader"] != 0 || waiting["other"] != 1 || len(waiting) != 2 {
			t.Errorf("changes wait for %v, want one for the other", waiting)
		}
		if waiting := reader.waiting(); len(waiting) != 0 {
			t.Errorf("a replica that does not lead says that changes wait for %v", waiting)
		}
		other.evaluates("102")
		if !over() {
			t.Error("it waits though both know")
		}
		if waiting := leader.waiting(); waiting["other"] != 0 {
			t.Errorf("changes wait for %v, want none", waiting)
		}
		reader.expect(true, "afterwards")
	})
}

func TestAChangeWaitsForALeaseAtMost(t *testing.T) {
	for name, test := range map[string]func(*replica){
		"of a process that stands still":             (*replica).stops,
		"of a replica that is cut off":               func(r *replica) { r.cut = true },
		"of a replica whose watch of a kind hangs":   func(*replica) {},
		"of a replica that hears of no lease either": func(r *replica) { r.deaf = true },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				leader, reader := w.lead("leader", "100"), w.start("reader", "100")
				sleep(time.Minute)
				reader.expect(true, "before")
				test(reader)
				leader.evaluates("101")
				began, over := time.Now(), leader.change()
				for !over() {
					if waited := time.Since(began); waited > duration {
						t.Fatal("it waits longer than a lease lasts")
					}
					sleep(10 * time.Millisecond)
				}
				reader.expect(false, "when the change is told")
				sleep(time.Minute)
				reader.expect(false, "without having caught up")
				reader.cut, reader.deaf = false, false
				reader.evaluates("101")
				sleep(duration)
				reader.expect(true, "when it has caught up")
			})
		})
	}
}

func TestWhoeverKeepsUpUnderLoadKeepsItsLease(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		sleep(duration)
		for version := range 2000 {
			now := strconv.Itoa(1_000_000 + version)
			leader.evaluates(now)
			over := leader.change()
			sleep(20 * time.Millisecond) // the reader is always a little behind
			if over() {
				t.Fatal("it does not wait")
			}
			reader.evaluates(now)
			if !over() {
				t.Fatal("it waits though the reader knows")
			}
			reader.expect(true, "all the time")
		}
	})
}

func TestALeaseEndsByWhicheverClockSaysSoFirst(t *testing.T) {
	for name, set := range map[string]func(*replica){
		"set back":      func(r *replica) { r.ahead = -time.Minute },
		"set forward":   func(r *replica) { r.ahead = time.Minute },
		"set a little":  func(r *replica) { r.ahead = -1100 * time.Millisecond },
		"slept through": func(r *replica) { r.slept = duration },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.lead("leader", "100")
				reader := w.start("reader", "100")
				sleep(time.Minute)
				reader.stops()
				reader.expect(true, "before")
				set(reader)
				reader.expect(false, "with its clock "+name)
			})
		})
	}
}

// A deadline would be kept wrongly.
func TestAReplicaWhoseClockIsWrongGetsNoLease(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		for _, wrong := range []time.Duration{time.Minute, -time.Minute, 1500 * time.Millisecond, -1500 * time.Millisecond} {
			reader := w.start("reader"+wrong.String(), "100")
			reader.ahead = wrong
			sleep(time.Minute)
			reader.expect(false, "with a clock that is wrong by "+wrong.String())
			if err := reader.Enter(); err == nil || !strings.Contains(err.Error(), "its clock differs from the leader's by") {
				w.Errorf("it says %v", err)
			}
			if said := reader.clockDifference.Load(); said == nil || *said < maxClockDifference || *said > wrong.Abs() {
				w.Errorf("it says that its clock is wrong by %v, want something up to %s", said, wrong.Abs())
			}
			reader.ahead = 0
			sleep(time.Minute)
			reader.expect(true, "with the right time again")
			reader.end()
		}
		if !leader.change()() {
			t.Error("a change waits for replicas that have ended")
		}
	})
}

func TestAReplicaThatEndsIsNotWaitedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		sleep(time.Minute)
		leader.evaluates("101")
		over := leader.change()
		if over() {
			t.Fatal("it does not wait")
		}
		reader.end()
		reader.expect(false, "after its end")
		if !over() {
			t.Error("it waits for a replica that has given its lease back")
		}
		sleep(time.Minute)
		var left coordinationv1.LeaseList
		if err := w.cluster.List(t.Context(), &left); err != nil || len(left.Items) != 1 {
			t.Errorf("%d Leases are left, want the leader's: %v", len(left.Items), err)
		}
	})
}

func TestAnEvictedReplicaAnswersNoMore(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		sleep(time.Minute)
		evicted := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: readerPrefix + "reader"}}
		if err := w.cluster.Delete(t.Context(), evicted); err != nil {
			t.Fatal(err)
		}
		w.shown(evicted, true)
		leader.evaluates("101")
		over := leader.change()
		if over() {
			t.Error("it may still answer, and nobody waits for it")
		}
		sleep(duration / 2)
		reader.expect(false, "as soon as it finds out")
		sleep(duration / 2)
		if !over() {
			t.Error("it is waited for though its lease has ended")
		}
		reader.expect(false, "evicted")
		sleep(evictedFor - 2*duration)
		reader.expect(false, "still evicted")
		reader.evaluates("101")
		sleep(time.Minute)
		reader.expect(true, "after a while")
	})
}

// What a replica had acknowledged to the leader before says nothing about the one that leads now.
func TestAReplicaThatCanNotShowWhatItsStateIncludesGetsNoLease(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader := w.lead("before", "100"), w.start("reader", "100")
		next := w.start("next", "100")
		sleep(time.Minute)
		before.stops()
		reader.falls() // its watch hangs
		next.takeLead()
		over := next.change()
		if over() {
			t.Error("it counts what was acknowledged to another leader")
		}
		sleep(duration)
		if !over() {
			t.Error("it waits for longer than a lease lasts")
		}
		reader.expect(false, "unproven")
		sleep(time.Minute)
		reader.expect(false, "unproven")
	})
}

func TestWhereVersionsWentBackNothingOfBeforeCounts(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "1000"), w.start("reader", "1000")
		sleep(time.Minute)
		reader.falls()
		leader.rewinds("900")
		over := leader.change()
		if over() {
			t.Error("a position of before counts")
		}
		reader.rewinds("900")
		sleep(retryEvery)
		if !over() {
			t.Error("it waits though the reader has caught up")
		}
		sleep(duration)
		reader.expect(true, "afterwards")
	})
}

// Anybody who may write Leases can give one our label, or write a name into the leader's.
func TestALeaseWithAnotherNameIsNoReaders(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		asks := note{Request: 1, Epoch: leader.leading.epoch, Includes: engine.Position{"User": "100"}}
		strange := leader.leaseOf("x", "x", asks)
		if err := w.cluster.Create(t.Context(), strange); err != nil {
			t.Fatal(err)
		}
		w.shown(strange, false)
		sleep(retryEvery)
		if waiting := leader.waiting(); len(waiting) != 0 {
			t.Errorf("changes may wait for %v", waiting)
		}
		sleep(2 * forgottenAfter)
		if err := w.cluster.Get(t.Context(), client.ObjectKeyFromObject(strange), strange); err != nil {
			t.Errorf("somebody else's Lease is gone: %v", err)
		}
	})
	inWorld(t, func(w *world) {
		leader := w.start("leader", "100")
		edited := leader.leaseOf(wordName, "x", word{Epoch: "1", Rules: "1", Readers: map[string]grant{"x": {}}})
		if err := w.cluster.Create(t.Context(), edited); err != nil {
			t.Fatal(err)
		}
		leader.takeLead()
		if waiting := leader.waiting(); len(waiting) != 1 {
			t.Errorf("changes may wait for %v, want whoever the leader before has named", waiting)
		}
	})
}

// It would decide by other rules.
func TestAReplicaWithOtherRulesGetsNoLease(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		w.rules = "2"
		other := w.start("other", "100")
		w.rules = "1"
		reader := w.start("reader", "100")
		sleep(time.Minute)
		other.expect(false, "with other rules")
		if err := other.Enter(); err == nil || !strings.Contains(err.Error(), "it evaluates objects by other rules") {
			w.Errorf("it says %v", err)
		}
		reader.expect(true, "with the leader's")
		other.takeLead()
		leader.leads = false
		leader.End()
		sleep(2 * duration)
		reader.expect(false, "when one with other rules leads")
	})
}

func TestAChangeThatWaitsWhileVersionsGoBackIsTold(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "200"), w.start("reader", "200")
		sleep(duration)
		reader.expect(true, "before")
		leader.evaluates("201")
		over := leader.change()
		if over() {
			t.Fatal("nobody waits for the reader")
		}
		reader.falls()
		leader.rewinds("150")
		leader.CatchUp(t.Context())
		sleep(duration / 20)
		if reader.expect(true, "by the lease that it has"); over() {
			t.Error("the change is told before the reader has listed what there is")
		}
		reader.rewinds("150")
		sleep(2 * duration)
		if !over() {
			t.Error("the change is never told")
		}
		reader.expect(true, "afterwards")
	})
}
