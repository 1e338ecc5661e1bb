// Package controllers has a controller for each kind. They are all one: get the object, wait until the engine has evaluated
// it, and write down what the engine says. What a kind means is in package state.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// +kubebuilder:rbac:groups=authz.bailiwick.dev,resources=temporarypermissiongrants,verbs=delete
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// generated: rights of all kinds
// +kubebuilder:rbac:groups=authz.bailiwick.dev,resources=accessdecisions;accesspolicies;accessrequests;groupmemberships;groups;invitations;organizations;permissiongrants;resourcetypes;roleassignments;roles;temporarypermissiongrants;users,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=authz.bailiwick.dev,resources=accessdecisions/status;accesspolicies/status;accessrequests/status;groupmemberships/status;groups/status;invitations/status;organizations/status;permissiongrants/status;resourcetypes/status;roleassignments/status;roles/status;temporarypermissiongrants/status;users/status,verbs=patch

// Options are the same for every controller.
type Options struct {
	// Workers is how many objects of a kind are worked on at once.
	Workers int
	// Clock says what has expired, and how old a revision is.
	Clock clock.PassiveClock
	// UsernamePrefix is the API server's, which Organizations tell of.
	UsernamePrefix string
	// Tracer makes a span of each revocation; nil makes none.
	Tracer trace.Tracer
	// Guard says why what binds names in the API server can't be relied on; nothing while it can. Requests are approved only
	// then.
	Guard func(context.Context) installation.Guard
}

// SetupWithManager adds the controllers of all kinds to the manager.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, e *engine.Engine, options Options) error {
	if err := indexRevisions(ctx, mgr); err != nil {
		return err
	}
	for _, kind := range kinds.All {
		kind, object := kind.Name, kind.New()
		r := &reconciler{
			kind:     kind,
			example:  object,
			client:   mgr.GetClient(),
			engine:   e,
			recorder: mgr.GetEventRecorder("bailiwick"),
			clock:    options.Clock,

			usernamePrefix: options.UsernamePrefix,
			tracer:         options.Tracer,
		}
		reconciled := ctrl.NewControllerManagedBy(mgr).WatchesRawSource(e.Source(kind)).WithOptions(optionsOf(options)).
			For(object, builder.WithPredicates(predicate.Not(deletions), predicate.Funcs{UpdateFunc: moreThanWords})).
			Watches(object, firstOfAll, builder.WithPredicates(deletions))
		if kind == kinds.Role {
			r.revisions = &revisions{client: mgr.GetClient(), live: liveness.Reader(mgr.GetAPIReader()), clock: options.Clock}
			r.revisions.watch(reconciled)
		}
		if kind == kinds.AccessRequest {
			r.requests = &requests{client: mgr.GetClient(), live: liveness.Reader(mgr.GetAPIReader()), engine: e, guard: options.Guard, now: options.Clock.Now}
		}
		if err := reconciled.Complete(inTurns(kind, r)); err != nil {
			return fmt.Errorf("setting up the controller of %s: %w", kind, err)
		}
	}
	return nil
}

// inTurns has each reconcile be a turn that the liveness probe knows of. A race with somebody else's write is no error:
// the object is looked at again.
func inTurns(kind string, r reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		ctx, end := liveness.Begin(ctx, "reconciling "+kind)
		defer end()
		result, err := r.Reconcile(ctx, request)
		if err != nil && overtaken(err) {
			log.FromContext(ctx).V(1).Info("somebody else was faster; looking again", "reason", err.Error())
			return reconcile.Result{RequeueAfter: afterOvertaken}, nil
		}
		return result, err
	})
}

// afterOvertaken leaves the cache the time to see what somebody else has written.
const afterOvertaken = 100 * time.Millisecond

// overtaken says whether all that failed did so because the cache is behind: somebody else, or we, have changed or
// deleted the object, or its namespace, meanwhile.
func overtaken(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return !overtaken(err) })
	}
	return errors.Is(err, errBehind) || errors.Is(err, engine.ErrBehind) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// moreThanWords says whether more has changed than texts and numbers in the status. A look at an object for what was written of these
// finds others while objects come and go, and would write those at once too.
func moreThanWords(update event.UpdateEvent) bool {
	before, after := update.ObjectOld.(v1alpha1.Object), update.ObjectNew.(v1alpha1.Object)
	if before.GetResourceVersion() == after.GetResourceVersion() {
		return true // it is shown once more, not changed
	}
	if before.GetGeneration() != after.GetGeneration() || before.CommonStatus().ObservedGeneration != after.CommonStatus().ObservedGeneration {
		return true
	}
	return !equality.Semantic.DeepEqual(wordless(before), wordless(after))
}

