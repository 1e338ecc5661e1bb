package controllers

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// inQueue runs a test with the queue of a controller that has so many workers.
func inQueue(t *testing.T, workers int, test func(t *testing.T, q *fairQueue)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := newFairQueue(workers)("", workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Millisecond, time.Second)).(*fairQueue)
		test(t, q)
		q.ShutDown()
	})
}

func requestFor(organization string, n int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: organization, Name: fmt.Sprint(n)}}
}

// take expects that an object is the next to be worked on.
func take(t *testing.T, q *fairQueue, want reconcile.Request) {
	t.Helper()
	if got, shutdown := q.Get(); got != want || shutdown {
		t.Fatalf("%v is worked on, want %v", got, want)
	}
}

// [F8] However many objects of an organization wait, it gets half of the workers at most, and whatever another one changes
// waits for none of the others.
func TestF8AnObjectWaitsForNoneOfAnotherOrganizationThatHasItsShareOfTheWorkers(t *testing.T) {
	inQueue(t, 4, func(t *testing.T, q *fairQueue) {
		const many = 1000
		for n := range many {
			q.Add(requestFor("globex", n))
		}
		take(t, q, requestFor("globex", 0))
		take(t, q, requestFor("globex", 1))
		q.Add(requestFor("acme", 0))
		take(t, q, requestFor("acme", 0)) // and none of 998 that were there before
		got := make(chan reconcile.Request)
		go func() {
			next, _ := q.Get()
			got <- next
		}()
		synctest.Wait()
		select {
		case next := <-got:
			t.Fatalf("%v is worked on as the third of its organization, by four workers", next)
		default:
		}
		q.Done(requestFor("globex", 1))
		if next := <-got; next != requestFor("globex", 2) {
			t.Fatalf("%v follows, want the one that has waited longest", next)
		}
		q.Done(requestFor("globex", 0))
		for n := 3; n < many; n++ {
			take(t, q, requestFor("globex", n))
			q.Done(requestFor("globex", n-1))
		}
		q.Done(requestFor("globex", many-1))
		q.Done(requestFor("acme", 0))
		if len(q.busy)+len(q.held)+q.Len() > 0 {
			t.Errorf("%v are being worked on and %v held back, though all are done", q.busy, q.held)
		}
	})
}

func TestADeletionThatIsHeldBackGoesFirst(t *testing.T) {
	inQueue(t, 2, func(t *testing.T, q *fairQueue) {
		for n := range 10 {
			q.Add(requestFor("globex", n))
		}
		take(t, q, requestFor("globex", 0))
		q.Add(requestFor("acme", 0))
		take(t, q, requestFor("acme", 0))
		q.AddWithOpts(priorityqueue.AddOpts{Priority: new(deletionPriority)}, requestFor("globex", 7))
		q.Add(requestFor("acme", 1))
		q.Done(requestFor("acme", 0))
		take(t, q, requestFor("acme", 1)) // for which the deletion is looked at, and held back
		q.Done(requestFor("globex", 0))
		take(t, q, requestFor("globex", 7))
		q.Done(requestFor("globex", 7))
		take(t, q, requestFor("globex", 1))
		q.Done(requestFor("globex", 1))
		take(t, q, requestFor("globex", 2))
		q.Add(requestFor("globex", 3)) // once more, while it is held back
		q.Done(requestFor("globex", 2))
		for _, n := range []int{3, 4, 5, 6, 8, 9} { // each once
			take(t, q, requestFor("globex", n))
			q.Done(requestFor("globex", n))
		}
		if len(q.held)+q.Len() > 0 {
			t.Errorf("%v are held back, though all are done", q.held)
		}
	})
}

// It comes again because of something else, and begins by that. Should it fail, it is tried again as a deletion.
func TestADeletionThatWasHeldBackRemainsOne(t *testing.T) {
	inQueue(t, 2, func(t *testing.T, q *fairQueue) {
		q.Add(requestFor("globex", 0))
		take(t, q, requestFor("globex", 0))
		if _, begins := q.begin(requestFor("globex", 7), deletionPriority); begins {
			t.Fatal("it is not held back")
		}
		delete(q.busy, "globex")
		if priority, begins := q.begin(requestFor("globex", 7), 0); !begins || priority != deletionPriority {
			t.Errorf("it begins: %t, with priority %d, want %d", begins, priority, deletionPriority)
		}
	})
}

func TestOneWorkerWorksOnAll(t *testing.T) {
	inQueue(t, 1, func(t *testing.T, q *fairQueue) {
		for n := range 3 {
			q.Add(requestFor("globex", n))
		}
		for n := range 3 {
			take(t, q, requestFor("globex", n))
			q.Done(requestFor("globex", n))
		}
	})
}

// Organizations are in no namespace: each has its own share.
func TestAnOrganizationWaitsForNoneOfTheOthers(t *testing.T) {
	inQueue(t, 4, func(t *testing.T, q *fairQueue) {
		const many = 4
		got := make(chan reconcile.Request, many)
		for n := range many {
			q.Add(requestFor("", n))
			go func() {
				if request, shutdown := q.Get(); !shutdown {
					got <- request
				}
			}()
		}
		synctest.Wait()
		if len(got) != many {
			t.Errorf("%d of %d are worked on, by as many workers", len(got), many)
		}
		for range len(got) {
			q.Done(<-got)
		}
	})
}
