package controllers

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// deletionPriority is above that of edits, and of objects whose outcome another one has changed, which have none (0).
// What a start finds unchanged is below (handler.LowPriority).
const deletionPriority = 100

// deletionsFirst has a controller look at what is being deleted, or is gone, before anything else: it ends access. An
// object that waits in the queue already moves to the front.
var deletionsFirst = handler.Funcs{
	// Deleted while the operator was away.
	CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		enqueueDeletion(e.Object, queue)
	},
	UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		if e.ObjectOld.GetDeletionTimestamp().IsZero() {
			enqueueDeletion(e.ObjectNew, queue)
		}
	},
	DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		enqueueFirst(e.Object, queue)
	},
}

func enqueueDeletion(object client.Object, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	if !object.GetDeletionTimestamp().IsZero() {
		enqueueFirst(object, queue)
	}
}

func enqueueFirst(object client.Object, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	// controller-runtime's queue is one, unless somebody turns it off.
	queue.(priorityqueue.PriorityQueue[reconcile.Request]).AddWithOpts(
		priorityqueue.AddOpts{Priority: new(deletionPriority)},
		reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
}
