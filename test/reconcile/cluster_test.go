package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
)

// cluster is controller-runtime's fake of an API server, with what that leaves out: generations, UIDs, creation
// timestamps, times to the second, writes that change nothing, and lists that a watch goes on from.
type cluster struct {
	client client.WithWatch
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	clienttesting.ObjectTracker
	// writing is held while something is written, and between a list and its watch.
	writing sync.Mutex
	// missing is a kind whose CRD is.
	missing string
}

func newCluster() *cluster {
	GinkgoHelper()
	c := &cluster{scheme: operator.Scheme()}
	c.mapper = mapperOf(c.scheme)
	c.ObjectTracker = clienttesting.NewObjectTracker(c.scheme, serializer.NewCodecFactory(c.scheme).UniversalDecoder())
	var withStatus []client.Object
	for _, kind := range kinds.All {
		withStatus = append(withStatus, kind.New())
	}
	c.client = fake.NewClientBuilder().WithScheme(c.scheme).WithRESTMapper(c.mapper).WithObjectTracker(c).
		WithGlobalResourceVersionCounter().WithStatusSubresource(withStatus...).Build()
	return c
}

func mapperOf(scheme *runtime.Scheme) meta.RESTMapper {
	cluster := map[string]bool{kinds.Namespace: true}
	for _, kind := range kinds.All {
		cluster[kind.Name] = kind.ClusterScoped
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for kind := range scheme.AllKnownTypes() {
		if cluster[kind.Kind] {
			mapper.Add(kind, meta.RESTScopeRoot)
		} else {
			mapper.Add(kind, meta.RESTScopeNamespace)
		}
	}
	return mapper
}

// Create implements clienttesting.ObjectTracker.
func (c *cluster) Create(gvr schema.GroupVersionResource, object runtime.Object, ns string, options ...metav1.CreateOptions) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	created, err := c.sent(object, "status")
	if err != nil {
		return err
	}
	created.SetUID(uuid.NewUUID())
	created.SetCreationTimestamp(metav1.Time{Time: time.Now().UTC().Truncate(time.Second)})
	created.SetGeneration(1)
	if err := c.ObjectTracker.Create(gvr, created, ns, options...); err != nil {
		return err
	}
	return into(object, created)
}

// Update implements clienttesting.ObjectTracker.
func (c *cluster) Update(gvr schema.GroupVersionResource, object runtime.Object, ns string, options ...metav1.UpdateOptions) error {
	return c.write(gvr, object, ns, func(changed client.Object) error { return c.ObjectTracker.Update(gvr, changed, ns, options...) })
}

// Patch implements clienttesting.ObjectTracker: it is given the object as the patch makes it.
func (c *cluster) Patch(gvr schema.GroupVersionResource, object runtime.Object, ns string, options ...metav1.PatchOptions) error {
	return c.write(gvr, object, ns, func(changed client.Object) error { return c.ObjectTracker.Patch(gvr, changed, ns, options...) })
}

// Delete implements clienttesting.ObjectTracker.
func (c *cluster) Delete(gvr schema.GroupVersionResource, ns, name string, options ...metav1.DeleteOptions) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.ObjectTracker.Delete(gvr, ns, name, options...)
}

func (c *cluster) write(gvr schema.GroupVersionResource, object runtime.Object, ns string, put func(client.Object) error) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	changed, err := c.sent(object)
	if err != nil {
		return err
	}
	was, err := c.Get(gvr, ns, changed.GetName())
	if err != nil {
		return err
	}
	before := was.(client.Object)
	changed.SetUID(before.GetUID())
	changed.SetCreationTimestamp(before.GetCreationTimestamp())
	changed.SetGeneration(before.GetGeneration())
	version := changed.GetResourceVersion()
	changed.SetResourceVersion(before.GetResourceVersion())
	if equality.Semantic.DeepEqual(before, changed) {
		return into(object, changed)
	}
	changed.SetResourceVersion(version)
	if !equality.Semantic.DeepEqual(specOf(before), specOf(changed)) || before.GetDeletionTimestamp().IsZero() != changed.GetDeletionTimestamp().IsZero() {
		changed.SetGeneration(before.GetGeneration() + 1)
	}
	if err := put(changed); err != nil {
		return err
	}
	return into(object, changed)
}

func specOf(object client.Object) any {
	if spec := reflect.ValueOf(object).Elem().FieldByName("Spec"); spec.IsValid() {
		return spec.Interface()
	}
	return nil
}

