package state_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// limits are small, so that objects get into each other's way.
var limits = state.Limits{ConditionCost: 70}

// sequence changes a state object by object, and after every change holds it against the reference and
// what the change says of itself.
type sequence struct {
	t       *testing.T
	maker   maker
	clock   *clocktesting.FakePassiveClock
	state   *state.State
	objects map[kinds.Ref]client.Object
	// known are all objects that have ever been there.
	known map[kinds.Ref]bool
	// reasons are those that were seen, so that a test can tell whether it has tested anything.
	reasons map[string]int
	// held counts the permissions that users held.
	held int
}

func newSequence(t *testing.T, choices choices) *sequence {
	clock := clocktesting.NewFakePassiveClock(epoch)
	return &sequence{
		t: t, maker: maker{choices}, clock: clock, state: state.New(limits, clock),
		objects: map[kinds.Ref]client.Object{}, known: map[kinds.Ref]bool{}, reasons: map[string]int{},
	}
}

func (s *sequence) run(steps int) {
	s.t.Helper()
	s.put(s.maker.beginning()...)
	for step := range steps {
		if s.step(); s.t.Failed() {
			s.t.Fatalf("after step %d, with %d objects", step, len(s.objects))
		}
	}
	s.expectOrderDoesNotMatter()
}

func (s *sequence) step() {
	s.t.Helper()
	switch s.maker.IntN(12) {
	case 0:
		s.advance()
	case 1, 2:
		s.remove(s.maker.anyRef(s.list()))
	case 4:
		s.putAgain()
	case 5:
		s.put(s.maker.object(), s.maker.object(), s.maker.object())
	default:
		s.put(s.maker.object())
	}
	if s.maker.oneIn(8) {
		s.expectOrderDoesNotMatter()
	}
}

// list is in a fixed order, so that the same seed gives the same sequence.
func (s *sequence) list() []client.Object {
	return slices.SortedFunc(maps.Values(s.objects), older)
}

func copies(objects ...client.Object) (made []client.Object) {
	for _, object := range objects {
		made = append(made, object.DeepCopyObject().(client.Object))
	}
	return made
}

func (s *sequence) put(objects ...client.Object) {
	s.t.Helper()
	s.change(func() state.Change { return s.state.Put(copies(objects...)...) }, func() {
		for _, object := range objects {
			ref := kinds.RefOf(object)
			s.objects[ref], s.known[ref] = object, true
		}
	})
}

func (s *sequence) remove(ref kinds.Ref) {
	s.t.Helper()
	s.change(func() state.Change { return s.state.Remove(ref) }, func() { delete(s.objects, ref) })
}

// putAgain puts what is there already, as every resync does.
func (s *sequence) putAgain() {
	s.t.Helper()
	there := s.list()
	if len(there) == 0 {
		return
	}
	change := s.state.Put(copies(there[s.maker.IntN(len(there))])...)
	pending := len(change.Outcomes)
	for _, touched := range change.Tuples {
		if !touched.Joined {
			pending++
		}
	}
	for _, touched := range change.Cells {
		if !touched.Joined {
			pending++
		}
	}
	if pending > 0 {
		s.t.Errorf("putting an object again that has not changed is a change: %+v", change)
	}
}

// change makes a change, and says the same to the list of objects.
func (s *sequence) change(do func() state.Change, note func()) {
	s.t.Helper()
	before, wanted := take(s.t, s.state, s.known), s.want()
	change := do()
	note()
	after := take(s.t, s.state, s.known)
	expectNamed(s.t, before, after, change)
	now := s.want()
	now.expectMet(s.t, after)
	s.expectHeld(now, false)
	now.expectReferencesNamed(s.t, wanted, change)
	for _, verdict := range now.verdicts {
		s.reasons[verdict.reason]++
	}
}

func (s *sequence) want() *wanted { return want(s.list(), s.clock.Now(), limits) }

