package installation

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

// Discovery says what an API server serves.
type Discovery interface {
	ServerResourcesForGroupVersionWithContext(ctx context.Context, groupVersion string) (*metav1.APIResourceList, error)
}

// checkKinds says which CRDs are missing.
func (k *Keeper) checkKinds(ctx context.Context) {
	served, err := k.Discovery.ServerResourcesForGroupVersionWithContext(ctx, v1alpha1.GroupVersion.String())
	if err != nil && !apierrors.IsNotFound(err) {
		return
	}
	var missing []string
	for _, kind := range k.Kinds {
		isServed := func(r metav1.APIResource) bool { return r.Kind == kind && !strings.Contains(r.Name, "/") }
		if served == nil || !slices.ContainsFunc(served.APIResources, isServed) {
			missing = append(missing, "the CRD of "+kind+" is missing")
		}
	}
	slices.Sort(missing)
	problem := ""
	if len(missing) > 0 {
		problem = enumerate.Some(missing, shown, "; ") + ": apply config/crd again"
	}
	k.Parts.Set(PartKinds, k.deployment(), problem)
}
