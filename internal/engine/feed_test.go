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

// feed feeds the engine from informers until the test ends. The channel has how that ended.
func (w *world) feed(from *informers) <-chan error {
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- w.engine.Feed(from).Start(ctx)
	}()
	w.Cleanup(func() {
		cancel()
		for range ended {
		}
	})
	return ended
}

func TestAReplicaWaitsForAKind(t *testing.T) {
	inWorld(t, func(w *world) {
		seen := newInformers(w.T)
		seen.missing = kinds.Invitation
		ended := w.feed(seen)
		synctest.Wait()
		w.clock.Step(time.Hour)
		synctest.Wait()
		if len(ended) > 0 || w.engine.State() != nil {
			w.Fatal("it does not wait for a CRD that is missing")
		}
		seen.missing = ""
		w.clock.Step(time.Minute)
		synctest.Wait()
		if w.engine.State() == nil {
			w.Error("nothing is known once the CRD is there")
		}
	})
}

func TestAReplicaThatDoesNotLeadKnowsWhatIsHeld(t *testing.T) {
	inWorld(t, func(w *world) {
		seen := newInformers(w.T)
		w.feed(seen)
		synctest.Wait()
		grant := w.stored(build.PermissionGrant("acme", "g").ToUser("u0").Grants("P0").Obj())
		for _, object := range append(beginning(), grant) {
			seen.of(object).Add(w.stored(object))
		}
		holds := func() int {
			synctest.Wait()
			return len(w.engine.State().Held(types.NamespacedName{Namespace: "acme", Name: "u0"}, scope.Path{Organization: "acme"}))
		}
		if holds() != 1 {
			w.Fatal("what was seen is not known")
		}
		gone := w.stored(grant)
		setDeleted(gone, w.clock.Now())
		seen.of(grant).Update(grant, gone)
		if holds() != 0 {
			w.Error("what is being deleted is still held")
		}
		seen.of(grant).Delete(gone)
		again := w.stored(grant)
		again.SetUID("made anew")
		seen.of(grant).Add(again)
		if holds() != 1 {
			w.Error("what was made anew is not held")
		}
		user := kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "u0"}
		there := func() bool {
			synctest.Wait()
			_, there := w.engine.State().Outcome(user)
			return there
		}
		if !there() {
			w.Error("a user is not known")
		}
		last := build.User("acme", "u0").Obj()
		seen.of(last).Delete(last)
		if there() || holds() != 0 {
			w.Error("a user that is gone is still there")
		}
		if w.engine.LeadersState() != nil {
			w.Error("it leads")
		}
	})
}
