package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestNothingIsSaidBeforeEverythingIsLoaded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		w.start()
		user := w.stored(build.User("acme", "u0").Obj())
		w.objects[3] = user
		said := make(chan error, 1)
		go func() {
			outcome, err := w.engine.Outcome(w.Context(), user)
			if err == nil && outcome.Reason != v1alpha1.ReasonValid {
				err = fmt.Errorf("got %+v", outcome)
			}
			said <- err
		}()
		synctest.Wait()
		select {
		case err := <-said:
			t.Fatalf("said before anything was loaded: %v", err)
		default:
		}
		if w.engine.State() != nil || len(w.fake.Tuples()) != 0 {
			t.Error("something is known before it was loaded")
		}
		w.version.Store(0) // what is loaded is what was asked for
		w.see()
		synctest.Wait()
		if len(w.fake.Tuples()) == 0 || !w.engine.InSync() {
			t.Error("the store does not hold what was loaded")
		}
		select {
		case err := <-said:
			if err != nil && !errors.Is(err, engine.ErrBehind) {
				t.Error(err)
			}
		default:
			t.Error("nothing is said")
		}
	})
}

func TestWhoeverIsStoppedBeforeAnythingIsLoadedHearsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		if outcome, err := w.engine.Outcome(ctx, w.stored(build.User("acme", "u0").Obj())); !errors.Is(err, context.Canceled) {
			t.Errorf("got %+v, %v", outcome, err)
		}
	})
}

func TestALeaderWritesNothingBeforeItHasSeenWhatThereIs(t *testing.T) {
	user := kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u1"}
	for name, test := range map[string]struct {
		// behind makes the watches be behind what there is, and caughtUp ends that.
		behind   func(*world)
		caughtUp func(*world)
	}{
		"an object that the watch does not show yet": {
			behind: func(w *world) { w.there.Of[kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u2"}] = "1000" },
			caughtUp: func(w *world) {
				w.version.Store(999)
				w.engine.Observe(w.stored(build.User("acme", "u2").Obj()))
			},
		},
		"an edit that the watch does not show yet": {
			behind: func(w *world) { w.there.Of[user] = "1000" },
			caughtUp: func(w *world) {
				w.version.Store(999)
				w.engine.Observe(w.stored(build.User("acme", "u1").Suspended().Obj()))
			},
		},
		"a deletion that the watch does not show yet": {
			behind: func(w *world) {
				delete(w.there.Of, user)
				w.there.Listed = map[string]string{kinds.User: "1000"}
			},
			caughtUp: func(w *world) { w.engine.Forget(user, "1000") },
		},
		"an object that is gone by the time of the next list": {
			behind:   func(w *world) { w.there.Of[kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u2"}] = "1000" },
			caughtUp: func(w *world) { delete(w.there.Of, kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u2"}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.objects = append(beginning(), assignment("a0", "r0", "u1"))
				w.see()
				test.behind(w)
				w.start()
				w.sleep(time.Minute)
				if w.engine.LeadersState() != nil || len(w.fake.Tuples()) != 0 {
					t.Error("it leads by what it has not seen")
				}
				if w.engine.State() == nil {
					t.Error("what has been seen is not known")
				}
				test.caughtUp(w)
				w.sleep(time.Minute)
				if w.engine.LeadersState() == nil || !w.engine.InSync() {
					t.Error("it does not lead")
				}
			})
		})
	}
}

func TestWhatChangesBeforeAReplicaLeadsIsLookedAtAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = append(beginning(), assignment("a0", "later", "u0"))
		w.see()
		w.there.Of[kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u2"}] = "1000" // so that it does not lead yet
		w.start()
		synctest.Wait()
		w.engine.Observe(w.stored(build.Role("acme", "later").Grants("P0").Obj()))
		w.expectQueued(kinds.RoleAssignment, "acme/a0")
		w.forgetQueues()
		w.engine.Observe(w.stored(assignment("a1", "r0", "u0")))
		w.expectQueued(kinds.Role, "acme/r0")
		if w.engine.LeadersState() != nil {
			t.Error("it leads")
		}
	})
}

func TestAnObjectTakesEffectOnceItHasItsFinalizer(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		w.begin()
		before := len(w.fake.Tuples())
		bare := w.stored(assignment("a0", "r0", "u0"))
		bare.SetFinalizers(nil)
		w.engine.Observe(bare)
		outcome, err := w.engine.Outcome(w.Context(), bare)
		if err != nil || outcome.InForce || len(w.fake.Tuples()) != before {
			t.Errorf("got %+v, %v, and %d tuples more", outcome, err, len(w.fake.Tuples())-before)
		}
		if outcome, err := w.put(assignment("a0", "r0", "u0")); err != nil || !outcome.InForce || len(w.fake.Tuples()) == before {
			t.Errorf("got %+v, %v", outcome, err)
		}
		// Whoever takes the finalizer away takes no access: it is set again.
		stripped := w.stored(assignment("a0", "r0", "u0"))
		stripped.SetFinalizers(nil)
		w.engine.Observe(stripped)
		if outcome, err := w.engine.Outcome(w.Context(), stripped); err != nil || !outcome.InForce {
			t.Errorf("got %+v, %v", outcome, err)
		}
		// The same name is not the same object.
		other := w.stored(assignment("a0", "r0", "u0"))
		other.SetFinalizers(nil)
		other.SetUID("another")
		w.engine.Observe(other)
		if outcome, err := w.engine.Outcome(w.Context(), other); err != nil || outcome.InForce {
			t.Errorf("got %+v, %v", outcome, err)
		}
		synctest.Wait()
		if got := len(w.fake.Tuples()); got != before {
			t.Errorf("%d tuples, want %d", got, before)
		}
	})
}

