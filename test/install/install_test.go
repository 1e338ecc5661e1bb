// Package install tests the manifests that people install, on a real API server.
package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

const (
	embedded  = "../../config/default"
	decisions = "../../config/decisions"
	external  = "../../config/external"
	// answering is embedded with replicas that only answer.
	answering = "../../config/decision-replicas"
	// guarded is external with the network policy.
	guarded = "guarded"

	program = "../../bin/bailiwick"
)

// variants are all that can be installed.
var variants = []string{embedded, decisions, answering, external, guarded}

var plane *controlplane.Plane

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	plane, err = controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer plane.Stop()
	return m.Run()
}

func TestEachVariantInstallsAndItsPodsAreRestricted(t *testing.T) {
	g := NewWithT(t)
	kubeconfig := filepath.Join(plane.Directory(), "kubeconfig")
	g.Expect(plane.WriteKubeconfig(kubeconfig)).To(Succeed())
	admin, err := client.New(plane.Config(), client.Options{})
	g.Expect(err).NotTo(HaveOccurred())

	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			g := NewWithT(t)
			apply := exec.CommandContext(t.Context(), plane.Kubectl(), "apply", "--server-side", "-k", variant, "--kubeconfig="+kubeconfig)
			output, err := apply.CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), string(output))

			m := render(t, variant)
			g.Expect(m.answering != nil).To(Equal(variant == answering))
			for _, deployment := range []*appsv1.Deployment{m.deployment, m.answering} {
				if deployment == nil {
					continue
				}
				pod := &corev1.Pod{Spec: deployment.Spec.Template.Spec}
				pod.Namespace, pod.Name = "bailiwick-system", "restricted"
				g.Expect(admin.Create(t.Context(), pod.DeepCopy(), client.DryRunAll)).To(Succeed())

				pod.Spec.Containers[0].SecurityContext = nil
				g.Expect(admin.Create(t.Context(), pod, client.DryRunAll)).To(MatchError(ContainSubstring(`violates PodSecurity "restricted`)))
			}
		})
	}
}

func TestTheImageIsNamedOnceForAllVariants(t *testing.T) {
	g := NewWithT(t)
	// kustomize wants to know the way from where it reads, without symbolic links.
	directory, err := filepath.EvalSymlinks(t.TempDir())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.CopyFS(directory, os.DirFS("../../config"))).To(Succeed())
	const named, digest = "registry.example/ours", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	path := filepath.Join(directory, "image/kustomization.yaml")
	content, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	edited := strings.NewReplacer("newName: bailiwick", "newName: "+named, "newTag: latest", "digest: "+digest).Replace(string(content))
	g.Expect(os.WriteFile(path, []byte(edited), 0o600)).To(Succeed())
	for _, variant := range []string{embedded, decisions, answering, external} {
		for way, image := range map[string]string{variant: "bailiwick:latest", filepath.Join(directory, filepath.Base(variant)): named + "@" + digest} {
			m := render(t, way)
			g.Expect(m.deployment.Spec.Template.Spec.Containers[0].Image).To(Equal(image), variant)
			if m.answering != nil {
				g.Expect(m.answering.Spec.Template.Spec.Containers[0].Image).To(Equal(image), variant)
			}
		}
	}
}

func TestTheProgramTakesTheArgumentsOfEachVariant(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			g := NewWithT(t)
			container := render(t, variant).deployment.Spec.Template.Spec.Containers[0]
			g.Expect(container.Args).NotTo(BeEmpty())
			output, err := exec.CommandContext(t.Context(), program, append(container.Args, "--version")...).CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), "%s\nis it built? `make build`", output)
			g.Expect(exec.CommandContext(t.Context(), program, append(container.Args, "--no-such-flag", "--version")...).Run()).NotTo(Succeed())
			if replicas := render(t, variant).answering; replicas != nil {
				output, err := exec.CommandContext(t.Context(), program, append(replicas.Spec.Template.Spec.Containers[0].Args, "--version")...).CombinedOutput()
				g.Expect(err).NotTo(HaveOccurred(), "%s", output)
			}
		})
	}
}

// Kubernetes tells a container about each Service of its namespace in variables whose names begin with the
// Service's, unless the Pod wants none. Ours begin with BAILIWICK_, as settings do.
func TestTheProgramTakesNoServiceForASetting(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			g := NewWithT(t)
			m := render(t, variant)
			g.Expect(m.services).To(ContainElement("bailiwick-webhook"))
			var links []string
			for _, service := range m.services {
				name := strings.ToUpper(strings.ReplaceAll(service, "-", "_"))
				links = append(links, name+"_SERVICE_HOST=10.0.0.1", name+"_SERVICE_PORT=443", name+"_PORT=tcp://10.0.0.1:443")
			}
			start := func(environment []string) error {
				command := exec.CommandContext(t.Context(), program, "--version")
				command.Env = environment
				return command.Run()
			}
			g.Expect(start(links)).NotTo(Succeed(), "so the Pod must not have them")
			g.Expect(m.deployment.Spec.Template.Spec.EnableServiceLinks).To(HaveValue(BeFalse()))

			var own []string
			for _, variable := range m.deployment.Spec.Template.Spec.Containers[0].Env {
				own = append(own, variable.Name+"="+variable.Value)
			}
			g.Expect(start(own)).To(Succeed())
		})
	}
}

