package engine

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// NamespaceKind is the kind under which namespaces are watched, metadata only.
var NamespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")

// lists are all that make up the state, with a list of each. Namespaces are metadata only.
func lists() map[string]client.ObjectList {
	namespaces := &metav1.PartialObjectMetadataList{}
	namespaces.SetGroupVersionKind(NamespaceKind.GroupVersion().WithKind(NamespaceKind.Kind + "List"))
	all := map[string]client.ObjectList{kinds.Namespace: namespaces}
	for _, kind := range kinds.All {
		all[kind.Name] = kind.NewList()
	}
	return all
}

// List reads all objects of the cluster that concern the operator.
func List(ctx context.Context, from client.Reader) ([]client.Object, error) {
	var objects []client.Object
	for kind, list := range lists() {
		if err := from.List(ctx, list); err != nil {
			return nil, fmt.Errorf("loading every %s: %w", kind, err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			objects = append(objects, item.(client.Object))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("loading every %s: %w", kind, err)
		}
	}
	return objects, nil
}

// Standing are those objects that are part of the state: what is being deleted gives nothing any more, with
// exceptions.
func Standing(objects []client.Object) []client.Object {
	standing := make([]client.Object, 0, len(objects))
	for _, object := range objects {
		if kinds.KeptWhileDeleted(kinds.RefOf(object).Kind) || object.GetDeletionTimestamp().IsZero() {
			standing = append(standing, object)
		}
	}
	return standing
}
