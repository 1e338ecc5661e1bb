package engine_test

import (
	"context"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// informers are what a replica sees of the cluster.
type informers struct {
	*testing.T
	informertest.FakeInformers
}

func newInformers(t *testing.T) *informers {
	i := &informers{T: t}
	i.Scheme = runtime.NewScheme()
	if err := v1alpha1.AddToScheme(i.Scheme); err != nil {
		t.Fatal(err)
	}
	i.Scheme.AddKnownTypeWithName(engine.NamespaceKind, &metav1.PartialObjectMetadata{})
	return i
}

func (i *informers) of(object client.Object) *controllertest.FakeInformer {
	i.Helper()
	informer, err := i.FakeInformerFor(i.Context(), object)
	if err != nil {
		i.Fatal(err)
	}
	return informer
}

func TestAReplicaThatDoesNotLeadKnowsWhatIsHeld(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.T // of the bubble
		seen := newInformers(t)
		follower := engine.NewFollower(w.engine, seen)
		if follower.NeedLeaderElection() {
			t.Error("a follower must not wait for leadership")
		}
		if follower.State() != nil {
			t.Error("something is known before anything was loaded")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- follower.Start(ctx) }()
		synctest.Wait()
		grant := build.PermissionGrant("acme", "g").ToUser("u0").Grants("P0").Obj()
		for _, object := range append(beginning(), grant) {
			seen.of(object).Add(object)
		}
		holds := func() int {
			return len(follower.State().Held(types.NamespacedName{Namespace: "acme", Name: "u0"}, scope.Path{Organization: "acme"}))
		}
		if follower.State() == nil || holds() != 1 {
			t.Fatalf("what was seen is not known: %v", follower.State())
		}
		gone := grant.DeepCopy()
		setDeleted(gone, w.clock.Now())
		seen.of(grant).Update(grant, gone)
		if holds() != 0 {
			t.Error("what is being deleted is still held")
		}
		seen.of(grant).Add(grant)
		user := build.User("acme", "u0").Suspended().Obj()
		seen.of(user).Update(user, user)
		if holds() != 0 {
			t.Error("a suspended user holds something")
		}
		seen.of(user).Delete(user)
		if _, there := follower.State().Outcome(kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u0"}); there {
			t.Error("a user that is gone is still there")
		}

		// The replica leads now, and its engine knows the same.
		w.reader.objects = append(beginning(), grant)
		w.begin()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if follower.State() != w.engine.State() || holds() != 1 {
			t.Error("the engine that leads is not asked")
		}
	})
}
