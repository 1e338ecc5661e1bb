package engine

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/desired"
)

// NamespaceKind is the kind under which namespaces are watched, metadata only.
var NamespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")

// load puts all objects of the cluster into the state at once.
func (e *Engine) load(ctx context.Context) error {
	var objects []client.Object
	for kind, list := range kinds() {
		if err := e.options.Reader.List(ctx, list); err != nil {
			return fmt.Errorf("loading every %s: %w", kind, err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object := item.(client.Object)
			if desired.StaysWhileDeleted(kind) || object.GetDeletionTimestamp().IsZero() {
				objects = append(objects, object)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("loading every %s: %w", kind, err)
		}
	}
	e.state.Put(objects...)
	e.options.Log.Info("loaded the cluster", "objects", len(objects))
	return nil
}
