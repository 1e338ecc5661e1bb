package chart

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/action"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/controlplane"
	"github.com/bailiwick-dev/bailiwick/test/ports"
)

const (
	patience = 3 * time.Minute
	interval = 100 * time.Millisecond
)

// helm is Helm's configuration for a namespace of the plane.
func helm(g Gomega, namespace string) *action.Configuration {
	cache := filepath.Join(plane.Directory(), "cache")
	flags := genericclioptions.NewConfigFlags(true)
	flags.KubeConfig, flags.CacheDir, flags.Namespace = &kubeconfig, &cache, &namespace
	configuration := action.NewConfiguration()
	g.Expect(configuration.Init(flags, namespace, "secret")).To(Succeed())
	return configuration
}

// install is `helm install`. Nothing is waited for: there are no nodes that would run Pods.
func install(g Gomega, name, namespace, set string) error {
	in := action.NewInstall(helm(g, namespace))
	in.ReleaseName, in.Namespace, in.WaitStrategy, in.Timeout = name, namespace, kube.HookOnlyStrategy, patience
	_, err := in.Run(load(g), values(g, set))
	return err
}

// upgrade is `helm upgrade`.
func upgrade(g Gomega, chart *chartv2.Chart, namespace, set string) error {
	up := action.NewUpgrade(helm(g, namespace))
	up.Namespace, up.WaitStrategy, up.Timeout, up.ServerSideApply = namespace, kube.HookOnlyStrategy, patience, "auto"
	_, err := up.Run(releaseName, chart, values(g, set))
	return err
}

// uninstall is `helm uninstall --no-hooks`.
func uninstall(g Gomega, namespace string) error {
	un := action.NewUninstall(helm(g, namespace))
	un.WaitStrategy, un.Timeout, un.DisableHooks = kube.HookOnlyStrategy, patience, true
	_, err := un.Run(releaseName)
	return err
}

// A chart's whole life, in a namespace that is not the usual one, with the operator at work in it.
func TestInstallUpgradeAndUninstall(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	const namespace = "access"
	makeNamespace(ctx, g, namespace)
	set := "decisions: {keysSecret: bailiwick-keys, tlsSecret: bailiwick-tls}\nnetworkPolicy: {enabled: true}\n"

	g.Expect(install(g, releaseName, namespace, set)).To(Succeed())
	expectRestricted(ctx, g, namespace)
	operator := start(ctx, g, namespace)
	given := customResource("ResourceType", "item")
	given.Object["spec"] = map[string]any{"type": "Item", "permissions": []any{map[string]any{"name": "Item:View"}}}
	g.Expect(admin.Create(ctx, given)).To(Succeed())
	g.Eventually(func(g Gomega) {
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(given), given)).To(Succeed())
		g.Expect(readiness(given)).To(Equal("True"))
	}).Should(Succeed())
	bundles, certificate := injected(ctx, g, namespace)

	// There is one operator in a cluster.
	makeNamespace(ctx, g, "second")
	g.Expect(install(g, "other", "second", "")).To(MatchError(ContainSubstring("cannot be imported into the current release")))

	// An upgrade changes the CRDs too, and leaves what the operator has filled in.
	chart := load(g)
	changeCRD(g, chart)
	g.Expect(upgrade(g, chart, namespace, set+"podLabels: {team: access}\n")).To(Succeed())
	g.Expect(columns(ctx, g)).To(ContainElement("Changed"))
	deployment := &appsv1.Deployment{}
	g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "bailiwick"}, deployment)).To(Succeed())
	g.Expect(deployment.Spec.Template.Labels).To(HaveKeyWithValue("team", "access"))
	bundlesAfter, certificateAfter := injected(ctx, g, namespace)
	g.Expect(bundlesAfter).To(Equal(bundles))
	g.Expect(certificateAfter).To(Equal(certificate))

	// Without its CRDs, the release lets go of them: they and what they describe stay.
	g.Expect(upgrade(g, load(g), namespace, set+"crds: {enabled: false}\n")).To(Succeed())
	g.Expect(columns(ctx, g)).To(ContainElement("Changed"))
	g.Expect(upgrade(g, load(g), namespace, set)).To(Succeed())
	g.Expect(columns(ctx, g)).NotTo(ContainElement("Changed"))

	g.Expect(operator.Stop()).To(Succeed())
	g.Expect(uninstall(g, namespace)).To(Succeed())
	expectNothingLeftButCRDs(ctx, g, namespace, set)
	g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(given), given)).To(Succeed())
	g.Expect(given.GetDeletionTimestamp()).To(BeNil())

	// What was left is taken up again.
	g.Expect(install(g, releaseName, namespace, "")).To(Succeed())
	g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(given), given)).To(Succeed())
	g.Expect(uninstall(g, namespace)).To(Succeed())
	expectNothingLeftButCRDs(ctx, g, namespace, "")

	given.SetFinalizers(nil)
	g.Expect(admin.Update(ctx, given)).To(Succeed())
	removeCRDs(ctx, g)
}

