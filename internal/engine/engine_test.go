package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestNothingIsAdmittedBeforeEverythingIsLoaded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.reader.objects, w.reader.gate = beginning(), make(chan struct{})
		w.start()
		request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "acme", Name: "u0"}}
		admitted := make(chan error, 1)
		go func() {
			about, err := w.engine.Admit(w.Context(), kinds.User, request)
			if !about {
				err = errors.Join(err, errors.New("the request is about no object"))
			}
			admitted <- err
		}()
		expectPending := func(while string) {
			t.Helper()
			synctest.Wait()
			select {
			case err := <-admitted:
				t.Fatalf("admitted (%v) while %s", err, while)
			default:
			}
		}
		for n, kind := range watched {
			expectPending(fmt.Sprint("these see nothing yet: ", watched[n:]))
			w.watch(kind)
		}
		expectPending("the objects are being read")
		close(w.reader.gate)
		if err := <-admitted; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(w.fake.Tuples()) == 0 || !w.engine.InSync() {
			t.Error("the store does not hold what was loaded")
		}
	})
}

func TestWhoeverIsStoppedBeforeAnythingIsLoadedIsNotAdmitted(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "acme", Name: "u0"}}
		if about, err := w.engine.Admit(ctx, kinds.User, request); err == nil || about {
			t.Errorf("got %t, %v", about, err)
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
		w.reader.objects = append(beginning(), assignment("a0", "r0", "u0"), assignment("a1", "r0", "u1"))
		for _, object := range w.reader.objects {
			if object.GetName() == "u1" {
				setDeleted(object, now)
			}
		}
		w.begin()
		if outcome, err := w.engine.Apply(w.Context(), assignment("a1", "r0", "u1")); err != nil || outcome.Reason != v1alpha1.ReasonUserNotFound {
			t.Errorf("got %+v, %v", outcome, err)
		}
		if outcome, err := w.engine.Apply(w.Context(), assignment("a0", "r0", "u0")); err != nil || !outcome.InForce {
			t.Errorf("got %+v, %v", outcome, err)
		}
	})
}

func TestApplyReturnsWhenTheStoreAgreesWhoeverElseIsAtWork(t *testing.T) {
	inWorld(t, func(w *world) {
		w.reader.objects = beginning()
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
					outcome, err := w.engine.Apply(w.Context(), given)
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
			if err := w.engine.Remove(w.Context(), kinds.RefOf(assignment(fmt.Sprint("a", worker), "r0", "u0"))); err != nil {
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
		w.reader.objects = append(beginning(), assignment("a0", "later", "u0"), assignment("a1", "r0", "u0"))
		w.begin()
		w.forgetQueues()
		later := build.Role("acme", "later").Grants("P0").Obj()
		if _, err := w.engine.Apply(w.Context(), later); err != nil {
			t.Fatal(err)
		}
		w.expectQueued(kinds.RoleAssignment, "acme/a0")
		w.expectQueued(kinds.Role)
		w.forgetQueues()
		if err := w.engine.Remove(w.Context(), kinds.RefOf(later)); err != nil {
			t.Fatal(err)
		}
		w.expectQueued(kinds.RoleAssignment, "acme/a0")
		w.expectQueued(kinds.Role)
	})
}

func TestAnOutageIsToldToOrganizationsAndWhoeverWaits(t *testing.T) {
	inWorld(t, func(w *world) {
		w.reader.objects = append(beginning(), assignment("a0", "r0", "u0"))
		w.begin()
		w.forgetQueues()
		w.fake.Hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error { return store.ErrUnavailable }})
		outcome, err := w.engine.Apply(w.Context(), assignment("a1", "r1", "u1"))
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
		w.reader.objects = append(beginning(), ending, lasting)
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
		w.reader.objects = beginning()
		w.begin()
		w.forgetQueues()
		for n := range 50 {
			if _, err := w.engine.Apply(w.Context(), assignment(fmt.Sprint("a", n), "r0", "u0")); err != nil {
				t.Fatal(err)
			}
		}
		w.expectQueued(kinds.Role)
		w.clock.Step(time.Second)
		w.expectQueued(kinds.Role, "acme/r0")
		if outcome, err := w.engine.Apply(w.Context(), build.Role("acme", "r0").Grants("P0").Obj()); err != nil || outcome.Assignments != 50 {
			t.Errorf("got %+v, %v", outcome, err)
		}
	})
}

func TestAnObjectIsLookedAtAgainAtItsInstant(t *testing.T) {
	inWorld(t, func(w *world) {
		w.reader.objects = beginning()
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
