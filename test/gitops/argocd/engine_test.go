package argocd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/engine"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

const (
	controller = "argocd-controller"
	trackingID = "argocd.argoproj.io/tracking-id"
)

// application does what an Application of Argo CD has its controller do: compare, apply, prune.
type application struct {
	name       string
	namespace  string
	serverSide bool

	config  *rest.Config
	cluster cache.ClusterCache
	kubectl *kube.KubectlCmd
	checks  healthChecks
}

// newApplication makes an application. serverSide is the sync option ServerSideApply with the compare
// option ServerSideDiff; without it, it applies as `kubectl apply` does, which is Argo CD's default.
func newApplication(name, namespace string, serverSide bool) *application {
	GinkgoHelper()
	a := &application{
		name: name, namespace: namespace, serverSide: serverSide,
		config:  access(cluster.Engine),
		kubectl: &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}},
		checks:  shippedHealthChecks(),
	}
	a.cluster = cache.NewClusterCache(a.config,
		cache.SetKubectl(a.kubectl),
		cache.SetLogr(logr.Discard()),
		cache.SetSettings(cache.Settings{ResourceHealthOverride: a.checks, ResourcesFilter: inclusions{}}),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, _ bool) (any, bool) {
			id := object.GetAnnotations()[trackingID]
			return id, id != ""
		}),
	)
	Expect(a.cluster.EnsureSynced()).To(Succeed())
	DeferCleanup(func() { a.cluster.Invalidate() })
	return a
}

// inclusions is the setting resource.inclusions of an Argo CD that may see nothing else.
type inclusions struct{}

func (inclusions) IsExcludedResource(group, kind, _ string) bool {
	return group != apiGroup && (group != "" || kind != "Namespace")
}

// track returns the objects as Argo CD applies them, with the mark of their application.
func (a *application) track(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	tracked := make([]*unstructured.Unstructured, 0, len(objects))
	for _, object := range objects {
		object = object.DeepCopy()
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[trackingID] = a.id(object)
		object.SetAnnotations(annotations)
		tracked = append(tracked, object)
	}
	return tracked
}

func (a *application) id(object *unstructured.Unstructured) string {
	key := kube.GetResourceKey(object)
	return fmt.Sprintf("%s:%s/%s:%s/%s", a.name, key.Group, key.Kind, key.Namespace, key.Name)
}

func (a *application) manages(r *cache.Resource) bool {
	key := r.ResourceKey()
	return r.Info == fmt.Sprintf("%s:%s/%s:%s/%s", a.name, key.Group, key.Kind, key.Namespace, key.Name)
}

// sync applies and prunes once, and returns what was done to each object that was not as it should be.
func (a *application) sync(ctx context.Context, objects []*unstructured.Unstructured) ([]common.ResourceSyncResult, error) {
	results, err := engine.NewEngine(a.config, a.cluster, engine.WithLogr(logr.Discard()), engine.WithKubectl(a.kubectl)).Sync(
		ctx, a.track(objects), a.manages, "HEAD", a.namespace,
		sync.WithPrune(true),
		sync.WithHealthOverride(a.checks),
		sync.WithServerSideApply(a.serverSide),
		sync.WithServerSideApplyManager(controller),
		sync.WithLogr(logr.Discard()),
	)
	for _, result := range results {
		if result.Status == common.ResultCodeSyncFailed {
			err = errors.Join(err, fmt.Errorf("%s: %s", result.ResourceKey.String(), result.Message))
		}
	}
	return results, err
}

// differences are the objects that are not in the cluster as they are in git, and how they differ: what
// Argo CD shows as OutOfSync.
func (a *application) differences(objects []*unstructured.Unstructured) (map[string]string, error) {
	targets := a.track(objects)
	live, err := a.cluster.GetManagedLiveObjs(targets, a.manages)
	if err != nil {
		return nil, err
	}
	reconciled := sync.Reconcile(targets, live, a.namespace, a.cluster)
	options := []diff.Option{diff.WithLogr(logr.Discard())}
	if a.serverSide {
		applier, cleanup, err := a.kubectl.ManageServerSideDiffDryRuns(a.config)
		if err != nil {
			return nil, err
		}
		defer cleanup()
		options = append(options,
			diff.WithServerSideDiff(true),
			diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier)),
			diff.WithIgnoreMutationWebhook(true),
			diff.WithGVKParser(a.cluster.GetGVKParser()),
			diff.WithManager(controller))
	}
	result, err := diff.DiffArray(reconciled.Target, reconciled.Live, options...)
	if err != nil {
		return nil, err
	}
	differences := map[string]string{}
	for n, difference := range result.Diffs {
		if !difference.Modified {
			continue
		}
		object := reconciled.Target[n]
		if object == nil {
			object = reconciled.Live[n]
		}
		differences[name(object)] = fmt.Sprintf("is %s, should be %s", difference.NormalizedLive, difference.PredictedLive)
	}
	return differences, nil
}

// live returns the objects as they are in the cluster, read by an administrator.
func live(ctx context.Context, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	GinkgoHelper()
	found := make([]*unstructured.Unstructured, 0, len(objects))
	for _, object := range objects {
		current, err := administrator.GetResource(ctx, access(cluster.Admin), object.GroupVersionKind(), object.GetName(), object.GetNamespace())
		Expect(err).NotTo(HaveOccurred())
		found = append(found, current)
	}
	return found
}

// administrator works by hand, with the access of cluster.Admin.
var administrator = &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}

// versions returns the version of each object in the cluster, by its name.
func versions(ctx context.Context, objects []*unstructured.Unstructured) map[string]string {
	GinkgoHelper()
	versions := map[string]string{}
	for _, object := range live(ctx, objects) {
		versions[name(object)] = fmt.Sprintf("generation %d, resourceVersion %s", object.GetGeneration(), object.GetResourceVersion())
	}
	return versions
}

// read returns the objects in a file.
func read(path string) []*unstructured.Unstructured {
	GinkgoHelper()
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	objects, err := kube.SplitYAML(content)
	Expect(err).NotTo(HaveOccurred())
	return objects
}

func name(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

// question is asked about a place.
type question struct {
	subject, permission, place, id string
	attributes                     map[string]any
}

// may asks AuthZEN.
func may(ctx context.Context, q question) bool {
	GinkgoHelper()
	asked := map[string]any{
		"subject":  map[string]any{"type": "user", "id": q.subject},
		"action":   map[string]any{"name": q.permission},
		"resource": map[string]any{"type": q.place, "id": q.id},
	}
	if q.attributes != nil {
		asked["context"] = q.attributes
	}
	body, err := json.Marshal(asked)
	Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cluster.Decisions+"/access/v1/evaluation", bytes.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Authorization", "Bearer "+cluster.Key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	Expect(response).To(HaveHTTPStatus(http.StatusOK))
	var answer struct {
		Decision bool `json:"decision"`
	}
	Expect(json.NewDecoder(response.Body).Decode(&answer)).To(Succeed())
	return answer.Decision
}
