package state

import (
	"maps"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Reducer takes out of objects what no evaluation reads, and has those that say the same share it. It is for objects that
// nobody else reads or changes.
type Reducer struct {
	mu sync.Mutex
	// annotations and conditions are those that objects may share.
	annotations map[string]map[string]string
	conditions  map[reducedConditions][]metav1.Condition
}

// reducedConditions are all that is read of an object's conditions.
type reducedConditions struct{ ready, paused reducedCondition }

type reducedCondition struct {
	status metav1.ConditionStatus
	reason string
}

// maxShared bounds how many annotations or conditions are remembered to be shared. Where there are more, it begins anew.
const maxShared = 1 << 15

// ours begins the names of our annotations: no other one is read.
const ours = "authz.bailiwick.dev/"

var ourFinalizer = []string{v1alpha1.Finalizer}

// Reduce reduces an object.
func (r *Reducer) Reduce(object v1alpha1.Object) {
	object.SetManagedFields(nil)
	object.SetLabels(nil)
	object.SetOwnerReferences(nil)
	object.SetGenerateName("")
	if finalizers := object.GetFinalizers(); len(finalizers) == 1 && finalizers[0] == v1alpha1.Finalizer {
		object.SetFinalizers(ourFinalizer)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	object.SetAnnotations(r.reducedAnnotations(object.GetAnnotations()))
	common := object.CommonStatus()
	common.Conditions = r.reducedConditions(common.Conditions)
}

// reducedAnnotations are those of an object, shared where it has no more than a stamp.
func (r *Reducer) reducedAnnotations(of map[string]string) map[string]string {
	maps.DeleteFunc(of, func(name, _ string) bool { return !strings.HasPrefix(name, ours) })
	stamp, stamped := of[v1alpha1.AnnotationAuthor]
	switch {
	case len(of) == 0:
		return nil
	case !stamped || len(of) > 1:
		return of
	}
	return shared(&r.annotations, stamp, of)
}

func (r *Reducer) reducedConditions(of []metav1.Condition) []metav1.Condition {
	var kept []metav1.Condition
	for _, c := range of {
		if c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionPaused {
			kept = append(kept, metav1.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason})
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return shared(&r.conditions, conditionsRead(kept), kept)
}

// conditionsRead are what is read of conditions.
func conditionsRead(of []metav1.Condition) (read reducedConditions) {
	for _, c := range of {
		switch c.Type {
		case v1alpha1.ConditionReady:
			read.ready = reducedCondition{c.Status, c.Reason}
		case v1alpha1.ConditionPaused:
			read.paused = reducedCondition{c.Status, c.Reason}
		}
	}
	return read
}

// shared is what is remembered under a key, which is what is given where nothing is.
func shared[K comparable, V any](remembered *map[K]V, key K, given V) V {
	if value, known := (*remembered)[key]; known {
		return value
	}
	if *remembered == nil || len(*remembered) >= maxShared {
		*remembered = map[K]V{}
	}
	(*remembered)[key] = given
	return given
}
