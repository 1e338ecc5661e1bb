package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
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
	// missing is a kind whose CRD is.
	missing string
}

// GetInformer implements cache.Cache.
func (i *informers) GetInformer(ctx context.Context, object client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	if kind := kinds.RefOf(object).Kind; kind == i.missing {
		return nil, &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: kind}}
	}
	return i.FakeInformers.GetInformer(ctx, object, options...)
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

func TestAReplicaThatDoesNotLeadWaitsForAKind(t *testing.T) {
	inWorld(t, func(w *world) {
		seen := newInformers(w.T)
		seen.missing = kinds.Invitation
		follower := engine.NewFollower(w.engine, seen)
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- follower.Start(ctx) }()
		<-time.After(time.Hour)
		synctest.Wait()
		if len(ended) > 0 || follower.State() != nil {
			w.Fatal("it does not wait for a CRD that is missing")
		}
		seen.missing = ""
		<-time.After(time.Minute)
		synctest.Wait()
		if follower.State() == nil {
			w.Error("nothing is known once the CRD is there")
		}
	})
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
