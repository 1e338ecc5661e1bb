package controllers

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// deletionPriority is above that of edits, and of objects whose outcome another one has changed, which have none (0).
// What a start finds unchanged is below (handler.LowPriority).
const deletionPriority = 100

// deletions are the events of objects whose deletion begins, has begun while the operator was away, or is over.
var deletions = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return !e.Object.GetDeletionTimestamp().IsZero() },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
}

// firstOfAll has a controller look at an object before any other: a deletion ends access. An object that waits in the
// queue already moves to the front.
var firstOfAll = handler.Funcs{
	CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		enqueueFirst(e.Object, queue)
	},
	UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		enqueueFirst(e.ObjectNew, queue)
	},
	DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		enqueueFirst(e.Object, queue)
	},
}

func enqueueFirst(object client.Object, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	// controller-runtime's queue is one, unless somebody turns it off.
	queue.(priorityqueue.PriorityQueue[reconcile.Request]).AddWithOpts(
		priorityqueue.AddOpts{Priority: new(deletionPriority)},
		reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
}
