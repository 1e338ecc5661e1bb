package tuplesync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// randomly changes objects and, where it should, the store behind the syncer's back.
type randomly struct {
	*world
	random *rand.Rand
	there  map[kinds.Ref]client.Object
}

func (r *randomly) name(kind string, count int) string { return fmt.Sprint(kind, r.random.IntN(count)) }

// change puts or removes one object. The Organization stays, without which nothing would be wanted.
func (r *randomly) change() {
	object := r.object()
	ref := kinds.RefOf(object)
	if ref.Kind != kinds.Organization && r.random.IntN(3) == 0 {
		delete(r.there, ref)
		r.remove(object)
		return
	}
	r.there[ref] = object
	r.put(object)
}

func (r *randomly) object() client.Object {
	switch r.random.IntN(12) {
	case 0:
		return wide(4 + r.random.IntN(300))
	case 1:
		user := build.User("acme", r.name("u", 10)).Obj()
		user.Spec.Suspended = r.random.IntN(2) == 0
		return user
	case 2, 3:
		role := build.Role("acme", r.name("r", 3)).Grants(r.name("P", 8)).Obj()
		role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, r.entries(3)...)
		return role
	case 4, 5, 6:
		object := grant(r.name("g", 8), r.name("u", 3))
		object.Spec.Permissions = append(r.entries(1), v1alpha1.PermissionEntry{Permission: r.name("P", 8)})
		return object
	default:
		made := build.RoleAssignment("acme", r.name("a", 20)).Gives(r.name("r", 3)).ToUser(r.name("u", 10))
		if r.random.IntN(2) == 0 {
			made.InWorkspace(r.name("w", 4))
		}
		return made.Obj()
	}
}

// entries are up to so many bulky ones.
func (r *randomly) entries(most int) (entries []v1alpha1.PermissionEntry) {
	for n := range most {
		if r.random.IntN(3) == 0 {
			entries = append(entries, bulky(fmt.Sprint("P", n), r.random.IntN(2)))
		}
	}
	return entries
}

// meddle changes the store as a foreign hand would.
func (r *randomly) meddle() {
	for key := range r.fake.Tuples() {
		switch r.random.IntN(60) {
		case 0:
			r.fake.Uproot(key)
		case 1:
			r.fake.Plant(store.Tuple{Key: key, Context: junk()})
		case 2:
			if cell, place, ok := tuples.CellOf(key); ok {
				r.fake.Plant(store.Tuple{Key: cell.Place((place + 1) % cell.Places()), Context: junk()})
			}
		}
	}
	r.fake.Plant(foreign("group:acme/" + r.name("x", 5)))
}

// trouble is a store that is slow, fails, loses answers and refuses.
func trouble(random *rand.Rand) storetest.Hooks {
	choose := serialized(rand.New(rand.NewPCG(random.Uint64(), 0)))
	hooks := faulty(random, func([]store.Tuple, []store.Key) {})
	slow := hooks.Write
	hooks.Write = func(ctx context.Context, writes []store.Tuple, deletes []store.Key) error {
		if choose(20) == 0 {
			return fmt.Errorf("%w: by chance", store.ErrRefused)
		}
		return slow(ctx, writes, deletes)
	}
	hooks.Visit = func(context.Context) error {
		<-time.After(time.Duration(choose(1000)) * time.Microsecond)
		if choose(2000) == 0 {
			return errDown
		}
		return nil
	}
	return hooks
}

func TestAnySequenceOfChangesAndFaultsConvergesToWhatIsWanted(t *testing.T) {
	for seed := range seeds.Of(t, 8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			inWorld(t, func(w *world) {
				random := rand.New(rand.NewPCG(seed, seed))
				r := &randomly{world: w, random: random, there: map[kinds.Ref]client.Object{}}
				for range 20 {
					r.state.Put(r.object()) // what is there before the start is not touched
				}
				w.fake.Plant(store.Tuple{Key: tuples.GrantCell("organization:acme", "user:u0@example.com").Place(0), Context: &structpb.Struct{}})
				w.hook(trouble(rand.New(rand.NewPCG(seed, 1))))
				w.start()
				meddling := seed%2 == 1
				for range 150 {
					r.change()
					if meddling && random.IntN(40) == 0 {
						r.meddle()
					}
					w.pause(random, time.Duration(1+random.IntN(1000))*time.Millisecond)
				}
				w.hook(storetest.Hooks{})
				wait := untilRetried
				if meddling {
					wait = 3 * compareEvery
				}
				w.sleep(wait)
				w.expectWhole()
				if !w.syncer.InSync() {
					t.Error("not in sync")
				}
				for _, object := range r.there {
					if err := <-w.awaiting(object); err != nil {
						t.Errorf("%v: %v", kinds.RefOf(object), err)
					}
				}
			})
		})
	}
}

// Whoever is told that what they wanted is in the store finds it there, at that very moment.
func TestWhoeverIsToldThatTheStoreAgreesFindsItSo(t *testing.T) {
	for seed := range seeds.Of(t, 6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			inWorld(t, func(w *world) {
				random := rand.New(rand.NewPCG(seed, seed))
				w.start()
				w.hook(faulty(rand.New(rand.NewPCG(seed, 1)), func([]store.Tuple, []store.Key) {}))
				told := 0
				for range 200 {
					given := assignment(fmt.Sprint("a", random.IntN(12)), fmt.Sprint("r", random.IntN(2)), fmt.Sprint("u", random.IntN(4)))
					if random.IntN(3) == 0 {
						w.remove(given)
					} else {
						w.put(given)
					}
					if w.syncer.Await(w.Context(), kinds.RefOf(given)) == nil {
						told++
						w.expectHeld(given)
					}
					w.pause(random, 300*time.Millisecond)
				}
				if told < 50 {
					t.Errorf("%d were told, too few to test anything", told)
				}
				w.hook(storetest.Hooks{})
			})
		})
	}
}

// expectHeld wants the store to hold what an assignment at the organization gives, if it is in force.
func (w *world) expectHeld(given *v1alpha1.RoleAssignment) {
	w.Helper()
	outcome, _ := w.state.Outcome(kinds.RefOf(given))
	if !outcome.InForce {
		return
	}
	binding := "binding:organization/acme/" + given.Spec.RoleRef.Name
	held := w.fake.Tuples()
	assignee := store.Key{Object: binding, Relation: "assignee", User: "user:" + given.Spec.Subject.User + "@example.com"}
	if _, there := held[assignee]; !there {
		w.Errorf("%v is not in the store", assignee)
	}
	cell := tuples.RoleCell("organization:acme", binding)
	if len(contentOf(held).cells[cell]) == 0 {
		w.Errorf("the store does not say what %v gives", given.Spec.RoleRef.Name)
	}
}