// removeCRDs removes what Helm leaves, so that the next test begins with nothing.
func removeCRDs(ctx context.Context, g Gomega) {
	for _, object := range rendered(g, usual, "") {
		if object.GetKind() == "CustomResourceDefinition" {
			g.Expect(client.IgnoreNotFound(admin.Delete(ctx, object))).To(Succeed())
			g.Eventually(func() bool {
				return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(object), object.DeepCopy()))
			}).Should(BeTrue(), object.GetName())
		}
	}
}

func makeNamespace(ctx context.Context, g Gomega, name string) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	g.Expect(client.IgnoreAlreadyExists(admin.Create(ctx, namespace))).To(Succeed())
}

// expectRestricted expects that the Pods are let in where only restricted ones are.
func expectRestricted(ctx context.Context, g Gomega, namespace string) {
	deployment := &appsv1.Deployment{}
	g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "bailiwick"}, deployment)).To(Succeed())
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "restricted"}, Spec: deployment.Spec.Template.Spec}
	g.Expect(admin.Create(ctx, pod.DeepCopy(), client.DryRunAll)).To(Succeed())
	pod.Spec.Containers[0].SecurityContext = nil
	g.Expect(admin.Create(ctx, pod, client.DryRunAll)).To(MatchError(ContainSubstring(`violates PodSecurity "restricted`)))
}

// start runs the operator with the arguments, the environment and the rights that the release gives it,
// but for addresses and files, which are this machine's, and further flags, and returns when it is ready.
func start(ctx context.Context, g Gomega, namespace string, further ...string) *controlplane.Process {
	deployment := &appsv1.Deployment{}
	g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "bailiwick"}, deployment)).To(Succeed())
	pod := deployment.Spec.Template.Spec
	access, keys := filepath.Join(plane.Directory(), "operator.kubeconfig"), filepath.Join(plane.Directory(), "keys.yaml")
	g.Expect(plane.WriteUserKubeconfig(access, "system:serviceaccount:"+namespace+":"+pod.ServiceAccountName, "system:serviceaccounts")).To(Succeed())
	g.Expect(os.WriteFile(keys, []byte("callers:\n- name: test\n  key: "+digest+"\n  organizations: ['*']\n"), 0o600)).To(Succeed())

	environment := []string{"KUBECONFIG=" + access}
	set := map[string]string{}
	for _, variable := range pod.Containers[0].Env {
		value := variable.Value
		if variable.ValueFrom != nil {
			g.Expect(variable.ValueFrom.FieldRef.FieldPath).To(Equal("metadata.namespace"))
			value = namespace
		}
		for name, earlier := range set {
			value = strings.ReplaceAll(value, "$("+name+")", earlier)
		}
		set[variable.Name] = value
		environment = append(environment, variable.Name+"="+value)
	}
	health := address(g)
	_, webhook, err := net.SplitHostPort(address(g))
	g.Expect(err).NotTo(HaveOccurred())
	arguments := slices.Concat(pod.Containers[0].Args, []string{
		"--store-path=" + filepath.Join(plane.Directory(), "store.db"),
		"--decision-address=" + address(g), "--decision-keys-file=" + keys, "--tls-directory=",
		"--openfga-http-address=" + address(g), "--openfga-grpc-address=" + address(g),
		"--metrics-address=0", "--health-address=" + health, "--webhook-port=" + webhook,
	}, further)
	operator, err := plane.Run(program, environment, arguments...)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func(g Gomega) {
		g.Expect(operator.Done()).NotTo(BeClosed(), plane.LogTail(filepath.Base(program)))
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", nil)
		g.Expect(err).NotTo(HaveOccurred())
		response, err := http.DefaultClient.Do(request)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Body.Close()).To(Succeed())
		g.Expect(response.StatusCode).To(Equal(http.StatusOK))
	}).Should(Succeed())
	return operator
}

// address is one on the loopback interface that nothing listens at.
func address(g Gomega) string {
	address, err := ports.FreeAddress()
	g.Expect(err).NotTo(HaveOccurred())
	return address
}

// injected returns what the operator writes into objects of the release: its authority, for each webhook,
// and its certificate.
func injected(ctx context.Context, g Gomega, namespace string) (map[string]string, map[string][]byte) {
	bundles, secret := map[string]string{}, &corev1.Secret{}
	g.Eventually(func(g Gomega) {
		validate, stamp := &admissionregistrationv1.ValidatingWebhookConfiguration{}, &admissionregistrationv1.MutatingWebhookConfiguration{}
		g.Expect(admin.Get(ctx, client.ObjectKey{Name: "bailiwick"}, validate)).To(Succeed())
		g.Expect(admin.Get(ctx, client.ObjectKey{Name: "bailiwick"}, stamp)).To(Succeed())
		for _, webhook := range validate.Webhooks {
			g.Expect(webhook.ClientConfig.Service.Namespace).To(Equal(namespace))
			bundles[webhook.Name] = string(webhook.ClientConfig.CABundle)
		}
		for _, webhook := range stamp.Webhooks {
			g.Expect(webhook.ClientConfig.Service.Namespace).To(Equal(namespace))
			bundles[webhook.Name] = string(webhook.ClientConfig.CABundle)
		}
		g.Expect(bundles).NotTo(ContainElement(""))
		g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "bailiwick-webhook-certificate"}, secret)).To(Succeed())
		g.Expect(secret.Data).NotTo(BeEmpty())
	}).Should(Succeed())
	return bundles, secret.Data
}

