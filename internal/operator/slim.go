package operator

import (
	"unique"

	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// slim is what the cache keeps of an object: not the managed fields, which nobody reads there and which are most of
// it. Decoded, each object has texts of its own; here those that say the same share one.
func slim(object any) (any, error) {
	stripped, err := cache.TransformStripManagedFields()(object)
	ours, ok := stripped.(v1alpha1.Object)
	if !ok || err != nil {
		return stripped, err
	}
	ours.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // who reads from the cache knows what was asked for
	ours.SetNamespace(shared(ours.GetNamespace()))
	finalizers := ours.GetFinalizers()
	for n := range finalizers {
		share(&finalizers[n])
	}
	conditions := ours.CommonStatus().Conditions
	for n := range conditions {
		c := &conditions[n]
		c.Status = shared(c.Status)
		share(&c.Type, &c.Reason, &c.Message)
	}
	if a, ok := ours.(*v1alpha1.RoleAssignment); ok { // of which there are many more than of the others
		share(&a.Spec.RoleRef.Name, &a.Spec.Subject.User, &a.Spec.Subject.Group, &a.Spec.Scope.Workspace, &a.Spec.Scope.Project,
			&a.Status.Subject, &a.Status.Scope)
	}
	return ours, nil
}

// slimmer is slim for a replica that only answers: it keeps no more of an object than its state reads. It is reduced last, since
// what objects share then is written no more.
func slimmer(r *state.Reducer) toolscache.TransformFunc {
	return func(object any) (any, error) {
		slimmed, err := slim(object)
		if ours, ok := slimmed.(v1alpha1.Object); ok && err == nil {
			r.Reduce(ours)
		}
		return slimmed, err
	}
}

func share(texts ...*string) {
	for _, text := range texts {
		*text = shared(*text)
	}
}

func shared[text ~string](t text) text { return unique.Make(t).Value() }
