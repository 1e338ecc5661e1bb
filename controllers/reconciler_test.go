package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestAnObjectIsLookedAtForMoreThanWordsInItsStatus(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.Role)
		want   bool
	}{
		"its numbers": {change: func(r *v1alpha1.Role) { r.Status.Assignments, r.Status.Children = 7, 2 }},
		"its words":   {change: func(r *v1alpha1.Role) { r.Status.Conditions[0].Message = "gives 7 permissions" }},
		"its numbers and its condition": {want: true, change: func(r *v1alpha1.Role) {
			r.Status.Assignments, r.Status.Conditions = 7, nil
		}},
		"what its condition is":      {want: true, change: func(r *v1alpha1.Role) { r.Status.Conditions[0].Status = metav1.ConditionFalse }},
		"its spec":                   {want: true, change: func(r *v1alpha1.Role) { r.Generation, r.Spec.PermissionGrants = 2, nil }},
		"its annotations":            {want: true, change: func(r *v1alpha1.Role) { r.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"} }},
		"its finalizer":              {want: true, change: func(r *v1alpha1.Role) { r.Finalizers = nil }},
		"nothing: it is shown again": {want: true, change: func(r *v1alpha1.Role) { r.ResourceVersion = "1" }},
	} {
		t.Run(name, func(t *testing.T) {
			before := build.Role("acme", "editor").Grants("App:View").Obj()
			before.ResourceVersion, before.Generation, before.Finalizers = "1", 1, []string{v1alpha1.Finalizer}
			before.Status.Assignments = 6
			before.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady}}
			after := before.DeepCopy()
			after.ResourceVersion = "2"
			test.change(after)
			if got := moreThanWords(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != test.want {
				t.Errorf("got %t", got)
			}
			if before.ResourceVersion != "1" || before.Status.Assignments != 6 {
				t.Error("what the cache holds has changed")
			}
		})
	}
}

func TestARaceWithSomebodyElseIsNoError(t *testing.T) {
	of := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "roles"}
	conflict := apierrors.NewConflict(of, "r", errors.New("changed"))
	terminating := apierrors.NewForbidden(of, "r", errors.New("terminating"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	forbidden := apierrors.NewForbidden(of, "r", errors.New("no right"))
	for name, test := range map[string]struct {
		err   error
		quiet bool
	}{
		"somebody changed it":          {fmt.Errorf("writing the status: %w", conflict), true},
		"it is gone":                   {apierrors.NewNotFound(of, "r"), true},
		"another has its name":         {apierrors.NewAlreadyExists(of, "r"), false},
		"its namespace goes":           {fmt.Errorf("making a revision: %w", terminating), true},
		"both":                         {errors.Join(conflict, terminating), true},
		"the operator lacks the right": {forbidden, false},
		"one of two is an error":       {errors.Join(conflict, forbidden), false},
		"a message that looks like it": {errors.New(conflict.Error()), false},
		"the API server is away":       {apierrors.NewServiceUnavailable("away"), false},
	} {
		t.Run(name, func(t *testing.T) {
			failing := reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
				return reconcile.Result{}, test.err
			})
			result, err := inTurns("Role", failing).Reconcile(t.Context(), reconcile.Request{})
			if test.quiet != (err == nil) || test.quiet != (result.RequeueAfter > 0) {
				t.Errorf("got %v, %v", result, err)
			}
		})
	}
}