func TestWhoeverAsksForAnotherVersionLooksAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		w.begin()
		older := w.stored(assignment("a0", "r0", "u0"))
		w.apply(assignment("a0", "r1", "u0"))
		if _, err := w.engine.Outcome(w.Context(), older); !errors.Is(err, engine.ErrBehind) {
			t.Errorf("got %v", err)
		}
		unseen := w.stored(assignment("a0", "r0", "u0"))
		failed := make(chan error, 1)
		go func() {
			_, err := w.engine.Outcome(w.Context(), unseen)
			failed <- err
		}()
		synctest.Wait()
		w.clock.Step(time.Minute)
		if err := <-failed; !errors.Is(err, engine.ErrBehind) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatIsBeingDeletedIsNotLoadedUnlessItMayStay(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for kind, stays := range map[string]bool{
		kinds.RoleAssignment: true, kinds.Namespace: true,
		kinds.User: false, kinds.Group: false, kinds.Role: false, kinds.Organization: false,
		kinds.ResourceType: false, kinds.PermissionGrant: false, kinds.TemporaryPermissionGrant: false,
		kinds.GroupMembership: false, kinds.Invitation: false,
	} {
		if got := kinds.KeptWhileDeleted(kind); got != stays {
			t.Errorf("%s stays while it is being deleted: %t, want %t", kind, got, stays)
		}
	}
	inWorld(t, func(w *world) {
		w.objects = append(beginning(), assignment("a0", "r0", "u0"), assignment("a1", "r0", "u1"))
		for _, object := range w.objects {
			if object.GetName() == "u1" {
				setDeleted(object, now)
			}
		}
		w.begin()
		if outcome, err := w.put(assignment("a1", "r0", "u1")); err != nil || outcome.Reason != v1alpha1.ReasonUserNotFound {
			t.Errorf("got %+v, %v", outcome, err)
		}
		if outcome, err := w.put(assignment("a0", "r0", "u0")); err != nil || !outcome.InForce {
			t.Errorf("got %+v, %v", outcome, err)
		}
	})
}

func TestApplyReturnsWhenTheStoreAgreesWhoeverElseIsAtWork(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		w.begin()
		w.fake.Hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error {
			<-time.After(time.Millisecond)
			return nil
		}})
		const workers, each = 16, 25
		done := make(chan struct{})
		for worker := range workers {
			go func() {
				defer func() { done <- struct{}{} }()
				for n := range each {
					// All want the same tuples: who joins waits for who came first.
					given := assignment(fmt.Sprint("a", worker), fmt.Sprint("r", n%2), "u0")
					outcome, err := w.put(given)
					if err != nil || !outcome.InForce {
						t.Errorf("%s: got %+v, %v", given.Name, outcome, err)
					}
					tuple := store.Key{Object: "binding:organization/acme/" + given.Spec.RoleRef.Name, Relation: "assignee", User: "user:u0@example.com"}
					if _, there := w.fake.Tuples()[tuple]; !there {
						t.Errorf("%s is said to be in force, and the store does not have %v", given.Name, tuple)
					}
				}
			}()
		}
		for range workers {
			<-done
		}
		for worker := range workers {
			if err := w.remove(kinds.RefOf(assignment(fmt.Sprint("a", worker), "r0", "u0"))); err != nil {
				t.Error(err)
			}
		}
		for key := range w.fake.Tuples() {
			if key.Relation != "parent" {
				t.Errorf("%v is still there", key)
			}
		}
	})
}

