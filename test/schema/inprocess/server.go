// Package inprocess is an API server for custom resources without a process, a network or etcd: the handler that
// kube-apiserver itself serves them with, over a map. Decoding, pruning, defaulting, strict field validation, the rules
// of the schema with CEL among them, and the words of a refusal are therefore the API server's own. What stands around
// that handler in a cluster is left out: authentication, authorization, admission and namespaces. The code is that of
// the Kubernetes version in go.mod, which need not be the control plane's; test/integration compares the two.
package inprocess

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// The limits of kube-apiserver.
const (
	requestTimeout = time.Minute
	maxRequestBody = 3 << 20
)

// NewClient is a client of a new server of the CustomResourceDefinitions in a directory. The scheme has their Go types.
// The client has unknown fields refused, as kubectl does.
func NewClient(directory string, scheme *runtime.Scheme) (client.Client, error) {
	definitions, err := read(directory)
	if err != nil {
		return nil, err
	}
	handler, err := newHandler(definitions)
	if err != nil {
		return nil, err
	}
	lenient, err := client.New(&rest.Config{Host: "in-process", Transport: handler, QPS: -1}, client.Options{Scheme: scheme, Mapper: mapper(definitions)})
	if err != nil {
		return nil, err
	}
	return client.WithFieldValidation(lenient, metav1.FieldValidationStrict), nil
}

// acceptable is why the API server would refuse a definition that somebody creates, as for rules that may cost too much.
func acceptable(scheme *runtime.Scheme, written *apiextensionsv1.CustomResourceDefinition) error {
	definition := &apiextensions.CustomResourceDefinition{}
	if err := scheme.Convert(written, definition, nil); err != nil {
		return err
	}
	definition.Status.StoredVersions = []string{definition.Spec.Versions[0].Name}
	return validation.ValidateCustomResourceDefinition(context.Background(), definition).ToAggregate()
}

// read reads definitions, and makes of them what they are in a cluster that serves them.
func read(directory string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, definition); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		scheme.Default(definition)
		if err := acceptable(scheme, definition); err != nil {
			return nil, fmt.Errorf("the API server does not take %s: %w", file, err)
		}
		definition.UID = types.UID(definition.Name)
		definition.Status.AcceptedNames = definition.Spec.Names
		// The zero time is long ago: an object can be created at once.
		definition.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{
			{Type: apiextensionsv1.NamesAccepted, Status: apiextensionsv1.ConditionTrue},
			{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue},
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}

func mapper(definitions []*apiextensionsv1.CustomResourceDefinition) meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, definition := range definitions {
		scope := meta.RESTScopeNamespace
		if definition.Spec.Scope == apiextensionsv1.ClusterScoped {
			scope = meta.RESTScopeRoot
		}
		for _, version := range definition.Spec.Versions {
			group := schema.GroupVersion{Group: definition.Spec.Group, Version: version.Name}
			names := definition.Spec.Names
			mapper.AddSpecific(group.WithKind(names.Kind), group.WithResource(names.Plural), group.WithResource(names.Singular), scope)
		}
	}
	return mapper
}

// handler answers requests without a network in between.
type handler struct {
	resources http.Handler
	info      request.RequestInfoFactory
}

func newHandler(definitions []*apiextensionsv1.CustomResourceDefinition) (*handler, error) {
	// The handler reads the informer's cache; what would fill it from a server is never started.
	informer := externalversions.NewSharedInformerFactory(nil, 0).Apiextensions().V1().CustomResourceDefinitions()
	for _, definition := range definitions {
		if err := informer.Informer().GetIndexer().Add(definition); err != nil {
			return nil, err
		}
	}
	resources, err := apiserver.NewCustomResourceDefinitionHandler(
		nil, nil, // discovery: the client has its own mapper
		informer, http.NotFoundHandler(), inMemory{},
		nil,      // no admission
		nil,      // every definition is established
		nil, nil, // no conversion webhooks
		1, authorizerfactory.NewAlwaysAllowAuthorizer(), requestTimeout, requestTimeout,
		nil, // no server-side apply
		maxRequestBody,
	)
	if err != nil {
		return nil, fmt.Errorf("making the handler of custom resources: %w", err)
	}
	return &handler{resources, request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}}, nil
}

func (h *handler) RoundTrip(r *http.Request) (*http.Response, error) {
	info, err := h.info.NewRequestInfo(r)
	if err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	h.resources.ServeHTTP(recorder, r.WithContext(request.WithRequestInfo(r.Context(), info)))
	return recorder.Result(), nil
}

// inMemory gives each resource its storage.
type inMemory struct{}

func (inMemory) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	config := storagebackend.Config{Codec: unstructured.UnstructuredJSONScheme}
	return generic.RESTOptions{
		ResourcePrefix: resource.String(),
		StorageConfig:  config.ForResource(resource),
		Decorator: func(
			config *storagebackend.ConfigForResource, _ string, _ func(runtime.Object) (string, error), _, _ func() runtime.Object,
			_ storage.AttrFunc, _ storage.IndexerFuncs, _ *cache.Indexers,
		) (storage.Interface, factory.DestroyFunc, error) {
			return newMemory(config.Codec), func() {}, nil
		},
	}, nil
}
