package controllers

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/revision"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Planned is what the controllers would write of an object at their start.
type Planned struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Writes are what would be written, for people.
	Writes []string `json:"writes"`
	// Before and After are the reasons of its condition Ready; Before is empty where it has none yet, and
	// After where it would go. Message is what it would then say.
	Before  string `json:"before"`
	After   string `json:"after"`
	Message string `json:"message,omitempty"`
}

// Plan says what the controllers would write of an object at their start, once the store agrees, with the
// outcome that it would have and the revisions that there are; nil if that is nothing. It writes nothing, and
// does not change the object.
func Plan(object v1alpha1.Object, outcome state.Outcome, existing []*appsv1.ControllerRevision, now time.Time) (*Planned, error) {
	ref := kinds.RefOf(object)
	f := &Planned{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name, Before: kinds.ReadyReason(object)}
	held := controllerutil.ContainsFinalizer(object, v1alpha1.Finalizer)
	switch {
	case !object.GetDeletionTimestamp().IsZero() && !held:
		return nil, nil //nolint:nilnil // it goes without us
	case !object.GetDeletionTimestamp().IsZero() && !outcome.Protected:
		f.Writes = []string{"its finalizer is removed, so that its deletion ends"}
		return f, nil
	case outcome.Done:
		f.Writes = []string{"it is deleted, as its ttlAfterExpired says"}
		return f, nil
	case !held:
		f.Writes = append(f.Writes, "its finalizer is set")
	}
	after := object.DeepCopyObject().(v1alpha1.Object)
	describe(after, outcome, true, nil, now)
	if role, ok := after.(*v1alpha1.Role); ok {
		made, err := foreseeRevision(role, outcome, existing, now)
		if err != nil {
			return nil, err
		}
		f.Writes = append(f.Writes, made...)
	}
	if !equality.Semantic.DeepEqual(object, after) {
		f.Writes = append(f.Writes, "its status is written")
	}
	if len(f.Writes) == 0 {
		return nil, nil //nolint:nilnil // there is nothing, and that is no error
	}
	f.After = kinds.ReadyReason(after)
	if f.After != f.Before {
		f.Message = meta.FindStatusCondition(after.CommonStatus().Conditions, v1alpha1.ConditionReady).Message
	}
	return f, nil
}

// foreseeRevision says which revisions of a role would be made and removed, and notes the current one in its
// status.
func foreseeRevision(role *v1alpha1.Role, outcome state.Outcome, existing []*appsv1.ControllerRevision, now time.Time) (writes []string, err error) {
	gives := givesNow(role, outcome)
	if gives == nil {
		return nil, nil
	}
	plan, err := revision.For(gives, existing, now)
	if err != nil {
		return nil, err
	}
	if plan.Create != nil || plan.Update != nil {
		writes = append(writes, fmt.Sprintf("revision %s becomes the current one", plan.Current))
	}
	if len(plan.Delete) > 0 {
		writes = append(writes, fmt.Sprintf("%d old revisions are removed", len(plan.Delete)))
	}
	role.Status.Revision, role.Status.PreviousRevision = plan.Current, plan.Previous
	return writes, nil
}
