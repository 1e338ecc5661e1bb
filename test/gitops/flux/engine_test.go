package flux

import (
	"context"
	"maps"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/test/gitops"
)

const (
	controller = "kustomize-controller"
	group      = "kustomize.toolkit.fluxcd.io"

	// pollInterval is shorter than Flux's five seconds, so that the tests wait less.
	pollInterval = 200 * time.Millisecond
)

// kustomization does what a Kustomization of Flux has kustomize-controller do: apply, prune, wait.
type kustomization struct {
	name    string
	force   bool
	manager *ssa.ResourceManager
	// inventory is what was applied last.
	inventory object.ObjMetadataSet
}

// newKustomization takes its health checks from config/gitops/flux.yaml.
func newKustomization(name string, config *rest.Config) *kustomization {
	GinkgoHelper()
	kubernetes, err := client.New(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	healthCheck, err := cel.NewStatusReader(healthChecks())
	Expect(err).NotTo(HaveOccurred())
	poller := polling.NewStatusPoller(kubernetes, kubernetes.RESTMapper(), polling.Options{
		CustomStatusReaders: []engine.StatusReader{healthCheck(kubernetes.RESTMapper())},
	})
	return &kustomization{
		name:    name,
		manager: ssa.NewResourceManager(kubernetes, poller, ssa.Owner{Field: controller, Group: group}),
	}
}

// healthChecks are those that we ship.
func healthChecks() []kustomize.CustomHealthCheck {
	GinkgoHelper()
	content, err := os.ReadFile("config/gitops/flux.yaml")
	Expect(err).NotTo(HaveOccurred())
	var shipped struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	Expect(yaml.Unmarshal(content, &shipped)).To(Succeed())
	return shipped.Spec.HealthCheckExprs
}

// apply applies the objects with the options of kustomize-controller, deletes what was applied last and is
// not among them, waits until that is gone, and returns what was done to each.
func (k *kustomization) apply(ctx context.Context, objects []*unstructured.Unstructured) (map[string]ssa.Action, error) {
	objects = copies(objects)
	k.manager.SetOwnerLabels(objects, k.name, gitops.Namespace)
	if err := normalize.UnstructuredList(objects); err != nil {
		return nil, err
	}
	options := ssa.DefaultApplyOptions()
	options.Force = k.force
	options.WaitInterval = pollInterval
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: controller, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
	}
	changes, err := k.manager.ApplyAllStaged(ctx, objects, options)
	if err != nil {
		return nil, err
	}
	actions := changes.ToMap()
	applied := changes.ToObjMetadataSet()
	var stale []*unstructured.Unstructured
	for _, id := range k.inventory.Diff(applied) {
		stale = append(stale, k.describe(id))
	}
	k.inventory = applied.Union(k.inventory)
	deletions, err := k.manager.DeleteAll(ctx, stale, ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        k.manager.GetOwnerLabels(k.name, gitops.Namespace),
	})
	if err != nil {
		return nil, err
	}
	maps.Copy(actions, deletions.ToMap())
	if err := k.manager.WaitForTermination(stale, k.patience()); err != nil {
		return nil, err
	}
	k.inventory = applied
	return actions, nil
}

// wait waits until everything that was applied is healthy, or something has failed.
func (k *kustomization) wait(ctx context.Context) error {
	return k.manager.WaitForSetWithContext(ctx, k.inventory, k.patience())
}

func (k *kustomization) patience() ssa.WaitOptions {
	return ssa.WaitOptions{Interval: pollInterval, Timeout: stage.Patience, FailFast: true}
}

// deliver applies, waits, and fails the test if either does.
func (k *kustomization) deliver(ctx context.Context, objects []*unstructured.Unstructured) map[string]ssa.Action {
	GinkgoHelper()
	actions, err := k.apply(ctx, objects)
	Expect(err).NotTo(HaveOccurred())
	Expect(k.wait(ctx)).To(Succeed())
	return actions
}

// live returns the objects as they are in the cluster.
func (k *kustomization) live(ctx context.Context, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	GinkgoHelper()
	live := copies(objects)
	for _, object := range live {
		Expect(k.manager.Client().Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	}
	return live
}

// versions returns the version of each object in the cluster, by its name.
func (k *kustomization) versions(ctx context.Context, objects []*unstructured.Unstructured) map[string]string {
	GinkgoHelper()
	versions := map[string]string{}
	for _, object := range k.live(ctx, objects) {
		versions[gitops.Name(object)] = gitops.Version(object)
	}
	return versions
}

// describe makes an object of an entry of the inventory.
func (k *kustomization) describe(id object.ObjMetadata) *unstructured.Unstructured {
	GinkgoHelper()
	mapping, err := k.manager.Client().RESTMapper().RESTMapping(id.GroupKind)
	Expect(err).NotTo(HaveOccurred())
	described := &unstructured.Unstructured{}
	described.SetGroupVersionKind(mapping.GroupVersionKind)
	described.SetNamespace(id.Namespace)
	described.SetName(id.Name)
	return described
}

func copies(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	result := make([]*unstructured.Unstructured, 0, len(objects))
	for _, object := range objects {
		result = append(result, object.DeepCopy())
	}
	return result
}
