package plugin

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// scheme has the kinds that the plugin reads.
var scheme = newScheme()

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// cluster is what the plugin reads.
type cluster struct {
	client.WithWatch
	// organization is the namespace that the user has chosen.
	organization string
}

// connect reaches the cluster that the flags choose. It asks nothing yet.
func (p *plugin) connect() (*cluster, error) {
	config, err := p.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w", err)
	}
	// A question reads a dozen kinds in pages; that is no reason to hold it up.
	config.QPS, config.Burst = 50, 300
	namespace, _, err := p.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("finding the namespace: %w", err)
	}
	reader, err := client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: restMapper()})
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	return &cluster{WithWatch: reader, organization: namespace}, nil
}

// restMapper knows where the kinds are without asking the cluster, so that nothing has to be discovered.
func restMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	add := func(object client.Object, scope meta.RESTScope) {
		kind, err := apiutil.GVKForObject(object, scheme)
		utilruntime.Must(err) // it is in the scheme
		mapper.Add(kind, scope)
	}
	add(&corev1.Namespace{}, meta.RESTScopeRoot)
	add(&authenticationv1.SelfSubjectReview{}, meta.RESTScopeRoot)
	for _, kind := range kinds.All {
		scope := meta.RESTScopeNamespace
		if kind.ClusterScoped {
			scope = meta.RESTScopeRoot
		}
		add(kind.New(), scope)
	}
	return mapper
}

// pageSize is how many objects are read at once.
const pageSize = 500

// list reads all objects of a kind, page by page.
func (c *cluster) list(ctx context.Context, kind client.ObjectList, options ...client.ListOption) ([]v1alpha1.Object, error) {
	pages := pager.New(func(ctx context.Context, page metav1.ListOptions) (runtime.Object, error) {
		list := kind.DeepCopyObject().(client.ObjectList)
		err := c.List(ctx, list, append(options, client.Limit(page.Limit), client.Continue(page.Continue))...)
		return list, err
	})
	pages.PageSize = pageSize
	var objects []v1alpha1.Object
	err := pages.EachListItem(ctx, metav1.ListOptions{}, func(item runtime.Object) error {
		object := item.(v1alpha1.Object)
		object.SetManagedFields(nil)
		objects = append(objects, object)
		return nil
	})
	return objects, explained(err)
}

// explained says what a user can do about an error of the API server.
func explained(err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not read this: %w; the ClusterRole bailiwick-viewer, bound in the namespace, shows it", err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the cluster does not know this kind: Bailiwick is not installed there: %w", err)
	default:
		return err
	}
}

// within is where lists look: in the chosen organization, or in all.
func (c *cluster) within(all bool) client.ListOption { return client.InNamespace(c.namespace(all)) }

// namespace is the chosen one, or none, which means all.
func (c *cluster) namespace(all bool) string {
	if all {
		return ""
	}
	return c.organization
}