// wordless is a copy of an object without its version and what the status says in words and numbers.
func wordless(object v1alpha1.Object) v1alpha1.Object {
	object = object.DeepCopyObject().(v1alpha1.Object)
	object.SetResourceVersion("")
	for n := range object.CommonStatus().Conditions {
		object.CommonStatus().Conditions[n].Message = ""
	}
	wordlessEntries := func(entries []v1alpha1.PermissionOutcome) {
		for n := range entries {
			entries[n].Message = ""
		}
	}
	switch o := object.(type) {
	case *v1alpha1.Role:
		o.Status.Assignments, o.Status.Children, o.Status.OwnPermissions, o.Status.InheritedPermissions = 0, 0, 0, 0
		for n := range o.Status.Permissions {
			o.Status.Permissions[n].Message = ""
		}
	case *v1alpha1.PermissionGrant:
		wordlessEntries(o.Status.Permissions)
	case *v1alpha1.TemporaryPermissionGrant:
		wordlessEntries(o.Status.Permissions)
	case *v1alpha1.GroupMembership:
		wordlessEntries(o.Status.Permissions)
	}
	return object
}

// longestRetry is how long an object that failed is left alone at most. An outage of the API server, however long it
// was, is over for every object within that after it is over.
const longestRetry = 30 * time.Second

// forever is longer than any process runs.
const forever = 100 * 365 * 24 * time.Hour

// optionsOf are those of one controller, which remembers what has failed for itself.
func optionsOf(options Options) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: options.Workers,
		// A CRD or a right that is missing is waited for. To end would mean a restart every few minutes, and nobody to say
		// what is missing.
		CacheSyncTimeout: forever,
		NewQueue:         newFairQueue(options.Workers),
		RateLimiter:      workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](5*time.Millisecond, longestRetry),
	}
}

// reconciler is the controller of one kind.
type reconciler struct {
	kind     string
	example  v1alpha1.Object
	client   client.Client
	engine   *engine.Engine
	recorder events.EventRecorder
	clock    clock.PassiveClock
	// usernamePrefix is the API server's, for Organizations to tell of.
	usernamePrefix string
	// tracer is nil where nothing is traced.
	tracer trace.Tracer
	// revisions is set for the controller of roles, requests for that of requests.
	revisions *revisions
	requests  *requests
	// written is what a cache may not show yet.
	written written
	events  eventLimits
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	ref := kinds.Ref{Kind: r.kind, Namespace: request.Namespace, Name: request.Name}
	object := r.example.DeepCopyObject().(v1alpha1.Object)
	switch err := r.client.Get(ctx, request.NamespacedName, object); {
	case apierrors.IsNotFound(err):
		r.written.forget(request.NamespacedName)
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("getting the object: %w", err)
	case !object.GetDeletionTimestamp().IsZero():
		return reconcile.Result{}, r.finalize(ctx, ref, object)
	}
	if err := r.hold(ctx, object); err != nil {
		return reconcile.Result{}, err
	}
	outcome, err := r.engine.Outcome(ctx, object)
	if err != nil {
		return reconcile.Result{}, err
	}
	unconfirmed := r.engine.Await(ctx, ref)
	if request, ok := object.(*v1alpha1.AccessRequest); ok && unconfirmed == nil {
		if outcome, err = r.requests.carryOut(ctx, request, outcome); err != nil {
			return reconcile.Result{}, err
		}
		if outcome.Access != nil && outcome.Access.Grant.Kind != "" {
			unconfirmed = r.engine.Await(ctx, outcome.Access.Grant)
		}
	}
	if outcome.Done && unconfirmed == nil {
		return reconcile.Result{}, r.delete(ctx, object)
	}
	next, err := r.report(ctx, object, outcome, unconfirmed)
	if err != nil || next.IsZero() {
		return reconcile.Result{}, err
	}
	r.engine.RequeueAt(ref, next)
	return reconcile.Result{}, nil
}

// delete deletes an object whose spec says that it is to go now, unless it has changed meanwhile.
func (r *reconciler) delete(ctx context.Context, object v1alpha1.Object) error {
	uid, version := object.GetUID(), object.GetResourceVersion()
	err := r.client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting what has expired: %w", err)
	}
	return nil
}

// hold sets the finalizer, before the object has any effect outside.
func (r *reconciler) hold(ctx context.Context, object v1alpha1.Object) error {
	before := object.DeepCopyObject().(v1alpha1.Object)
	if !controllerutil.AddFinalizer(object, v1alpha1.Finalizer) {
		return nil
	}
	known, err := r.engine.Loaded(ctx)
	if err != nil {
		return err
	}
	if err := known.StampUnstamped(object); err != nil {
		return fmt.Errorf("stamping what was written while the operator was away: %w", err)
	}
	err = r.client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("setting the finalizer: %w", err)
	}
	return nil
}

