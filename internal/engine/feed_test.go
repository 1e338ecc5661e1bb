package engine_test

import (
	"context"
	"fmt"
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

func TestAReplicaThatDoesNotLeadLooksAtWhatIsDue(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = beginning()
		w.see()
		synctest.Wait()
		// One role, for one hour in two, until no more windows fit.
		begin := w.clock.Now()
		var windows []*v1alpha1.RoleAssignment
		reason := func(o *v1alpha1.RoleAssignment) string {
			synctest.Wait()
			outcome, _ := w.engine.State().Outcome(kinds.RefOf(o))
			return outcome.Reason
		}
		for n := 0; n < 1000 && (n == 0 || reason(windows[n-1]) != v1alpha1.ReasonConditionTooExpensive); n++ {
			from := begin.Add(time.Duration(2*n) * time.Hour)
			o := build.RoleAssignment("acme", fmt.Sprintf("a%03d", n)).Gives("r0").ToUser("u0").From(from).Until(from.Add(time.Hour)).Obj()
			o.CreationTimestamp = metav1.NewTime(begin.Add(time.Duration(n) * time.Millisecond))
			windows = append(windows, o)
			w.engine.Observe(w.stored(o))
		}
		first, last := windows[0], windows[len(windows)-1]
		if reason(first) != v1alpha1.ReasonInForce || reason(last) != v1alpha1.ReasonConditionTooExpensive {
			w.Fatalf("of %d the first is %s, and the last %s", len(windows), reason(first), reason(last))
		}
		w.clock.Step(time.Hour)
		w.clock.Step(time.Second)
		if reason(first) != v1alpha1.ReasonExpired || reason(last) != v1alpha1.ReasonPending {
			w.Errorf("when the first has ended, it is %s, and the last %s", reason(first), reason(last))
		}
		if due := w.engine.State().Due(); len(due) > 0 {
			w.Errorf("still due: %v", due)
		}
	})
}

func TestAReplicaThatLeadsLeavesWhatIsDueToItsControllers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.objects = append(beginning(), build.RoleAssignment("acme", "a").Gives("r0").ToUser("u0").Until(w.clock.Now().Add(time.Hour)).Obj())
		w.begin()
		w.forgetQueues()
		w.clock.Step(time.Hour)
		w.clock.Step(time.Second)
		w.expectQueued(kinds.RoleAssignment)
	})
}