// advance lets time pass, and then does what the engine does with objects that are due.
func (s *sequence) advance() {
	s.t.Helper()
	s.clock.SetTime(s.clock.Now().Add(time.Duration(1+s.maker.IntN(3)) * 20 * time.Minute))
	// What begins or ends by itself has done so. What was kept out by something that has ended is let in when that is evaluated.
	s.expectHeld(s.want(), s.isCrowded())
	for range 3 { // what is due may become due again, to be deleted
		for _, ref := range s.state.Due() {
			before := take(s.t, s.state, s.known)
			var change state.Change
			if outcome, _ := s.state.Outcome(ref); outcome.Done {
				delete(s.objects, ref)
				change = s.state.Remove(ref)
			} else {
				change = s.state.Put(copies(s.objects[ref])...)
			}
			expectNamed(s.t, before, take(s.t, s.state, s.known), change)
		}
	}
	if due := s.state.Due(); len(due) > 0 {
		s.t.Errorf("%v are still due", due)
	}
	now := s.want()
	now.expectMet(s.t, take(s.t, s.state, s.known))
	s.expectHeld(now, false)
}

// expectOrderDoesNotMatter builds the state anew, at once and one by one, in any order.
func (s *sequence) expectOrderDoesNotMatter() {
	s.t.Helper()
	want := take(s.t, s.state, s.known)
	objects := copies(s.list()...)
	for i := len(objects) - 1; i > 0; i-- {
		j := s.maker.IntN(i + 1)
		objects[i], objects[j] = objects[j], objects[i]
	}
	atOnce, oneByOne := state.New(limits, s.clock), state.New(limits, s.clock)
	atOnce.Put(copies(objects...)...)
	expectSame(s.t, take(s.t, atOnce, s.known), want)
	for _, object := range objects {
		oneByOne.Put(object)
	}
	expectSame(s.t, take(s.t, oneByOne, s.known), want)
}

func TestRandomSequencesGiveWhatTheirObjectsSay(t *testing.T) {
	reasons, held := map[string]int{}, 0
	for seed := range seeds.Of(t, 20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			s := newSequence(t, rand.New(rand.NewPCG(seed, seed)))
			s.reasons = reasons
			s.run(60)
			held += s.held
		})
	}
	for _, reason := range []string{
		v1alpha1.ReasonInForce, v1alpha1.ReasonValid, v1alpha1.ReasonOrganizationNotFound, v1alpha1.ReasonNamespaceNotFound,
		v1alpha1.ReasonScopeNotFound, v1alpha1.ReasonResourceTypeNotFound, v1alpha1.ReasonRoleNotFound, v1alpha1.ReasonRoleInvalid,
		v1alpha1.ReasonRoleEmpty, v1alpha1.ReasonRoleTooLarge, v1alpha1.ReasonScopeLevelNotAllowed, v1alpha1.ReasonUserNotFound,
		v1alpha1.ReasonUserInvalid, v1alpha1.ReasonUserSuspended, v1alpha1.ReasonGroupNotFound, v1alpha1.ReasonInvitationNotFound,
		v1alpha1.ReasonSuspended, v1alpha1.ReasonPermissionsInvalid, v1alpha1.ReasonTypeTaken, v1alpha1.ReasonPermissionTaken,
		v1alpha1.ReasonSubjectTaken, v1alpha1.ReasonPending, v1alpha1.ReasonExpired, v1alpha1.ReasonDurationInvalid,
		v1alpha1.ReasonConditionTooExpensive, v1alpha1.ReasonContextTooLarge, v1alpha1.ReasonDuplicate,
		v1alpha1.ReasonInheritanceCycle, v1alpha1.ReasonBaseRoleInherits,
		v1alpha1.ReasonInvitationPending, v1alpha1.ReasonInvitationExpired, v1alpha1.ReasonAccepted,
	} {
		if reasons[reason] == 0 {
			t.Errorf("%s never came up: the world is not of the kind that this test needs", reason)
		}
	}
	if held < 500 {
		t.Errorf("users held only %d permissions", held)
	}
	t.Log(reasons, held)
}

func FuzzSequencesGiveWhatTheirObjectsSay(f *testing.F) {
	random := rand.New(rand.NewPCG(9, 9))
	for range 5 {
		script := make([]byte, 400)
		for i := range script {
			script[i] = byte(random.UintN(256))
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 1500)] // more takes long and finds nothing else
		choices := &bytesAsChoices{script}
		s := newSequence(t, choices)
		if s.maker.oneIn(2) {
			s.put(s.maker.beginning()...)
		}
		for len(choices.left) > 0 && !t.Failed() {
			s.step()
		}
		s.expectOrderDoesNotMatter()
	})
}