// finalize ends what an object gives, and lets the object go once the store has confirmed it. One that is
// protected stays, in force, until the protection is lifted; the engine then has us look again.
func (r *reconciler) finalize(ctx context.Context, ref kinds.Ref, object v1alpha1.Object) error {
	ctx, span := r.trace(ctx, ref, object)
	defer span.End()
	outcome, err := r.engine.Outcome(ctx, object)
	if err != nil {
		return err
	}
	unconfirmed := r.engine.Await(ctx, ref)
	if unconfirmed != nil || outcome.Protected {
		_, err := r.report(ctx, object, outcome, unconfirmed)
		return err
	}
	span.AddEvent("the store has confirmed it")
	before := object.DeepCopyObject().(v1alpha1.Object)
	if controllerutil.RemoveFinalizer(object, v1alpha1.Finalizer) {
		err := r.client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("removing the finalizer: %w", err)
		}
	}
	if len(object.GetFinalizers()) == 0 {
		return nil // it is gone
	}
	// Others hold it: it must not go on to say that it gives something.
	before = object.DeepCopyObject().(v1alpha1.Object)
	describe(object, deleted(object), true, r.engine.Outage(), r.clock.Now())
	return r.write(ctx, before, object)
}

// trace makes a span of what ends what an object gives. It says when the deletion was asked for, so that the time before the span is
// seen, too, and its events say what the time in it was spent with.
func (r *reconciler) trace(ctx context.Context, ref kinds.Ref, object v1alpha1.Object) (context.Context, trace.Span) {
	if r.tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	return r.tracer.Start(ctx, "revocation", trace.WithAttributes(
		attribute.String("bailiwick.object", ref.String()),
		attribute.String("bailiwick.deletion_requested", object.GetDeletionTimestamp().UTC().Format(time.RFC3339)),
	))
}

// report is the one place where a status is written, and only if it says something new, compared with the last one that
// was written: where the cache does not show that yet, the object is looked at again. While the store
// does not answer, only an object with a change of its own says so: the others keep the status that they
// have, and are looked at again when the store has confirmed. It says when there is something to do next.
func (r *reconciler) report(ctx context.Context, object v1alpha1.Object, outcome state.Outcome, unconfirmed error) (next time.Time, err error) {
	if r.written.isAheadOf(object) {
		return time.Time{}, errBehind
	}
	if judged := outcome.Judged; judged != nil && ctx.Err() == nil && !equality.Semantic.DeepEqual(judged, object.CommonStatus().Judged) {
		// Other replicas go by this, whatever the store says. The write comes back as an event, and when all of them know that,
		// the rest is said.
		before := object.DeepCopyObject().(v1alpha1.Object)
		object.CommonStatus().Judged = judged
		return time.Time{}, r.write(ctx, before, object)
	}
	if unconfirmed != nil {
		ownChange := object.CommonStatus().ObservedGeneration != object.GetGeneration() || !object.GetDeletionTimestamp().IsZero()
		if ctx.Err() != nil {
			return outcome.Next, ctx.Err()
		}
		if !ownChange {
			return outcome.Next, r.reportOutage(ctx, object)
		}
		outcome = unavailable(outcome, unconfirmed)
	}
	before := object.DeepCopyObject().(v1alpha1.Object)
	describe(object, outcome, unconfirmed == nil, r.engine.Outage(), r.clock.Now())
	if organization, ok := object.(*v1alpha1.Organization); ok {
		organization.Status.UsernamePrefix = r.usernamePrefix
	}
	role, ok := object.(*v1alpha1.Role)
	if !ok || unconfirmed != nil {
		return outcome.Next, r.write(ctx, before, object)
	}
	// Its revisions are history: whatever is the matter with them, the rest is said.
	plan, err := r.revisions.revise(ctx, role, outcome)
	if failed := r.write(ctx, before, object); failed != nil {
		return time.Time{}, errors.Join(err, failed)
	}
	return plan.Next, errors.Join(err, r.revisions.retire(ctx, plan))
}

// reportOutage has an Organization say that the store does not answer, and nothing else: what it says of itself holds
// until the store has confirmed something else.
func (r *reconciler) reportOutage(ctx context.Context, object v1alpha1.Object) error {
	organization, ok := object.(*v1alpha1.Organization)
	outage := r.engine.Outage()
	if !ok || outage == nil {
		return nil
	}
	before := organization.DeepCopy()
	describeOutage(organization, outage)
	return r.write(ctx, before, organization)
}

// write writes the status for report, if it says something new.
func (r *reconciler) write(ctx context.Context, before, object v1alpha1.Object) error {
	if equality.Semantic.DeepEqual(before, object) {
		return nil
	}
	if err := r.client.Status().Patch(ctx, object, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	r.written.record(before, object)
	r.announce(before, object)
	expired(before, object, r.clock.Now())
	return nil
}
