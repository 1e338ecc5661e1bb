package statuscheck

import (
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// The verdicts of kstatus on an object that is not being deleted.
const (
	Current    = status.CurrentStatus
	InProgress = status.InProgressStatus
	Failed     = status.FailedStatus
)

// KStatus is the verdict of kstatus, by which GitOps tools judge the health of an object [K15]. An
// object that is being deleted is Terminating.
func KStatus(object v1alpha1.Object) (status.Status, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return status.UnknownStatus, err
	}
	result, err := status.Compute(&unstructured.Unstructured{Object: content})
	if err != nil {
		return status.UnknownStatus, fmt.Errorf("computing the kstatus of %T %s/%s: %w", object, object.GetNamespace(), object.GetName(), err)
	}
	return result.Status, nil
}
