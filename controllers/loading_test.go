package controllers

import (
	"context"
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// What was created while the operator was away is looked at before all objects are loaded, among them whom it names.
func TestNothingIsHeldBeforeItIsKnownWhoIsMeant(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	grant := build.PermissionGrant("acme", "g").ToUser("alice").Grants("View").Obj()
	api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(grant).WithObjects(grant).Build()
	r := &reconciler{
		kind: kinds.PermissionGrant, example: &v1alpha1.PermissionGrant{}, client: api,
		engine: engine.New(engine.Options{Clock: clock.RealClock{}}), clock: clock.RealClock{},
	}
	over := errors.New("the operator ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(over)
	if _, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(grant)}); !errors.Is(err, over) {
		t.Errorf("got %v, want that it waits until the operator ends", err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(grant), grant); err != nil || len(grant.Finalizers) > 0 {
		t.Errorf("finalizers %v, %v", grant.Finalizers, err)
	}
}
