package state_test

import (
	"fmt"
	"testing"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// pair is a state that is carried out, and one that follows.
type pair struct {
	*testing.T

	leader, follower *state.State
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{T: t, leader: newRevoking(t).state}
	p.follower = p.follow()
	return p
}

// follow is a state that follows, with the objects of newRevoking.
func (p *pair) follow() *state.State {
	s := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
	s.Follow(nil, namespace("acme"), build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").Workspace("prod").Obj(),
		build.ResourceType("app").Permits("View").Obj(), build.User("acme", "alice").Obj(),
		build.Role("acme", "admin").Grants("View").Obj(), build.Role("acme", "editor").Grants("View").Obj())
	return s
}

// both see objects, each one by one.
func (p *pair) both(objects ...client.Object) {
	for _, object := range objects {
		p.leader.Put(object.DeepCopyObject().(client.Object))
		p.follower.Follow(nil, object.DeepCopyObject().(client.Object))
	}
}

// told has the follower hear what the leader goes by.
func (p *pair) told() { p.follower.FollowHistory(p.leader.History()) }

func (p *pair) expect(answers bool, when string) {
	p.Helper()
	if _, same := p.follower.SameHistory("acme"); same != answers {
		p.Errorf("%s it answers: %t", when, same)
	}
}

// editor is the role editor, written as of a generation.
func editor(generation int64, permission string, isPaused bool) *v1alpha1.Role {
	role := build.Role("acme", "editor").Grants(permission).Obj()
	role.UID, role.Generation = "editor", generation
	paused(role, isPaused)
	return role
}

// recorded is a role with the record of what it is held to, as the leader writes it.
func (p *pair) recorded(role *v1alpha1.Role) *v1alpha1.Role {
	p.Helper()
	outcome, known := p.leader.Outcome(kinds.RefOf(role))
	if !known || outcome.Paused == nil {
		p.Fatal("it is not paused")
	}
	role = role.DeepCopy()
	role.Status.ObservedGeneration, role.Status.Held = role.Generation, outcome.Paused.Record
	return role
}

func TestWhoeverFollowsAnswersWhenItGoesByTheSame(t *testing.T) {
	p := newPair(t)
	p.both(editor(1, "View", false))
	p.expect(true, "with nothing that anybody has to say")
	if len(p.leader.History()) != 0 {
		t.Errorf("the leader has %v to say", p.leader.History())
	}

	pausing := editor(1, "View", true)
	pausing.Status.ObservedGeneration = 1
	p.both(pausing)
	p.expect(false, "while nobody has said what a paused role is held to")
	p.told()
	p.expect(true, "when that was said")

	edited := editor(2, "Other", true)
	p.both(edited)
	p.expect(false, "about an edit of which it does not know whether it waits")
	p.told()
	p.expect(false, "when it is said again, but not what it waits for")
	p.both(p.recorded(edited))
	p.expect(true, "when that is recorded")

	p.both(editor(2, "Other", false))
	p.expect(false, "when the pause has ended, and the last that was said is old")
	p.told()
	p.expect(true, "when that was said")
}

// Whoever can write a status makes nobody answer by it.
func TestNoStatusIsBelievedThatNobodyHasProved(t *testing.T) {
	p := newPair(t)
	p.both(editor(1, "View", false))
	p.both(editor(2, "Other", true))
	p.both(p.recorded(editor(2, "Other", true)))
	p.told()
	p.expect(true, "by the record")
	forged := p.recorded(editor(2, "Other", true))
	held, err := v1alpha1.Hold(editor(1, "Forged", false))
	if err != nil {
		t.Fatal(err)
	}
	forged.Status.Held = held
	p.follower.Follow(nil, forged)
	p.expect(false, "by a record that says something else")
	forged.Status.Held = nil
	p.follower.Follow(nil, forged.DeepCopy())
	p.expect(false, "without one")
	p.follower.Follow(nil, p.recorded(editor(2, "Other", true)))
	p.expect(true, "by the leader's again")
}

func TestOneOfTheSameNameIsAnother(t *testing.T) {
	p := newPair(t)
	p.both(editor(1, "View", false))
	p.both(editor(1, "View", true))
	p.both(p.recorded(editor(1, "View", true)))
	p.told()
	p.expect(true, "about the first")
	again := p.recorded(editor(1, "View", true))
	again.UID = "again"
	p.follower.Remove(kinds.RefOf(again))
	p.expect(false, "when it is gone, and what was said is about it")
	p.follower.Follow(nil, again.DeepCopy())
	p.expect(false, "when it was made again, just alike")
	p.leader.Remove(kinds.RefOf(again))
	p.leader.Put(again.DeepCopy())
	p.told()
	p.expect(true, "when the leader has said so")
}

func TestWhatALeaderOfBeforeSaidIsOld(t *testing.T) {
	p := newPair(t)
	p.both(editor(1, "View", false))
	p.both(editor(2, "Other", true)) // an edit that came with the pause
	p.both(p.recorded(editor(2, "Other", true)))
	p.told()
	p.expect(true, "by the first leader's word")
	next := p.follow()
	lost := editor(2, "Other", true) // the record is lost, as in a restored backup
	lost.Status.ObservedGeneration = 1
	next.Follow(nil, lost.DeepCopy())
	next.Judge()
	p.leader = next
	p.told()
	p.expect(false, "by the word of one who goes by something else")
	p.follower.Follow(nil, lost.DeepCopy())
	p.expect(true, "when it has seen what that one has")
	p.follower.FollowHistory(nil)
	p.expect(false, "when nobody says anything any more")
}

// Of two the first to be deleted goes, and the other stays. Who has seen both at once takes the older one to have gone.
func TestWhichAssignmentStaysIsForTheLeaderToSay(t *testing.T) {
	p := newPair(t)
	young, old := given("young", "editor", 2), given("old", "editor", 1)
	p.both(young, old)
	p.leader.Put(deleted(young))
	p.leader.Put(deleted(old))
	p.follower.Follow(nil, deleted(young), deleted(old))
	expect := func(s *state.State, stays *v1alpha1.RoleAssignment, goes ...*v1alpha1.RoleAssignment) {
		t.Helper()
		if outcome, _ := s.Outcome(kinds.RefOf(stays)); !outcome.InForce || !outcome.Protected {
			t.Errorf("%s does not stay: %s", stays.Name, outcome.Message)
		}
		for _, o := range goes {
			if outcome, _ := s.Outcome(kinds.RefOf(o)); outcome.InForce {
				t.Errorf("%s stays: %s", o.Name, outcome.Message)
			}
		}
	}
	expect(p.leader, old, young)
	expect(p.follower, young, old)
	p.expect(false, "while nobody has said which of two stays")
	p.told()
	expect(p.follower, old, young)
	p.expect(true, "when that was said")

	another := given("another", "editor", 3)
	p.follower.Follow(nil, another)
	expect(p.follower, old, young)
	p.expect(true, "about one that the leader has still to let go")
	p.leader.Put(another)
	p.told()
	p.expect(true, "when the leader has let it go")
	if outcome, _ := p.follower.Outcome(kinds.RefOf(old)); outcome.InForce {
		t.Errorf("it is in force: %s", outcome.Message)
	}
}

func TestWhatOneStaysForIsSaidOfThatOneOnly(t *testing.T) {
	p := newPair(t)
	last := given("last", "editor", 1)
	p.both(last)
	p.leader.Put(deleted(last))
	p.told()
	p.expect(false, "before it has seen the deletion")
	p.follower.Follow(nil, deleted(last))
	p.expect(true, "when it has")
	again := given("last", "editor", 1)
	again.UID = "again"
	p.follower.Remove(kinds.RefOf(last))
	p.follower.Follow(nil, deleted(again))
	p.expect(false, "about another one of the same name")
}

// Whoever begins to lead goes on from what it was told, and hears nobody any more.
func TestWhoeverBeginsToLeadKeepsWhatStays(t *testing.T) {
	p := newPair(t)
	young, old := given("young", "editor", 2), given("old", "editor", 1)
	p.both(young, old)
	p.leader.Put(deleted(young))
	p.leader.Put(deleted(old))
	p.follower.Follow(nil, deleted(young), deleted(old))
	p.told()
	p.follower.Judge()
	if outcome, _ := p.follower.Outcome(kinds.RefOf(old)); !outcome.InForce {
		t.Errorf("it goes: %s", outcome.Message)
	}
	if !p.follower.History().Equal(p.leader.History()) {
		t.Error("it goes by something else")
	}
	p.follower.FollowHistory(nil)
	if outcome, _ := p.follower.Outcome(kinds.RefOf(old)); !outcome.InForce {
		t.Errorf("whoever leads hears others: %s", outcome.Message)
	}
}

// What is refused because of who wrote it, and paused: its status says that it is paused.
func TestWhatWasFoundOfAnAuthorIsSaid(t *testing.T) {
	x := by(mallory, build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj())
	x.UID = "x"
	x.Status.ObservedGeneration = 1
	p := &pair{T: t, leader: state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))}
	p.follower = state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	for _, object := range organizationOf(newcomerOf()) {
		p.both(object)
	}
	p.both(x)
	p.expect(false, "while nobody has said what was found")
	p.told()
	p.expect(true, "when somebody has, though no status says so yet")
	edit := x.DeepCopy()
	editing := mallory
	editing.Generation = 2
	by(editing, edit)
	p.follower.Follow(nil, edit)
	p.expect(false, "about an edit")
	p.leader.Put(edit.DeepCopy())
	p.told()
	p.expect(true, "when that was judged")
}

