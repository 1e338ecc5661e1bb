package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

func setupNamespaces(mgr ctrl.Manager, e *engine.Engine, options controller.Options) error {
	err := ctrl.NewControllerManagedBy(mgr).
		For(&corev1.Namespace{}, builder.OnlyMetadata).
		WatchesRawSource(e.Source(kinds.Namespace)).
		WithOptions(options).
		Complete(inTurns(kinds.Namespace, &namespaces{client: mgr.GetClient(), engine: e}))
	if err != nil {
		return fmt.Errorf("setting up the controller of namespaces: %w", err)
	}
	return nil
}

// namespaces tells the engine which namespaces there are: an Organization needs its own.
type namespaces struct {
	client client.Client
	engine *engine.Engine
}

// Reconcile implements reconcile.Reconciler. Whoever waits for the store because of a namespace is its
// Organization, so errors of the store are not ours.
func (r *namespaces) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if about, err := r.engine.Admit(ctx, kinds.Namespace, request); err != nil || !about {
		return reconcile.Result{}, err
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(engine.NamespaceKind)
	switch err := r.client.Get(ctx, request.NamespacedName, namespace); {
	case apierrors.IsNotFound(err):
		_ = r.engine.Remove(ctx, kinds.Ref{Kind: kinds.Namespace, Name: request.Name})
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("getting the namespace: %w", err)
	default:
		_, _ = r.engine.Apply(ctx, namespace)
	}
	return reconcile.Result{}, nil
}
