package controllers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// lagging is a controller of users whose cache shows what it is told to.
type lagging struct {
	*testing.T
	api      client.Client
	events   *events.FakeRecorder
	r        *reconciler
	request  reconcile.Request
	writes   int
	cached   *v1alpha1.User // nil: what the API server has
	recorded int
}

// inLag runs a test of the user bob, whose subject alice has too, so that his status says he is Stalled.
func inLag(t *testing.T, test func(*lagging)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		scheme := runtime.NewScheme()
		if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
			t.Fatal(err)
		}
		organization := build.Organization("acme").Obj()
		organization.Finalizers = []string{v1alpha1.Finalizer}
		cluster := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}, organization, alice()}
		user := build.User("acme", "bob").KnownAs("same").Obj()
		user.UID, user.Generation, user.Finalizers = "1", 1, []string{v1alpha1.Finalizer}
		l := &lagging{T: t, events: events.NewFakeRecorder(10), request: reconcile.Request{NamespacedName: client.ObjectKeyFromObject(user)}}
		l.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(user).WithObjects(user).Build()
		l.r = &reconciler{
			kind: kinds.User, example: &v1alpha1.User{}, recorder: l.events, clock: clock.RealClock{},
			engine: startEngine(ctx, t, storetest.NewFake(), clock.RealClock{}, cluster),
			client: interceptor.NewClient(l.api.(client.WithWatch), interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
					if l.cached != nil {
						l.cached.DeepCopyInto(into.(*v1alpha1.User))
						return nil
					}
					return c.Get(ctx, key, into, options...)
				},
				SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, options ...client.SubResourcePatchOption) error {
					l.writes++
					return c.SubResource(sub).Patch(ctx, o, p, options...)
				},
			}),
		}
		test(l)
	})
}

// alice is the elder of the two with one subject.
func alice() *v1alpha1.User {
	user := build.User("acme", "alice").KnownAs("same").Obj()
	user.Finalizers = []string{v1alpha1.Finalizer}
	return user
}

// stored is the user as the API server has it.
func (l *lagging) stored() *v1alpha1.User {
	l.Helper()
	user := &v1alpha1.User{}
	if err := l.api.Get(l.Context(), l.request.NamespacedName, user); err != nil {
		l.Fatal(err)
	}
	return user
}

// expect reconciles and expects that many writes and events since the test began, and whether the user is looked at
// again.
func (l *lagging) expect(when string, writes, said int, again bool) {
	l.Helper()
	shown := l.cached
	if shown == nil {
		shown = &v1alpha1.User{}
		if err := client.IgnoreNotFound(l.api.Get(l.Context(), l.request.NamespacedName, shown)); err != nil {
			l.Fatal(err)
		}
	}
	if shown.Name != "" {
		l.r.engine.Observe(shown)
	}
	result, err := inTurns(kinds.User, l.r).Reconcile(l.Context(), l.request)
	if err != nil {
		l.Fatal(err)
	}
	for len(l.events.Events) > 0 {
		<-l.events.Events
		l.recorded++
	}
	if l.writes != writes || l.recorded != said || (result.RequeueAfter > 0) != again {
		l.Errorf("%s: got %d writes, %d events and %+v; want %d, %d and %t", when, l.writes, l.recorded, result, writes, said, again)
	}
}

func (l *lagging) remembered() int { return len(l.r.written.last) }

func TestAStatusIsWrittenAndSaidOnceWhereTheCacheIsBehindIt(t *testing.T) {
	inLag(t, func(l *lagging) {
		before := l.stored()
		l.expect("a new user", 1, 1, false)
		l.cached = before
		l.expect("before the cache shows its status", 1, 1, true)
		l.cached = nil
		l.expect("when it does", 1, 1, false)
		if l.remembered() != 0 {
			t.Error("what the cache shows is still remembered")
		}
	})
}

func TestAStatusThatTheCacheDoesNotShowYetIsTakenBack(t *testing.T) {
	inLag(t, func(l *lagging) {
		l.expect("a new user", 1, 1, false)
		stalled := l.stored()
		l.r.engine.Forget(kinds.RefOf(alice()), "")
		synctest.Wait()
		l.expect("the subject is free", 2, 1, false)
		anew := alice()
		anew.ResourceVersion = "1000000"
		l.r.engine.Observe(anew)
		synctest.Wait()
		l.cached = stalled
		l.expect("it is taken again, and the cache shows how it was at first", 2, 1, true)
		l.cached = nil
		l.expect("the cache has caught up", 3, 2, false)
		if !meta.IsStatusConditionTrue(l.stored().Status.Conditions, v1alpha1.ConditionStalled) {
			t.Error("the status does not say that the subject is taken")
		}
	})
}

func TestACacheIsNotWaitedForInVain(t *testing.T) {
	for name, change := range map[string]func(cached *v1alpha1.User){
		"after a restore, with versions that have gone back": func(*v1alpha1.User) { <-time.After(longestLag) },
		"for another object of its name":                     func(cached *v1alpha1.User) { cached.UID = "2" },
		"for versions that have no order":                    func(cached *v1alpha1.User) { cached.ResourceVersion = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			inLag(t, func(l *lagging) {
				before := l.stored()
				l.expect("a new user", 1, 1, false)
				change(before)
				l.cached = before
				l.expect("not behind", 2, 2, false)
			})
		})
	}
	t.Run("when the object is gone", func(t *testing.T) {
		inLag(t, func(l *lagging) {
			l.expect("a new user", 1, 1, false)
			user := l.stored()
			user.Finalizers = nil
			if err := errors.Join(l.api.Update(l.Context(), user), l.api.Delete(l.Context(), user)); err != nil {
				t.Fatal(err)
			}
			l.expect("it is gone", 1, 1, false)
			if l.remembered() != 0 {
				t.Error("what is gone is remembered")
			}
		})
	})
}
