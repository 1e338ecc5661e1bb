package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestARoleIsLookedAtForMoreThanHowManyNameIt(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.Role)
		want   bool
	}{
		"its numbers": {change: func(r *v1alpha1.Role) { r.Status.Assignments, r.Status.Children = 7, 2 }},
		"its numbers and its condition": {want: true, change: func(r *v1alpha1.Role) {
			r.Status.Assignments, r.Status.Conditions = 7, nil
		}},
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
			if got := moreThanUse(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != test.want {
				t.Errorf("got %t", got)
			}
			if before.ResourceVersion != "1" || before.Status.Assignments != 6 {
				t.Error("what the cache holds has changed")
			}
		})
	}
}
