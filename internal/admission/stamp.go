// Package admission is what Bailiwick does in the API server's path: it stamps objects when they are
// created, and keeps the stamps.
package admission

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Requester is who makes a request.
type Requester struct {
	Name string
	// MayEscalate says whether the requester has the verb escalate on what the request is about. It is
	// asked only when it matters.
	MayEscalate func() (bool, error)
}

// stampOnCreate sets the finalizer, so that the operator need not write it, and says on grants who made
// them and when. What an object brings along is kept where the requester may escalate: that is a restore
// from a backup. Nobody can say that a grant begins in the future.
func stampOnCreate(object *metav1.ObjectMeta, grant bool, by Requester, now time.Time) error {
	if !slices.Contains(object.Finalizers, v1alpha1.Finalizer) {
		object.Finalizers = append(object.Finalizers, v1alpha1.Finalizer)
	}
	if !grant {
		return nil
	}
	brought := object.Annotations[v1alpha1.AnnotationCreator] != "" || object.Annotations[v1alpha1.AnnotationGrantedAt] != ""
	restored := false
	if brought {
		var err error
		if restored, err = by.MayEscalate(); err != nil {
			return fmt.Errorf("asking whether %s may restore a grant: %w", by.Name, err)
		}
	}
	if !restored || object.Annotations[v1alpha1.AnnotationCreator] == "" {
		metav1.SetMetaDataAnnotation(object, v1alpha1.AnnotationCreator, by.Name)
	}
	at, err := time.Parse(time.RFC3339, object.Annotations[v1alpha1.AnnotationGrantedAt])
	if !restored || err != nil || at.After(now) {
		metav1.SetMetaDataAnnotation(object, v1alpha1.AnnotationGrantedAt, now.UTC().Format(time.RFC3339))
	}
	return nil
}

// acceptOnCreate is acceptOnUpdate for an invitation that comes accepted, as one that is restored does:
// whoever may escalate keeps when that was.
func acceptOnCreate(object *metav1.ObjectMeta, acceptedBy string, by Requester, now time.Time) error {
	if at, err := time.Parse(time.RFC3339, object.Annotations[v1alpha1.AnnotationAcceptedAt]); err == nil && acceptedBy != "" && !at.After(now) {
		restored, err := by.MayEscalate()
		if err != nil {
			return fmt.Errorf("asking whether %s may restore an invitation: %w", by.Name, err)
		}
		if restored {
			return nil
		}
	}
	acceptOnUpdate(&metav1.ObjectMeta{}, object, "", acceptedBy, now)
	return nil
}

// acceptOnUpdate says on an invitation when it was accepted. Nobody can say so themselves.
func acceptOnUpdate(old, object *metav1.ObjectMeta, acceptedBefore, acceptedNow string, now time.Time) {
	if _, stamped := old.Annotations[v1alpha1.AnnotationAcceptedAt]; acceptedBefore == "" || !stamped {
		delete(object.Annotations, v1alpha1.AnnotationAcceptedAt)
	}
	if acceptedBefore == "" && acceptedNow != "" {
		metav1.SetMetaDataAnnotation(object, v1alpha1.AnnotationAcceptedAt, now.UTC().Format(time.RFC3339))
	}
}

// keepOnUpdate puts back the stamps that an update leaves out, as kubectl replace does, and refuses one
// that changes them. Where an object has none, because the webhook was not there when it was created,
// only who may restore it from a backup may say who made it and when.
func keepOnUpdate(old, object *metav1.ObjectMeta, by Requester) error {
	if slices.Contains(old.Finalizers, v1alpha1.Finalizer) && !slices.Contains(object.Finalizers, v1alpha1.Finalizer) {
		object.Finalizers = append(object.Finalizers, v1alpha1.Finalizer)
	}
	for _, name := range []string{v1alpha1.AnnotationCreator, v1alpha1.AnnotationGrantedAt, v1alpha1.AnnotationAcceptedAt} {
		was, stamped := old.Annotations[name]
		is, there := object.Annotations[name]
		switch {
		case stamped && !there:
			metav1.SetMetaDataAnnotation(object, name, was)
		case stamped && is != was:
			return refusal(fmt.Sprintf("metadata.annotations[%s] can't be changed from %q to %q: leave it as it is, or leave it out", name, was, is))
		case !stamped && there:
			restores, err := by.MayEscalate()
			if err != nil {
				return fmt.Errorf("asking whether %s may restore a grant: %w", by.Name, err)
			}
			if !restores {
				return refusal(fmt.Sprintf("metadata.annotations[%s] can't be set later: leave it out; setting it needs the verb escalate", name))
			}
		}
	}
	return nil
}

// refusal is an error that is the requester's, and says what to do.
type refusal string

func (r refusal) Error() string { return string(r) }
