package readlease

import (
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
)

func TestANewLeaderWaitsForTheLeasesOfTheOneBefore(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader := w.lead("before", "100"), w.start("reader", "100")
		next := w.start("next", "100")
		sleep(time.Minute)
		before.stops()
		reader.stops() // it has a lease, and hears nothing of the new leader
		sleep(duration / 4)
		next.takeLead()
		next.waitsForTheLeaseOf(reader)
	})
}

func TestANewLeaderWaitsForNobodyWhoHasCaughtUp(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader := w.lead("before", "100"), w.start("reader", "100")
		next := w.start("next", "100")
		sleep(time.Minute)
		proofs := reader.proofs
		before.stops()
		next.takeLead()
		next.evaluates("101")
		over := next.change()
		if over() {
			t.Fatal("it does not wait")
		}
		reader.evaluates("101")
		if !over() {
			t.Error("it waits for a lease of before though its holder has caught up")
		}
		reader.expect(true, "meanwhile")
		if reader.proofs != proofs+1 {
			t.Errorf("it has proved %d times to the new leader what its state includes, want once", reader.proofs-proofs)
		}
	})
}

// A leader that was stopped grants by what it knew, when it goes on.
func TestALeaderOfBeforeGrantsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		before := w.lead("before", "100")
		next := w.start("next", "100")
		before.cut, before.deaf = true, true
		next.takeLead()
		before.cut = false // and it still believes that it leads
		reader := w.start("reader", "100")
		reader.deaf = true // it hears neither
		sleep(retryEvery)
		asked := note{Request: 1, Epoch: before.leading.epoch, Includes: engine.Position{"User": "100"}}
		before.Seen(before.leaseOf(readerPrefix+"reader", "reader", asked))
		sleep(time.Minute)
		var said coordinationv1.Lease
		if err := w.cluster.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: wordName}, &said); err != nil {
			t.Fatal(err)
		}
		if now, err := readWord(&said); err != nil || now.Epoch != next.leading.epoch || *said.Spec.HolderIdentity != "next" {
			t.Errorf("the leader of before has written %+v: %v", now, err)
		}
	})
}

func TestALeaderThatMayHaveLostTheLeadTellsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		leader.leads = false
		over := leader.change()
		sleep(time.Hour)
		if over() {
			t.Error("it does not know who may answer")
		}
		leader.leads = true
		sleep(retryEvery)
		if !over() {
			t.Error("it waits though it leads")
		}
	})
}

func TestTheLeadersWordIsMadeAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		sleep(time.Minute)
		deleted := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: wordName}}
		if err := w.cluster.Delete(t.Context(), deleted); err != nil {
			t.Fatal(err)
		}
		w.shown(deleted, true)
		sleep(2 * duration)
		reader.expect(true, "when it was made again")
		leader.evaluates("101")
		if over := leader.change(); over() {
			t.Error("nobody waits for the reader")
		}
		synctest.Wait()
	})
}

// The leader may die before it grants anything again.
func TestTheLeadersWordIsMadeAgainWithWhoeverMayAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader, other := w.lead("before", "100"), w.start("reader", "100"), w.start("other", "100")
		sleep(time.Minute)
		word := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: wordName}}
		if err := w.cluster.Delete(t.Context(), word); err != nil { // nobody has heard of it when the next request comes
			t.Fatal(err)
		}
		reader.stops()
		for began := time.Now(); w.cluster.Get(t.Context(), client.ObjectKeyFromObject(word), word) != nil; sleep(10 * time.Millisecond) {
			if time.Since(began) > duration/2 {
				t.Fatal("it is not made again")
			}
		}
		before.stops()
		other.stops()
		next := w.lead("next", "100")
		next.evaluates("101")
		over := next.change()
		reader.expect(true, "with the old lease")
		if other.expect(true, "with the old lease"); over() {
			t.Fatal("nobody waits for them")
		}
		for !over() {
			sleep(10 * time.Millisecond)
		}
		reader.expect(false, "when the change is told")
		other.expect(false, "when the change is told")
	})
}

// Whoever has a lease of the old length may answer for as long.
func TestANewLeaderWaitsForLeasesOfAnotherLength(t *testing.T) {
	inWorld(t, func(w *world) {
		w.length = 3 * duration
		before, reader := w.lead("before", "100"), w.start("reader", "100")
		w.length = duration
		next := w.start("next", "100")
		sleep(time.Minute)
		before.stops()
		reader.stops()
		next.takeLead()
		over := next.change()
		for !over() {
			sleep(100 * time.Millisecond)
		}
		reader.expect(false, "when the change is told")
	})
}

// A replica goes on answering by the lease of the leader before until that ends. The first lease of the next leader says
// nothing about what it answers until then.
func TestTheLeaseOfTheLeaderBeforeIsWaitedForWhenTheNextOneGrants(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader, next := w.lead("before", "100"), w.start("reader", "100"), w.start("next", "100")
		sleep(time.Minute)
		before.stops()
		before.leads = false
		reader.falls() // it is still listing what there is
		next.takeLead()
		reader.expect(true, "by the lease of the leader before")
		next.evaluates("101")
		over := next.change()
		// Now it has listed what there was before that change, and asks.
		reader.mu.Lock()
		reader.catchUp = engine.Position{"User": "100"}
		reader.mu.Unlock()
		for range 300 {
			sleep(50 * time.Millisecond)
			if err := reader.Enter(); over() {
				if err == nil {
					t.Fatalf("the change is told while the reader answers by %v", reader.Progress().Position)
				}
				return
			}
		}
		t.Error("the change is never told")
	})
}

// What it answers as the one that leads, it has yet to find out.
func TestWhoeverBeginsToLeadAnswersOnByItsLease(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader := w.lead("before", "100"), w.start("reader", "100")
		sleep(duration)
		before.leads = false
		before.End()
		reader.takeLead()
		reader.expect(true, "since it leads")
		reader.leads = false
		reader.expect(false, "when it may not lead any more: the leader after it does not wait for it")
		reader.leads = true
		reader.End()
		reader.expect(false, "when it has ended")
	})
}

// It may be about to take a lease when it begins to lead. The leader after it does not wait for it.
func TestWhoeverLeadsTakesNoLeaseOfTheLeaderBefore(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader := w.lead("before", "100"), w.start("reader", "100")
		sleep(duration)
		reader.expect(true, "before it leads")
		granted := reader.leaders()
		before.leads = false
		before.End()
		reader.takeLead()
		if err := reader.accept(granted, reader.Progress().Position); err != nil {
			t.Fatal(err)
		}
		reader.leads = false
		reader.expect(false, "by a lease")
	})
}