// changeCRD adds a column to one of the chart's CRDs, as a next version would.
func changeCRD(g Gomega, chart *chartv2.Chart) {
	for _, template := range chart.Templates {
		if template.Name == "templates/crds/authz.bailiwick.dev_resourcetypes.yaml" {
			before := []byte("  - additionalPrinterColumns:\n")
			g.Expect(bytes.Count(template.Data, before)).To(Equal(1))
			template.Data = bytes.Replace(template.Data, before, append(before, "    - {name: Changed, type: string, jsonPath: .spec.type}\n"...), 1)
			return
		}
	}
	g.Expect(chart.Templates).To(BeNil(), "there is no CRD to change")
}

func columns(ctx context.Context, g Gomega) []string {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	g.Expect(admin.Get(ctx, client.ObjectKey{Name: "resourcetypes.authz.bailiwick.dev"}, crd)).To(Succeed())
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	g.Expect(err).NotTo(HaveOccurred())
	described, _, err := unstructured.NestedSlice(versions[0].(map[string]any), "additionalPrinterColumns")
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, column := range described {
		names = append(names, column.(map[string]any)["name"].(string))
	}
	return names
}

// expectNothingLeftButCRDs looks for every object that the chart installs.
func expectNothingLeftButCRDs(ctx context.Context, g Gomega, namespace, set string) {
	crds := 0
	for name, object := range rendered(g, namespace, set) {
		err := admin.Get(ctx, client.ObjectKeyFromObject(object), object)
		switch object.GetKind() {
		case "CustomResourceDefinition":
			crds++
			g.Expect(err).NotTo(HaveOccurred(), name)
			g.Expect(object.GetDeletionTimestamp()).To(BeNil(), name)
		case "PersistentVolumeClaim":
			// It waits for a controller that does not run here, and does nothing but that.
			g.Expect(err).NotTo(HaveOccurred(), name)
			g.Expect(object.GetDeletionTimestamp()).NotTo(BeNil(), name)
			object.SetFinalizers(nil)
			g.Expect(admin.Update(ctx, object)).To(Succeed())
		default:
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%s: %v", name, err)
		}
	}
	g.Expect(crds).To(Equal(len(kinds.All)))
}

func customResource(kind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "authz.bailiwick.dev", Version: "v1alpha1", Kind: kind})
	object.SetName(name)
	return object
}

func readiness(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if c := condition.(map[string]any); c["type"] == "Ready" {
			return c["status"].(string)
		}
	}
	return ""
}

// Whoever installed with kubectl goes on with Helm.
func TestHelmTakesOverWhatKubectlInstalled(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	apply := exec.CommandContext(ctx, plane.Kubectl(), "apply", "--server-side", "--force-conflicts", "-k", configPath+"/default", "--kubeconfig="+kubeconfig)
	output, err := apply.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	g.Expect(install(g, releaseName, usual, "")).To(MatchError(ContainSubstring("cannot be imported into the current release")))

	take := action.NewInstall(helm(g, usual))
	take.ReleaseName, take.Namespace, take.WaitStrategy, take.Timeout = releaseName, usual, kube.HookOnlyStrategy, patience
	take.TakeOwnership, take.ForceConflicts = true, true
	_, err = take.Run(load(g), nil)
	g.Expect(err).NotTo(HaveOccurred())

	// From then on Helm decides alone.
	up := action.NewUpgrade(helm(g, usual))
	up.Namespace, up.WaitStrategy, up.Timeout, up.ServerSideApply, up.ForceConflicts = usual, kube.HookOnlyStrategy, patience, "auto", true
	_, err = up.Run(releaseName, load(g), values(g, "image: {tag: v2}"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(upgrade(g, load(g), usual, "image: {tag: v3}")).To(Succeed())
	deployment := &appsv1.Deployment{}
	g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: usual, Name: "bailiwick"}, deployment)).To(Succeed())
	g.Expect(deployment.Spec.Template.Spec.Containers[0].Image).To(Equal("bailiwick:v3"))
	g.Expect(uninstall(g, usual)).To(Succeed())
	g.Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Name: "bailiwick"}, &rbacv1.ClusterRole{}))).To(BeTrue())
	removeCRDs(ctx, g)
}