// sent is an object as the API server has it after the wire, with the defaults of its CRD, and without what it ignores.
func (c *cluster) sent(object runtime.Object, ignored ...string) (client.Object, error) {
	kind, err := apiutil.GVKForObject(object, c.scheme)
	if err != nil {
		return nil, err
	}
	received, err := c.scheme.New(kind)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	if defaults := schemas()[kind.Kind]; defaults != nil {
		var fields map[string]any
		if err := json.Unmarshal(content, &fields); err != nil {
			return nil, err
		}
		for _, field := range ignored {
			delete(fields, field)
		}
		defaulting.PruneNonNullableNullsWithoutDefaults(fields, defaults)
		defaulting.Default(fields, defaults)
		if content, err = json.Marshal(fields); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(content, received); err != nil {
		return nil, err
	}
	received.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return received.(client.Object), nil
}

// into shows whoever has sent an object what has become of it.
func into(object runtime.Object, stored client.Object) error {
	kind := object.GetObjectKind().GroupVersionKind()
	value := reflect.ValueOf(object).Elem()
	value.SetZero()
	if err := copyBy(stored, object); err != nil {
		return err
	}
	object.GetObjectKind().SetGroupVersionKind(kind)
	return nil
}

func copyBy(from, to runtime.Object) error {
	content, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, to)
}

// schemas are the schemas of our kinds, by kind.
var schemas = sync.OnceValue(func() map[string]*structuralschema.Structural {
	found := map[string]*structuralschema.Structural{}
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	utilruntime.Must(err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		utilruntime.Must(err)
		var crd apiextensionsv1.CustomResourceDefinition
		utilruntime.Must(yaml.UnmarshalStrict(content, &crd))
		var internal apiextensions.JSONSchemaProps
		utilruntime.Must(apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil))
		found[crd.Spec.Names.Kind], err = structuralschema.NewStructural(&internal)
		utilruntime.Must(err)
	}
	return found
})

// newInformer makes what a cache is made of. The one that it would ask is the API server at the end of a connection.
func (c *cluster) newInformer(_ toolscache.ListerWatcher, of runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	kind, err := apiutil.GVKForObject(of, c.scheme)
	if err != nil {
		panic(err)
	}
	_, metadataOnly := of.(*metav1.PartialObjectMetadata)
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	return toolscache.NewSharedIndexInformer(&listWatch{cluster: c, kind: kind, resource: resource, metadataOnly: metadataOnly}, of, resync, indexers)
}

// listWatch lists the objects of a kind and watches them from there on.
type listWatch struct {
	cluster      *cluster
	kind         schema.GroupVersionKind
	resource     schema.GroupVersionResource
	metadataOnly bool
	// goesOn is the watch that goes on from the last list.
	goesOn watch.Interface
}

// IsWatchListSemanticsUnSupported has a reflector list first.
func (*listWatch) IsWatchListSemanticsUnSupported() bool { return true }

// List implements toolscache.ListerWatcher.
func (l *listWatch) List(metav1.ListOptions) (runtime.Object, error) {
	l.cluster.writing.Lock()
	defer l.cluster.writing.Unlock()
	if l.kind.Kind == l.cluster.missing {
		return nil, apierrors.NewNotFound(l.resource.GroupResource(), "")
	}
	watching, err := l.cluster.ObjectTracker.Watch(l.resource, metav1.NamespaceAll)
	if err != nil {
		return nil, err
	}
	l.goesOn = watching
	list, err := l.cluster.ObjectTracker.List(l.resource, l.kind, metav1.NamespaceAll)
	if err != nil || !l.metadataOnly {
		return list, err
	}
	only := &metav1.PartialObjectMetadataList{}
	err = meta.EachListItem(list, func(item runtime.Object) error {
		only.Items = append(only.Items, *l.shown(item).(*metav1.PartialObjectMetadata))
		return nil
	})
	return only, err
}

// Watch implements toolscache.ListerWatcher.
func (l *listWatch) Watch(metav1.ListOptions) (watch.Interface, error) {
	if l.goesOn == nil {
		return nil, fmt.Errorf("a watch of every %s without a list before it", l.kind.Kind)
	}
	watching := l.goesOn
	l.goesOn = nil
	return watch.Filter(watching, func(event watch.Event) (watch.Event, bool) {
		event.Object = l.shown(event.Object)
		return event, true
	}), nil
}

func (l *listWatch) shown(object runtime.Object) runtime.Object {
	if !l.metadataOnly {
		return object
	}
	only := meta.AsPartialObjectMetadata(object.(metav1.Object))
	only.SetGroupVersionKind(l.kind)
	return only
}

// newNamespace makes a namespace of its own for a spec and returns its name.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	Expect(k8sClient.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}
