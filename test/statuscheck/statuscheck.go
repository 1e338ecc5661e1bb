// Package statuscheck is the status contract of the API as rules that a test can run over any object.
// The rules speak of a status that the operator has written and that is up to date: where it may still
// be on its way, run them inside Eventually.
package statuscheck

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Check returns every way in which the status of an object breaks the contract, and nil if there is
// none.
func Check(object v1alpha1.Object) error {
	if err := errors.Join(
		observed(object),
		oneReady(object),
		readyAndWhy(object),
		onlyWhileTrue(object),
		worded(object),
		inForceOnlyWhereAllowed(object),
		outcomes(object),
		lifetime(object),
		window(object),
	); err != nil {
		return fmt.Errorf("status of %T %s/%s: %w", object, object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

// observed: the generation that a verdict is about stands at the top and on every condition, and it is
// the object's.
func observed(object v1alpha1.Object) error {
	status, generation := object.CommonStatus(), object.GetGeneration()
	var broken []error
	if status.ObservedGeneration != generation {
		broken = append(broken, fmt.Errorf("observedGeneration is %d, the object's generation is %d", status.ObservedGeneration, generation))
	}
	for _, condition := range status.Conditions {
		if condition.ObservedGeneration != generation {
			broken = append(broken, fmt.Errorf("%s: observedGeneration is %d, the object's generation is %d",
				condition.Type, condition.ObservedGeneration, generation))
		}
	}
	return errors.Join(broken...)
}

// oneReady: there is one condition Ready, and it is not Unknown.
func oneReady(object v1alpha1.Object) error {
	var found []metav1.ConditionStatus
	for _, condition := range object.CommonStatus().Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			found = append(found, condition.Status)
		}
	}
	if len(found) != 1 || found[0] != metav1.ConditionTrue && found[0] != metav1.ConditionFalse {
		return fmt.Errorf("conditions Ready are %q: there must be one, True or False", found)
	}
	return nil
}

// readyAndWhy: what is not ready either waits for something that can come by itself or needs an edit,
// and what is ready does neither.
func readyAndWhy(object v1alpha1.Object) error {
	conditions := object.CommonStatus().Conditions
	ready := meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady)
	reconciling := meta.FindStatusCondition(conditions, v1alpha1.ConditionReconciling) != nil
	stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled) != nil
	switch {
	case ready && (reconciling || stalled):
		return errors.New("what is Ready has neither Reconciling nor Stalled")
	case !ready && reconciling == stalled:
		return errors.New("what is not Ready has either Reconciling or Stalled, and not both")
	}
	return nil
}

// onlyWhileTrue: every condition but Ready says that something is abnormal, and is there only while it
// is.
func onlyWhileTrue(object v1alpha1.Object) error {
	var broken []error
	for _, condition := range object.CommonStatus().Conditions {
		if condition.Type != v1alpha1.ConditionReady && condition.Status != metav1.ConditionTrue {
			broken = append(broken, fmt.Errorf("%s is %s: it must be True, or not be there", condition.Type, condition.Status))
		}
	}
	return errors.Join(broken...)
}

// worded: every condition has a reason of the API, a message, and the time of its last transition.
func worded(object v1alpha1.Object) error {
	var broken []error
	for _, condition := range object.CommonStatus().Conditions {
		if !slices.Contains(reasons, condition.Reason) {
			broken = append(broken, fmt.Errorf("%s: %q is not a reason of the API", condition.Type, condition.Reason))
		}
		if condition.Message == "" {
			broken = append(broken, fmt.Errorf("%s: there is no message", condition.Type))
		}
		if condition.LastTransitionTime.IsZero() {
			broken = append(broken, fmt.Errorf("%s: there is no lastTransitionTime", condition.Type))
		}
	}
	return errors.Join(broken...)
}

// inForceOnlyWhereAllowed: where a status says whether anything is in force, it does not contradict
// its condition Ready.
func inForceOnlyWhereAllowed(object v1alpha1.Object) error {
	inForce, found, err := inForce(object)
	if err != nil || !found {
		return err
	}
	ready := meta.FindStatusCondition(object.CommonStatus().Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return nil // oneReady has said so
	case inForce && ready.Status == metav1.ConditionTrue && ready.Reason != v1alpha1.ReasonInForce,
		inForce && ready.Status != metav1.ConditionTrue && !slices.Contains(mayHoldWhileNotReady, ready.Reason):
		return fmt.Errorf("inForce is true, and Ready is %s with reason %s", ready.Status, ready.Reason)
	case !inForce && ready.Reason == v1alpha1.ReasonInForce:
		return fmt.Errorf("inForce is false, and Ready has the reason %s", ready.Reason)
	}
	return nil
}

// inForce is what a status says of whether anything is in force, found where it says so.
func inForce(object v1alpha1.Object) (value, found bool, err error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return false, false, err
	}
	return unstructured.NestedBool(content, "status", "inForce")
}
