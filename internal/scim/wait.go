package scim

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// What takes access away is answered when it is in force, as `kubectl delete` waits for it. While the operator
// is away that takes as long; then the sender is told to come again.
const (
	waitTimeout  = 20 * time.Second
	pollInterval = 50 * time.Millisecond
)

// delete deletes an object as it was read, and waits until it is gone.
func (s session) delete(ctx context.Context, object client.Object) error {
	uid := object.GetUID()
	err := s.client.Delete(ctx, object, client.Preconditions{UID: &uid})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is gone, and perhaps another one there
	}
	if err != nil {
		return err
	}
	return s.waitUntil(ctx, object, func(present client.Object, err error) bool {
		return apierrors.IsNotFound(err) || err == nil && present.GetUID() != uid
	})
}

// observed waits until the operator has carried an object out.
func (s session) observed(ctx context.Context, object v1alpha1.Object) error {
	written := object.GetGeneration()
	if object.CommonStatus().ObservedGeneration >= written {
		return nil
	}
	return s.waitUntil(ctx, object, func(present client.Object, err error) bool {
		return apierrors.IsNotFound(err) || err == nil && present.(v1alpha1.Object).CommonStatus().ObservedGeneration >= written
	})
}

func (s session) waitUntil(ctx context.Context, object client.Object, done func(client.Object, error) bool) error {
	key := client.ObjectKeyFromObject(object)
	present := object.DeepCopyObject().(client.Object)
	err := wait.PollUntilContextTimeout(ctx, pollInterval, waitTimeout, true, func(ctx context.Context) (bool, error) {
		return done(present, s.client.Get(ctx, key, present)), nil
	})
	if err != nil {
		return unavailable("%s/%s is written, but the operator has not carried it out yet: repeat the request", key.Namespace, key.Name)
	}
	return nil
}