// The API server gives a status that nobody has written the observedGeneration -1.
func TestWhatNobodyHasSaidAnythingOfIsNoHistory(t *testing.T) {
	x := by(mallory, build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj())
	x.UID = "x"
	x.Status.ObservedGeneration = -1
	p := &pair{T: t, leader: state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))}
	p.follower = state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	p.both(organizationOf(newcomerOf())...)
	p.leader.Judge()
	p.told()
	p.expect(true, "before")
	p.both(x)
	p.expect(true, "about one that is new, and gives nothing yet")
	p.told()
	p.expect(true, "when the leader has judged it")
}

// An answer that was made between two changes belongs to neither.
func TestAnAnswerIsOfOneHistory(t *testing.T) {
	p := newPair(t)
	p.both(editor(1, "View", false))
	before, same := p.follower.SameHistory("acme")
	if !same {
		t.Fatal("it does not answer")
	}
	p.follower.Follow(nil, editor(1, "View", true))
	if _, same := p.follower.SameHistory("acme"); same {
		t.Error("it answers though something is paused")
	}
	p.follower.Follow(nil, editor(1, "View", false))
	if after, same := p.follower.SameHistory("acme"); !same || after == before {
		t.Error("an answer of before counts")
	}
}

// A digest of many is made of those of a few, so that a change of one costs little.
func TestMuchHistoryIsToldInFewWords(t *testing.T) {
	p := newPair(t)
	organization := build.Organization("acme").OwnedBy("alice").AdministeredBy("admin").Workspace("prod").Obj()
	paused(organization, true)
	objects := []client.Object{organization}
	const many = 2000
	for n := range many {
		objects = append(objects, build.Role("acme", fmt.Sprint("r", n)).Obj())
	}
	p.leader.Put(copies(objects...)...)
	for _, object := range copies(objects...) {
		p.follower.Follow(nil, object) // in another order, one by one
	}
	p.told()
	p.expect(true, "about many")
	if said := p.leader.History(); len(said["acme"].Digest) != 43 || len(said["acme"].Staying) > 0 {
		t.Errorf("it says %v", said)
	}
	p.follower.Remove(kinds.RefOf(objects[many]))
	p.expect(false, "about one less")
	p.follower.Follow(nil, copies(objects[many])...)
	p.expect(true, "about as many again")
}