func TestTheEmbeddedStoreIsOneReplicaThatIsReplaced(t *testing.T) {
	for _, variant := range []string{embedded, decisions} {
		t.Run(variant, func(t *testing.T) {
			g := NewWithT(t)
			m := render(t, variant)
			g.Expect(m.deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
			g.Expect(m.deployment.Spec.Strategy.Type).To(Equal(appsv1.RecreateDeploymentStrategyType))
			g.Expect(m.claims).To(ConsistOf("bailiwick-store"))
			g.Expect(m.budgets).To(BeEmpty(), "it could only forbid that a node is drained")
		})
	}
}

func TestWithAnExternalStoreReplicasAreSpreadAndOneStays(t *testing.T) {
	for _, variant := range []string{external, guarded} {
		t.Run(variant, func(t *testing.T) {
			g := NewWithT(t)
			m := render(t, variant)
			g.Expect(m.deployment.Spec.Replicas).To(HaveValue(BeNumerically(">", 1)))
			g.Expect(m.deployment.Spec.Strategy.Type).To(Equal(appsv1.RollingUpdateDeploymentStrategyType))
			g.Expect(m.deployment.Spec.Template.Spec.Containers[0].Args).NotTo(ContainElement("--leader-elect=false"))
			g.Expect(m.claims).To(BeEmpty())

			g.Expect(m.budgets).To(HaveLen(1))
			m.expectSelects(g, m.budgets[0].Spec.Selector)
			spread := m.deployment.Spec.Template.Spec.TopologySpreadConstraints
			g.Expect(spread).To(HaveLen(2))
			for _, constraint := range spread {
				m.expectSelects(g, constraint.LabelSelector)
			}
		})
	}
}

func TestTheNetworkPolicyNamesPortsThatAreThere(t *testing.T) {
	g := NewWithT(t)
	m := render(t, guarded)
	g.Expect(m.policies).To(HaveLen(1))
	policy := m.policies[0].Spec
	m.expectSelects(g, &policy.PodSelector)
	g.Expect(policy.PolicyTypes).To(ConsistOf(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress))
	var there, named []string
	numbered := map[int32]bool{}
	for _, rule := range policy.Ingress {
		for _, port := range rule.Ports {
			if name := port.Port.StrVal; name != "" {
				named = append(named, name)
			}
			numbered[port.Port.IntVal] = true
		}
	}
	for _, port := range m.deployment.Spec.Template.Spec.Containers[0].Ports {
		if !numbered[port.ContainerPort] { // where that is not served everywhere
			there = append(there, port.Name)
		}
	}
	g.Expect(named).To(ConsistOf(there))
}

// manifests are what the tests look at in a variant.
type manifests struct {
	deployment *appsv1.Deployment
	// answering is that of the replicas that only answer, if there are any.
	answering *appsv1.Deployment
	claims    []string
	services  []string
	budgets   []*policyv1.PodDisruptionBudget
	policies  []*networkingv1.NetworkPolicy
}

// expectSelects expects that a selector is of the operator's Pods.
func (m *manifests) expectSelects(g Gomega, selector *metav1.LabelSelector) {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(parsed.Empty()).To(BeFalse())
	g.Expect(parsed.Matches(labels.Set(m.deployment.Spec.Template.Labels))).To(BeTrue())
}

// render builds a variant as kubectl does.
func render(t *testing.T, variant string) *manifests {
	t.Helper()
	g := NewWithT(t)
	rendered, err := exec.CommandContext(t.Context(), plane.Kubectl(), "kustomize", variant).Output()
	g.Expect(err).NotTo(HaveOccurred())
	m := &manifests{}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(rendered), len(rendered)); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		switch object.GetKind() {
		case "Deployment":
			deployment := into(g, object, &appsv1.Deployment{})
			if deployment.Name == "bailiwick" {
				m.deployment = deployment
			} else {
				m.answering = deployment
			}
		case "PersistentVolumeClaim":
			m.claims = append(m.claims, object.GetName())
		case "Service":
			m.services = append(m.services, object.GetName())
		case "PodDisruptionBudget":
			m.budgets = append(m.budgets, into(g, object, &policyv1.PodDisruptionBudget{}))
		case "NetworkPolicy":
			m.policies = append(m.policies, into(g, object, &networkingv1.NetworkPolicy{}))
		}
	}
	g.Expect(m.deployment).NotTo(BeNil())
	return m
}

// into converts strictly: a field that the type does not have is an error.
func into[T any](g Gomega, object *unstructured.Unstructured, typed *T) *T {
	g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true)).To(Succeed())
	return typed
}
