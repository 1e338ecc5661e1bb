package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	fcache "k8s.io/client-go/tools/cache/testing"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// queued is how many requests of a priority wait in the queue of the controller of assignments.
func queued(priority string) (depth float64, err error) {
	families, err := metrics.Registry.Gather()
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if family.GetName() == "workqueue_depth" && labels["name"] == "roleassignment" && labels["priority"] == priority {
				depth += metric.GetGauge().GetValue()
			}
		}
	}
	return depth, err
}

// awaiting returns how to wait until so many more requests of a priority are queued than now: queues of this process that have
// ended keep their depth.
func awaiting(t *testing.T, priority string) (atLeast func(more int)) {
	t.Helper()
	before, err := queued(priority)
	if err != nil {
		t.Fatal(err)
	}
	return func(more int) {
		t.Helper()
		err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			depth, err := queued(priority)
			return depth-before >= float64(more), err
		})
		if err != nil {
			t.Fatalf("%d requests of the priority %s: %v", more, priority, err)
		}
	}
}

func TestAfterAStartARevocationIsHandledBeforeWhatTheStartFound(t *testing.T) {
	const many = 3000
	awaitFound, awaitRevoked := awaiting(t, "-100"), awaiting(t, "100")
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}, build.Organization("acme").Obj(),
		build.ResourceType("doc").Permits("View").Obj(), build.User("acme", "alice").Obj(), build.Role("acme", "viewer").Grants("View").Obj(),
	}
	assignments := fcache.NewFakeControllerSource()
	for n := range many {
		a := build.RoleAssignment("acme", fmt.Sprintf("a%04d", n)).Gives("viewer").ToUser("alice").OnResource("doc", fmt.Sprint(n)).Obj()
		a.Finalizers = []string{v1alpha1.Finalizer}
		objects = append(objects, a)
		assignments.Add(a.DeepCopy())
	}

	gate, arrived := make(chan struct{}), make(chan struct{})
	var first sync.Once
	var mu sync.Mutex
	var looked []string
	var ours []client.Object
	for _, kind := range kinds.All {
		ours = append(ours, kind.New())
	}
	api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(ours...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
			if _, ok := into.(*v1alpha1.RoleAssignment); ok {
				first.Do(func() {
					close(arrived)
					<-gate
				})
				mu.Lock()
				looked = append(looked, key.Name)
				mu.Unlock()
			}
			return c.Get(ctx, key, into, options...)
		},
	}).Build()
	mapper := meta.NewDefaultRESTMapper(nil)
	for kind := range scheme.AllKnownTypes() {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	mgr, err := ctrl.NewManager(&rest.Config{Host: "nowhere.invalid"}, ctrl.Options{
		Scheme: scheme, Logger: logr.Discard(),
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return api, nil },
		Cache: cache.Options{NewInformer: func(_ toolscache.ListerWatcher, of runtime.Object, every time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
			kind, err := apiutil.GVKForObject(of, scheme)
			if err != nil {
				panic(err)
			}
			source := fcache.NewFakeControllerSource() // of nothing: what is not assigned is not looked at here
			if kind.Kind == kinds.RoleAssignment {
				source = assignments
			}
			return toolscache.NewSharedIndexInformer(source, of, every, indexers)
		}},
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	listed := engine.Versions{Of: map[kinds.Ref]string{}}
	for n, object := range objects[len(objects)-many:] {
		listed.Of[kinds.RefOf(object)] = strconv.Itoa(n + 1)
	}
	tuples := storetest.NewFake()
	e := engine.New(engine.Options{
		Connect:  func(context.Context) (store.Store, error) { return tuples, nil },
		Versions: func(context.Context) (engine.Versions, error) { return listed, nil },
		Limits:   state.Limits{ConditionCost: store.MaxConditionCost},
		Clock:    clock.RealClock{}, CompareEvery: time.Hour, CountEvery: time.Second, Log: logr.Discard(),
	})
	ctx, stop := context.WithCancel(t.Context())
	if err := errors.Join(mgr.Add(e.Feed(mgr.GetCache())), mgr.Add(e)); err != nil {
		t.Fatal(err)
	}
	if err := SetupWithManager(ctx, mgr, e, Options{Workers: 1, Clock: clock.RealClock{}}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	<-arrived // at the first one, behind which the others wait
	awaitFound(many - 1)
	revoked := objects[len(objects)-1].(*v1alpha1.RoleAssignment).DeepCopy()
	if err := api.Delete(ctx, revoked); err != nil {
		t.Fatal(err)
	}
	revoked.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	assignments.Modify(revoked)
	awaitRevoked(1)
	close(gate)
	err = wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(looked, revoked.Name), nil
	})
	mu.Lock()
	defer mu.Unlock()
	if place := slices.Index(looked, revoked.Name); err != nil || place != 1 {
		t.Errorf("the revocation is number %d of those looked at, want 1, right behind the one under way: %v", place, err)
	}
}
