package readlease

import (
	"fmt"
	"testing"
	"testing/synctest"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// goingBy is the history of an organization.
func goingBy(digest string, staying ...types.UID) state.History {
	return state.History{"acme": {Digest: digest, Staying: staying}}
}

func (r *replica) expectTold(want state.History, when string) {
	r.world.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.told.Equal(want) {
		r.world.Errorf("%s %s has been told %v, want %v", when, r.Name, r.told, want)
	}
}

func TestWhatTheLeaderGoesByTravelsWithTheLease(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.start("leader", "100")
		leader.goesBy(goingBy("paused"))
		leader.takeLead()
		reader := w.start("reader", "100")
		reader.expect(true, "when it was granted a lease")
		reader.expectTold(goingBy("paused"), "with its lease")
		leader.goesBy(goingBy("paused and held back", "uid"))
		reader.expectTold(goingBy("paused and held back", "uid"), "at once, though nobody waits for that")
		leader.goesBy(nil)
		reader.expectTold(nil, "when the pause has ended")
		reader.expect(true, "afterwards")
	})
}

// What the leader goes by may change though no object that anybody waits for has: as when one that stays may go.
func TestAChangeWaitsUntilWhoeverAnswersHasBeenTold(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.start("leader", "100")
		leader.goesBy(goingBy("it stays", "uid"))
		leader.takeLead()
		reader := w.start("reader", "100")
		sleep(duration)
		reader.expect(true, "before")
		reader.evaluates("101")
		reader.deaf = true
		leader.evaluates("101")
		if leader.goesBy(goingBy("it may go")); leader.change()() {
			t.Fatal("it is told while somebody answers by what held before")
		}
		reader.expectTold(goingBy("it stays", "uid"), "while it hears nothing")
		reader.deaf = false
		over := leader.change()
		sleep(2 * duration)
		reader.expectTold(goingBy("it may go"), "when it hears again")
		if !over() {
			t.Error("it waits though everybody has been told")
		}
	})
}

func TestWhoeverHearsNothingIsWaitedForAsLongAsItsLease(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		sleep(duration)
		reader.expect(true, "before")
		reader.deaf = true
		leader.goesBy(goingBy("paused"))
		over := leader.change()
		for !over() {
			if reader.Enter() == nil {
				sleep(duration / 20)
				continue
			}
			sleep(duration / 20)
		}
		reader.expect(false, "when the change is told")
		reader.expectTold(nil, "meanwhile")
	})
}

func TestAReaderThatComesLaterHasBeenToldBeforeItAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		leader.goesBy(goingBy("paused"))
		if !leader.change()() {
			t.Fatal("it waits though nobody answers")
		}
		reader := w.start("reader", "100")
		for reader.Enter() != nil {
			sleep(duration / 100)
		}
		reader.expectTold(goingBy("paused"), "when it answers first")
		if !leader.change()() {
			t.Error("what was told with the first grant is waited for")
		}
	})
}

// A leader of before may have gone by something else.
func TestANewLeaderSaysWhatItGoesByItself(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.start("first", "100")
		first.goesBy(goingBy("as recorded"))
		first.takeLead()
		reader, second := w.start("reader", "100"), w.start("second", "100")
		sleep(duration)
		reader.expectTold(goingBy("as recorded"), "of the first leader")
		first.stops()
		first.leads = false
		reader.expectTold(goingBy("as recorded"), "while nobody leads")
		reader.expect(true, "as long as its lease lasts")
		second.goesBy(goingBy("as it was found"))
		second.takeLead()
		reader.expectTold(goingBy("as it was found"), "of the next leader, whoever has granted its lease")
		sleep(duration)
		reader.expect(true, "by the next leader's lease")
		second.goesBy(nil)
		reader.expectTold(nil, "of its changes")
		// What the first one says afterwards, somebody else's write, is refused.
		first.cut, first.deaf, first.leads = false, false, true
		first.goesBy(goingBy("as recorded"))
		sleep(duration)
		reader.expectTold(nil, "though the first goes on")
	})
}

func TestWhereVersionsGoBackWhatIsToldGoesOn(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "200"), w.start("reader", "200")
		leader.goesBy(goingBy("before"))
		sleep(duration)
		reader.expectTold(goingBy("before"), "in the first epoch")
		leader.goesBy(goingBy("after"))
		leader.rewinds("150")
		leader.CatchUp(t.Context())
		over := leader.change()
		reader.rewinds("150")
		sleep(2 * duration)
		reader.expectTold(goingBy("after"), "in the next epoch")
		reader.expect(true, "when it has been proved anew")
		if !over() {
			t.Error("it waits though everybody knows")
		}
	})
}

func TestAWordThatWasDeletedIsSaidAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		leader.goesBy(goingBy("paused"))
		sleep(duration)
		word := &coordinationv1.Lease{}
		word.Name, word.Namespace = wordName, namespace
		if err := w.cluster.Delete(t.Context(), word); err != nil {
			t.Fatal(err)
		}
		w.shown(word, true)
		reader.expectTold(goingBy("paused"), "while it is gone, as its lease lasts")
		leader.goesBy(goingBy("held back"))
		over := leader.change()
		sleep(duration)
		reader.expectTold(goingBy("held back"), "by the Lease that was made again")
		reader.expect(true, "afterwards")
		if !over() {
			t.Error("it waits though everybody has been told")
		}
	})
}

func TestAWordHasRoomForSoMuch(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		all := state.History{}
		for n := range 2000 {
			all[fmt.Sprintf("organization-%04d", n)] = state.OrganizationHistory{Digest: "0123456789012345678901234567890123456789012"}
		}
		leader.goesBy(all)
		sleep(duration)
		reader.expect(true, "about those of which something is said")
		reader.mu.Lock()
		told := len(reader.told)
		_, first := reader.told["organization-0000"]
		_, last := reader.told["organization-1999"]
		reader.mu.Unlock()
		if told < 500 || told > 1000 || !first || last {
			t.Errorf("%d organizations, the first %t, the last %t", told, first, last)
		}
		var word coordinationv1.Lease
		if err := w.cluster.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: wordName}, &word); err != nil {
			t.Fatal(err)
		}
		if length := len(word.Annotations[annotation]); length > 2*maxHistory {
			t.Errorf("its word has %d bytes", length)
		}
	})
}

// Anybody who may delete many last roles would else keep the other replicas from answering about other organizations.
func TestWhatStaysInOneOrganizationTakesNoRoomFromAnother(t *testing.T) {
	long := state.OrganizationHistory{Digest: "digest"}
	for n := range 3000 {
		long.Staying = append(long.Staying, types.UID(fmt.Sprintf("%036d", n)))
	}
	short := state.OrganizationHistory{Digest: "digest", Staying: []types.UID{"uid"}}
	some, omitted := bounded(state.History{"acme": long, "umbrella": short})
	if want := (state.History{"acme": {Digest: "digest"}, "umbrella": short}); !some.Equal(want) || omitted != 1 {
		t.Errorf("it has %v, and leaves something out of %d", some, omitted)
	}
}
