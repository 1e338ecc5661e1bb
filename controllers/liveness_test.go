package controllers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// hanging is a clock that can be made to hang whoever reads it on a lock.
type hanging struct {
	clock.RealClock
	lock    sync.Mutex
	armed   atomic.Bool
	reached chan struct{}
}

// Now implements clock.PassiveClock.
func (h *hanging) Now() time.Time {
	if h.armed.CompareAndSwap(true, false) {
		close(h.reached)
		h.lock.Lock()
		defer h.lock.Unlock()
	}
	return h.RealClock.Now()
}

func TestTheProbeFailsWhereAReconcileHangsAndNotWhereTheClusterOrTheStoreDoes(t *testing.T) {
	for name, test := range map[string]struct {
		// inLock, inPatch and inWrite say where the reconcile hangs.
		inLock, inPatch, inWrite bool
		want                     string
	}{
		"nowhere":           {},
		"on a lock":         {inLock: true, want: "evaluating objects"},
		"in the API server": {inPatch: true},
		"in the store":      {inWrite: true},
	} {
		t.Run(name, func(t *testing.T) {
			byClock := clocktesting.NewFakeClock(time.Now())
			monitor := liveness.NewMonitor(byClock, logr.Discard())
			ctx, cancel := context.WithCancel(monitor.Watch(t.Context()))
			defer cancel()
			reached, over := make(chan struct{}), make(chan struct{})
			ticking := &hanging{reached: reached}
			hang := func() {
				close(reached)
				<-over
			}
			scheme := runtime.NewScheme()
			if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
				t.Fatal(err)
			}
			cluster := []client.Object{
				&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}, build.Organization("acme").Obj(),
				build.ResourceType("doc").Permits("View").Obj(), build.User("acme", "alice").Obj(),
			}
			for _, object := range cluster {
				object.SetFinalizers([]string{v1alpha1.Finalizer})
			}
			var e *engine.Engine
			grant := build.PermissionGrant("acme", "g").ToUser("alice").Grants("View").Obj()
			api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(grant).WithObjects(grant).
				WithInterceptorFuncs(interceptor.Funcs{
					Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
						if test.inPatch {
							hang()
						}
						if err := c.Patch(ctx, o, p, options...); err != nil {
							return err
						}
						e.Observe(o.DeepCopyObject().(client.Object)) // as a watch does
						return nil
					},
				}).Build()
			tuples := storetest.NewFake()
			e = startEngine(ctx, t, tuples, ticking, cluster)
			if test.inWrite {
				tuples.Hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error {
					hang()
					return nil
				}})
			}
			if test.inLock {
				ticking.lock.Lock()
				ticking.armed.Store(true)
			}
			r := inTurns(kinds.PermissionGrant, &reconciler{
				kind: kinds.PermissionGrant, example: &v1alpha1.PermissionGrant{}, client: liveness.Client(api), engine: e,
				recorder: events.NewFakeRecorder(10), clock: ticking,
			})
			ended := make(chan error, 1)
			go func() {
				_, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(grant)})
				ended <- err
			}()
			select {
			case <-reached:
			case err := <-ended:
				if err != nil || test.inLock || test.inPatch || test.inWrite {
					t.Fatalf("it has ended: %v", err)
				}
			}
			byClock.Step(time.Hour)
			// Whoever else had a turn at the step, as who evaluates what the watch has said, ends it by itself.
			fails := gomega.NewWithT(t).Eventually(func() error { return monitor.Check(nil) }, time.Minute)
			if test.want == "" {
				fails.Should(gomega.Succeed())
			} else {
				fails.Should(gomega.MatchError(gomega.HaveSuffix(": " + test.want)))
			}
			if test.inLock {
				ticking.lock.Unlock()
			}
			close(over)
		})
	}
}

// noneListed are the versions at the beginning, before there were any objects.
func noneListed(context.Context) (engine.Versions, error) {
	found := engine.Versions{Listed: map[string]string{kinds.Namespace: "1"}}
	for _, kind := range kinds.All {
		found.Listed[kind.Name] = "1"
	}
	return found, nil
}

// startEngine returns an engine that has loaded a cluster and has it in a store.
func startEngine(ctx context.Context, t *testing.T, tuples store.Store, by clock.WithTicker, cluster []client.Object) *engine.Engine {
	t.Helper()
	compared := make(chan struct{})
	e := engine.New(engine.Options{
		Connect:  func(context.Context) (store.Store, error) { return tuples, nil },
		Versions: noneListed,
		Limits:   state.Limits{ConditionCost: store.MaxConditionCost},
		Clock:    by, CompareEvery: time.Hour, Log: funcr.New(func(_, line string) {
			if strings.Contains(line, "the store holds what the cluster says") {
				close(compared)
			}
		}, funcr.Options{}),
	})
	for _, object := range cluster {
		object.SetResourceVersion("2")
	}
	e.Observe(cluster...)
	go e.Evaluate(ctx)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := e.Source(kinds.User).Start(ctx, queue); err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Start(ctx) }()
	<-compared
	// What keeps deadlines reads the clock when it begins.
	e.RequeueAt(kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "alice"}, by.Now().Add(time.Millisecond))
	queue.Get()
	return e
}
