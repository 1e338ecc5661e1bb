package cloudevents

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// requests is a cluster with AccessRequests, and what watches them.
type requests struct {
	t      *testing.T
	client client.WithWatch
	// silent is set while the API server takes no status.
	silent    atomic.Bool
	informers *informertest.FakeInformers
	informer  *controllertest.FakeInformer
	shown     map[string]*v1alpha1.AccessRequest
}

func newRequests(t *testing.T) *requests {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &requests{t: t, shown: map[string]*v1alpha1.AccessRequest{}}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.AccessRequest{}).WithInterceptorFuncs(interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, name string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if w.silent.Load() {
				return errors.New("the API server does not answer")
			}
			return c.SubResource(name).Patch(ctx, object, patch, options...)
		},
	}).Build()
	w.restart()
	return w
}

// restart forgets who watched.
func (w *requests) restart() {
	w.informers = &informertest.FakeInformers{Scheme: w.client.Scheme()}
	var err error
	if w.informer, err = w.informers.FakeInformerFor(w.t.Context(), &v1alpha1.AccessRequest{}); err != nil {
		w.t.Fatal(err)
	}
}

// start starts an outbox, which sees what there is.
func (w *requests) start(r *receiver) (stop func()) {
	sink := r.sink()
	queue := NewQueue(sink, logr.Discard())
	outbox := NewOutbox(w.informers, w.client, sink, queue, logr.Discard())
	stopQueue, stopOutbox := started(w.t, queue.Start), started(w.t, outbox.Start)
	synctest.Wait()
	for name := range w.shown {
		w.shown[name] = w.get(name)
		w.informer.Add(w.shown[name])
	}
	return func() { stopOutbox(); stopQueue() }
}

func (w *requests) get(name string) *v1alpha1.AccessRequest {
	w.t.Helper()
	request := &v1alpha1.AccessRequest{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "acme", Name: name}, request); err != nil {
		w.t.Fatal(err)
	}
	return request
}

// show shows watchers what a request is now.
func (w *requests) show(name string) {
	w.t.Helper()
	now := w.get(name)
	w.informer.Update(w.shown[name], now)
	w.shown[name] = now
}

// step adds steps to a request, which is made where it is not there.
func (w *requests) step(name string, types ...string) {
	w.t.Helper()
	if w.shown[name] == nil {
		made := &v1alpha1.AccessRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, UID: uid(name)},
			Spec:       v1alpha1.AccessRequestSpec{Requester: "erin@acme.example", RoleRef: &v1alpha1.RoleReference{Name: "operator"}, Duration: "2h", Justification: "INC 4711"},
		}
		if err := w.client.Create(w.t.Context(), made); err != nil {
			w.t.Fatal(err)
		}
		w.shown[name] = made
		w.informer.Add(made)
	}
	now := w.get(name)
	for _, what := range types {
		now.Status.Steps = append(now.Status.Steps, v1alpha1.AccessStep{Sequence: last(now) + 1, Type: what, At: metav1.Now()})
		now.Status.Phase = v1alpha1.AccessRequestPhase(what)
	}
	if err := w.client.SubResource("status").Update(w.t.Context(), now); err != nil {
		w.t.Fatal(err)
	}
	w.show(name)
}

func uid(name string) types.UID { return types.UID("uid-of-" + name) }

func (w *requests) expectDelivered(name string, want int64) {
	w.t.Helper()
	synctest.Wait()
	if got := w.get(name).Status.DeliveredSteps; got != want {
		w.t.Errorf("%s: %d steps are noted as delivered, want %d", name, got, want)
	}
}

func expectTold(t *testing.T, r *receiver, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := r.told(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestStepsComeInOrderWhateverTheSinkDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := &receiver{t: t, does: slow(8 * time.Second)}, newRequests(t)
		defer w.start(r)()
		w.step("one", "Requested", "Decided")
		<-time.After(20 * time.Second)
		expectTold(t, r, "one request.requested", "one request.decided")
		w.expectDelivered("one", 2)
		w.show("one")

		r.set(func(_ context.Context, event cloudevents.Event) int { // one that fails, and would take what comes later
			if event.Type() == typePrefix+"request.approved" {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		w.step("one", "Approved", "Active")
		<-time.After(10 * time.Minute)
		r.set(away)
		<-time.After(10 * time.Minute)
		w.expectDelivered("one", 2)
		if waiting := testutil.ToFloat64(leader{}); waiting != 1 {
			t.Errorf("%v requests wait to be delivered, want 1", waiting)
		}
		r.set(nil)
		<-time.After(2 * longestRetry)
		expectTold(t, r, "one request.requested", "one request.decided", "one request.approved", "one request.active")
		w.expectDelivered("one", 4)
		w.show("one")
		if waiting := testutil.ToFloat64(leader{}); waiting != 0 {
			t.Errorf("%v requests wait to be delivered, want none", waiting)
		}
		<-time.After(time.Hour) // and no more
		expectTold(t, r, "one request.requested", "one request.decided", "one request.approved", "one request.active")
	})
}

func TestARequestThatTheSinkRefusesHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := &receiver{t: t}, newRequests(t)
		r.set(func(_ context.Context, event cloudevents.Event) int {
			if event.Subject() == "taken" {
				return http.StatusOK
			}
			return http.StatusBadRequest
		})
		defer w.start(r)()
		for n := range 2 * outboxWorkers {
			w.step(fmt.Sprintf("refused-%d", n), "Requested")
		}
		w.step("taken", "Requested", "Active")
		expectTold(t, r, "taken request.requested", "taken request.active")
		w.expectDelivered("taken", 2)
		w.expectDelivered("refused-0", 0)
	})
}

func TestARestartLosesNoStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := &receiver{t: t, does: away}, newRequests(t)
		stop := w.start(r)
		w.step("one", "Requested")
		<-time.After(time.Minute)
		stop() // while it was away
		r.set(nil)
		w.restart()
		w.step("one", "Approved") // while nobody was there
		w.silent.Store(true)
		stop = w.start(r)
		expectTold(t, r, "one request.requested", "one request.approved")
		w.expectDelivered("one", 0)
		stop() // before it was noted that they were taken
		w.silent.Store(false)
		w.restart()
		defer w.start(r)()
		expectTold(t, r, "one request.requested", "one request.approved", "one request.requested", "one request.approved")
		w.expectDelivered("one", 2)
		for n := range 2 {
			if first, again := r.taken[n], r.taken[n+2]; first.ID() != again.ID() || first.Source() != again.Source() || string(first.Data()) != string(again.Data()) {
				t.Errorf("the same event twice, and they can't be known to be one:\n%s\n%s", first, again)
			}
		}
	})
}

func TestADeletedRequestWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := &receiver{t: t, does: away}, newRequests(t)
		defer w.start(r)()
		w.step("active", "Requested", "Active")
		w.step("over", "Requested", "Denied")
		for _, name := range []string{"active", "over"} {
			if err := w.client.Delete(t.Context(), w.shown[name]); err != nil {
				t.Fatal(err)
			}
			w.informer.Delete(w.shown[name])
		}
		if waiting := testutil.ToFloat64(leader{}); waiting != 0 {
			t.Errorf("%v requests wait to be delivered, want none", waiting)
		}
		<-time.After(time.Minute)
		r.set(nil)
		<-time.After(time.Minute)
		expectTold(t, r, "active request.requested", "active request.active", "active request.deleted", "over request.requested", "over request.denied")
	})
}
