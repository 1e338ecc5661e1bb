package state

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// Unchanged says whether evaluating an object again can't say anything new: all that is read of it is as it was. So the
// operator's own write of a status costs no evaluation. It is the same of objects that a Reducer has reduced: the leader waits for
// what it finds changed, and a replica that finds it unchanged is in no hurry to say that it has seen it.
func Unchanged(before, now client.Object) bool {
	if before.GetUID() != now.GetUID() || before.GetCreationTimestamp() != now.GetCreationTimestamp() ||
		before.GetDeletionTimestamp().IsZero() != now.GetDeletionTimestamp().IsZero() ||
		!slices.Equal(before.GetFinalizers(), now.GetFinalizers()) || !sameAnnotations(before.GetAnnotations(), now.GetAnnotations()) {
		return false
	}
	was, isOurs := before.(v1alpha1.Object)
	if !isOurs {
		return true // a namespace, of which nothing else is known
	}
	is := now.(v1alpha1.Object)
	return v1alpha1.SameDeclared(was, is) && sameStatus(was, is)
}

// sameAnnotations says whether those that are read are the same.
func sameAnnotations(was, is map[string]string) bool {
	includes := func(some, others map[string]string) bool {
		for name, value := range others {
			if found, there := some[name]; strings.HasPrefix(name, ours) && (!there || found != value) {
				return false
			}
		}
		return true
	}
	return includes(was, is) && includes(is, was)
}

// sameStatus says whether what is read of a status is the same. Of a paused object that is all.
func sameStatus(was, is v1alpha1.Object) bool {
	before, now := was.CommonStatus(), is.CommonStatus()
	if IsPaused(is) || before.Held != nil || now.Held != nil {
		return before.ObservedGeneration == now.ObservedGeneration && conditionsRead(before.Conditions) == conditionsRead(now.Conditions) &&
			equality.Semantic.DeepEqual(before.Held, now.Held) && equality.Semantic.DeepEqual(before.Judged, now.Judged)
	}
	if isCarriedOut(was) != isCarriedOut(is) {
		if by := giverOf(is); by != nil && mayBeSuspended(by) {
			return false
		}
	}
	return equality.Semantic.DeepEqual(before.Judged, now.Judged) && isRefused(was) == isRefused(is) && keeperOf(kinds.RefOf(is).Kind).sameStatus(was, is)
}
