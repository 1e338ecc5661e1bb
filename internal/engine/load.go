package engine

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/internal/desired"
)

// NamespaceKind is the kind under which namespaces are watched, metadata only.
var NamespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")

var storeAvailable = prometheus.NewGauge(prometheus.GaugeOpts{
	Name: "bailiwick_store_available",
	Help: "1 while the authorization store answers, 0 while it does not.",
})

func init() { metrics.Registry.MustRegister(storeAvailable) }

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
