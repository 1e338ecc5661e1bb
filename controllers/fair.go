package controllers

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// fairQueue is a controller's queue of which one organization gets half of the workers at most. An edit may change the statuses of
// thousands of objects: others' would wait behind all of these, and each write to the API server behind as many as there are workers.
type fairQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	// share is how many objects of an organization are worked on at once.
	share int

	mu sync.Mutex
	// busy is how many are being worked on, by organization.
	busy map[string]int
	// held are those that wait until another of their organization is done.
	held map[string]*heldBack
}

// newFairQueue is NewQueue of a controller with so many workers.
func newFairQueue(workers int) func(string, workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		return &fairQueue{
			PriorityQueue: priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) {
				o.Log, o.RateLimiter = logr.Discard(), limiter
			}),
			share: max(1, workers/2), busy: map[string]int{}, held: map[string]*heldBack{},
		}
	}
}

// GetWithPriority returns the first object of an organization that has not got its share of the workers.
func (q *fairQueue) GetWithPriority() (reconcile.Request, int, bool) {
	for {
		request, priority, shutdown := q.PriorityQueue.GetWithPriority()
		if shutdown {
			return request, priority, shutdown
		}
		if highest, begins := q.begin(request, priority); begins {
			return request, highest, false
		}
		q.PriorityQueue.Done(request)
	}
}

// Get implements workqueue.TypedInterface.
func (q *fairQueue) Get() (reconcile.Request, bool) {
	request, _, shutdown := q.GetWithPriority()
	return request, shutdown
}

// organizationOf is whose share of the workers an object takes. What is in no namespace, as an Organization, takes none of others.
func organizationOf(request reconcile.Request) string { return cmp.Or(request.Namespace, request.Name) }

// begin says whether an object may be worked on now, and with which priority: it may have been held back with a higher one. Else
// it is held back.
func (q *fairQueue) begin(request reconcile.Request, priority int) (highest int, begins bool) {
	of := organizationOf(request)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[of] < q.share {
		q.busy[of]++
		return q.held[of].remove(request, priority), true // it has come again meanwhile
	}
	if q.held[of] == nil {
		q.held[of] = &heldBack{priorities: map[reconcile.Request]int{}, byPriority: map[int][]reconcile.Request{}}
	}
	q.held[of].add(request, priority)
	return priority, false
}

// Done implements workqueue.TypedInterface: the next one of its organization has its turn, behind those that others wait for.
func (q *fairQueue) Done(request reconcile.Request) {
	of := organizationOf(request)
	q.PriorityQueue.Done(request)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[of]--; q.busy[of] == 0 {
		delete(q.busy, of)
	}
	held := q.held[of]
	for range q.share - q.busy[of] {
		next, priority, some := held.take()
		if !some {
			delete(q.held, of)
			return
		}
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, next)
	}
}

// heldBack are some objects, each once, with its highest priority.
type heldBack struct {
	priorities map[reconcile.Request]int
	// byPriority has them in order. One that has come again with a higher priority is not looked at under the lower one.
	byPriority map[int][]reconcile.Request
}

func (h *heldBack) add(request reconcile.Request, priority int) {
	if before, there := h.priorities[request]; there && before >= priority {
		return
	}
	h.priorities[request] = priority
	h.byPriority[priority] = append(h.byPriority[priority], request)
}

// remove returns the higher one of a priority and the one that a request was held back with.
func (h *heldBack) remove(request reconcile.Request, priority int) (highest int) {
	if h == nil {
		return priority
	}
	if held, there := h.priorities[request]; there {
		priority = max(priority, held)
	}
	delete(h.priorities, request)
	return priority
}

// take takes the first one of the highest priority; false if there is none.
func (h *heldBack) take() (reconcile.Request, int, bool) {
	for h != nil && len(h.byPriority) > 0 {
		priority := slices.Max(slices.Collect(maps.Keys(h.byPriority)))
		first := h.byPriority[priority][0]
		if h.byPriority[priority] = h.byPriority[priority][1:]; len(h.byPriority[priority]) == 0 {
			delete(h.byPriority, priority)
		}
		if now, there := h.priorities[first]; there && now == priority {
			delete(h.priorities, first)
			return first, priority, true
		}
	}
	return reconcile.Request{}, 0, false
}