func TestOthersWhoseOutcomeChangesAreLookedAtAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = append(beginning(), assignment("a0", "later", "u0"), assignment("a1", "r0", "u0"))
		w.begin()
		w.forgetQueues()
		later := build.Role("acme", "later").Grants("P0").Obj()
		if _, err := w.put(later); err != nil {
			t.Fatal(err)
		}
		w.expectQueued(kinds.RoleAssignment, "acme/a0")
		w.expectQueued(kinds.Role)
		w.forgetQueues()
		if err := w.remove(kinds.RefOf(later)); err != nil {
			t.Fatal(err)
		}
		w.expectQueued(kinds.RoleAssignment, "acme/a0")
		w.expectQueued(kinds.Role)
	})
}

func TestAnOutageIsToldToOrganizationsAndWhoeverWaits(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = append(beginning(), assignment("a0", "r0", "u0"))
		w.begin()
		w.forgetQueues()
		w.fake.Hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error { return store.ErrUnavailable }})
		outcome, err := w.put(assignment("a1", "r1", "u1"))
		if !errors.Is(err, store.ErrUnavailable) || !outcome.InForce {
			t.Errorf("got %+v, %v; want what is to be said, and that the store does not agree yet", outcome, err)
		}
		if w.engine.Outage() == nil {
			t.Error("there is an outage")
		}
		w.expectQueued(kinds.Organization, "/acme")
		w.expectQueued(kinds.RoleAssignment)
		w.forgetQueues()
		w.fake.Hook(storetest.Hooks{})
		w.sleep(time.Minute)
		if w.engine.Outage() != nil {
			t.Error("the outage is over")
		}
		w.expectQueued(kinds.Organization, "/acme")
		w.expectQueued(kinds.RoleAssignment, "acme/a1")
	})
}

func TestWhatIsDueIsLookedAtAfterAComparison(t *testing.T) {
	inWorld(t, func(w *world) {
		ending := build.TemporaryPermissionGrant("acme", "ending").ToUser("u0").Grants("P0").Until(w.clock.Now().Add(time.Minute)).Obj()
		lasting := build.TemporaryPermissionGrant("acme", "lasting").ToUser("u0").Grants("P0").Until(w.clock.Now().Add(1000 * time.Hour)).Obj()
		w.objects = append(beginning(), ending, lasting)
		w.begin()
		w.forgetQueues()
		w.sleep(3 * compareEvery)
		w.expectQueued(kinds.TemporaryPermissionGrant)
		w.clock.SetTime(w.clock.Now().Add(time.Minute))
		w.sleep(3 * compareEvery)
		if queued := w.queued(kinds.TemporaryPermissionGrant); len(queued) == 0 || slices.Contains(queued, "acme/lasting") {
			t.Errorf("looked at %v, want the one that has ended", queued)
		}
	})
}

func TestARoleIsLookedAtOnceForManyAssignments(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		w.begin()
		w.forgetQueues()
		for n := range 50 {
			if _, err := w.put(assignment(fmt.Sprint("a", n), "r0", "u0")); err != nil {
				t.Fatal(err)
			}
		}
		w.expectQueued(kinds.Role)
		w.clock.Step(time.Second)
		w.expectQueued(kinds.Role, "acme/r0")
		if outcome, err := w.put(build.Role("acme", "r0").Grants("P0").Obj()); err != nil || outcome.Assignments != 50 {
			t.Errorf("got %+v, %v", outcome, err)
		}
	})
}

func TestAnObjectIsLookedAtAgainAtItsInstant(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		w.begin()
		w.forgetQueues()
		ref := kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u0"}
		instant := w.clock.Now().Add(time.Hour)
		w.engine.RequeueAt(ref, instant)
		w.expectQueued(kinds.User)
		w.clock.SetTime(instant.Add(-time.Second))
		w.expectQueued(kinds.User)
		w.clock.SetTime(instant)
		w.expectQueued(kinds.User, "acme/u0")
		w.forgetQueues()
		w.clock.Step(time.Hour)
		w.expectQueued(kinds.User) // once
		w.engine.RequeueAt(ref, instant)
		w.expectQueued(kinds.User, "acme/u0") // it has passed
	})
}

func assignment(name, role, user string) *v1alpha1.RoleAssignment {
	return build.RoleAssignment("acme", name).Gives(role).ToUser(user).Obj()
}

func beginning() []client.Object {
	return []client.Object{
		namespace("acme"), build.Organization("acme").Workspace("w0").Obj(), build.ResourceType("flow").Permits("P0").Permits("P1").Obj(),
		build.User("acme", "u0").Obj(), build.User("acme", "u1").Obj(),
		build.Role("acme", "r0").Grants("P0").Obj(), build.Role("acme", "r1").Grants("P1").Obj(),
	}
}
