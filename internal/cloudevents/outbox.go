package cloudevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
)

const (
	// outboxWorkers is how many requests are told of at once: the steps of one come one after the other.
	outboxWorkers = 4
	// A request whose step the sink has not taken waits, longer each time.
	firstRetry, longestRetry = time.Second, time.Minute
	// writeTimeout ends the note of what the sink has taken.
	writeTimeout = 10 * time.Second
)

// Outbox sends the steps of requests, each at least once, and those of a request in their order. They are in the status of
// the request, and so is how many the sink has taken: what it has not taken is sent by whoever leads next.
type Outbox struct {
	cache  cache.Informers
	reader client.Reader
	status client.StatusClient
	sink   *Sink
	// rest sends what is left of requests that are deleted.
	rest *Queue
	log  logr.Logger
	due  workqueue.TypedRateLimitingInterface[types.NamespacedName]

	mu sync.Mutex
	// taken is how many steps the sink has taken, by request: more than the cache shows, for a moment.
	taken map[types.UID]int64
	// open are the requests of which it has not taken every step, each with the last of them.
	open map[types.NamespacedName]int64
}

// NewOutbox is for the requests that a cache knows. What is left of one that is deleted goes to a queue.
func NewOutbox(requests cache.Informers, cluster client.Client, sink *Sink, rest *Queue, log logr.Logger) *Outbox {
	return &Outbox{
		cache: requests, reader: cluster, status: cluster, sink: sink, rest: rest, log: log,
		due: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](firstRetry, longestRetry)),
		taken: map[types.UID]int64{}, open: map[types.NamespacedName]int64{},
	}
}

// Start implements manager.Runnable.
func (o *Outbox) Start(ctx context.Context) error {
	informer, err := o.cache.GetInformer(ctx, &v1alpha1.AccessRequest{})
	if err != nil {
		return fmt.Errorf("watching every AccessRequest for events: %w", err)
	}
	registered, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: o.seen,
		UpdateFunc: func(before, after any) {
			if old := before.(*v1alpha1.AccessRequest); old.UID != after.(*v1alpha1.AccessRequest).UID {
				o.gone(old)
			}
			o.seen(after)
		},
		DeleteFunc: o.gone,
	})
	if err != nil {
		return fmt.Errorf("watching every AccessRequest for events: %w", err)
	}
	leading.Store(o)
	defer leading.CompareAndSwap(o, nil)
	defer func() { _ = informer.RemoveEventHandler(registered) }() // the process ends anyway
	var workers sync.WaitGroup
	for range outboxWorkers {
		workers.Go(func() {
			for o.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	o.due.ShutDown()
	workers.Wait()
	return nil
}

func (o *Outbox) next(ctx context.Context) bool {
	key, down := o.due.Get()
	if down {
		return false
	}
	defer o.due.Done(key)
	err := o.deliver(ctx, key)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		o.due.Forget(key)
	default:
		o.log.V(1).Info("a step of a request is not delivered yet", "request", key, "reason", err.Error())
		o.due.AddRateLimited(key)
	}
	return true
}

// deliver sends the steps of a request that the sink has not taken, and notes in its status those that it has.
func (o *Outbox) deliver(ctx context.Context, key types.NamespacedName) error {
	ctx, end := liveness.Begin(ctx, "sending the steps of requests")
	defer end()
	request := &v1alpha1.AccessRequest{}
	if err := o.reader.Get(ctx, key, request); err != nil {
		return client.IgnoreNotFound(err)
	}
	var failure error
	for _, e := range steps(request, o.takenOf(request)) {
		if failure = o.sink.Send(ctx, e); failure != nil {
			break
		}
		o.take(request, e.Sequence)
	}
	if taken := o.takenOf(request); taken > request.Status.DeliveredSteps {
		failure = errors.Join(failure, o.note(ctx, request, taken))
	}
	return failure
}

// note writes how many steps of a request the sink has taken, if it still is the one that they are of.
func (o *Outbox) note(ctx context.Context, request *v1alpha1.AccessRequest, taken int64) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": request.UID}, "status": map[string]any{"deliveredSteps": taken},
	})
	utilruntime.Must(err) // texts and a number
	target := &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Namespace: request.Namespace, Name: request.Name}}
	err = o.status.Status().Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
	switch {
	case apierrors.IsNotFound(err):
		o.forget(request)
	case err != nil:
		return fmt.Errorf("noting which steps the events sink has taken: %w", err)
	}
	return nil
}

// seen has the steps of a request sent that the sink has not taken.
func (o *Outbox) seen(object any) {
	request := object.(*v1alpha1.AccessRequest)
	key := client.ObjectKeyFromObject(request)
	o.mu.Lock()
	defer o.mu.Unlock()
	if request.Status.DeliveredSteps >= o.taken[request.UID] {
		delete(o.taken, request.UID)
	}
	if last(request) > max(o.taken[request.UID], request.Status.DeliveredSteps) {
		o.open[key] = last(request)
		o.due.Add(key)
	}
}

// gone sends what is left of a request that is deleted as well as that can be done: nothing is left to note it in, and
// nothing waited for it.
func (o *Outbox) gone(object any) {
	if final, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = final.Obj
	}
	request := object.(*v1alpha1.AccessRequest)
	o.rest.Offer(steps(request, o.takenOf(request))...)
	if !request.Status.Phase.IsFinal() {
		o.rest.Offer(deletion(request, last(request)+1, time.Now()))
	}
	o.forget(request)
}

// takenOf is how many steps of a request the sink has taken.
func (o *Outbox) takenOf(request *v1alpha1.AccessRequest) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(o.taken[request.UID], request.Status.DeliveredSteps)
}

// take notes that the sink has taken the steps of a request up to one.
func (o *Outbox) take(request *v1alpha1.AccessRequest, sequence int64) {
	key := client.ObjectKeyFromObject(request)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken[request.UID] = sequence
	if sequence >= o.open[key] {
		delete(o.open, key)
	}
}

func (o *Outbox) forget(request *v1alpha1.AccessRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.taken, request.UID)
	delete(o.open, client.ObjectKeyFromObject(request))
}

func (o *Outbox) undelivered() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.open)
}

// last is the sequence of the last step of a request.
func last(request *v1alpha1.AccessRequest) int64 {
	if n := len(request.Status.Steps); n > 0 {
		return request.Status.Steps[n-1].Sequence
	}
	return 0
}
