package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// variants are the directories of config that can be installed, and the values that install the same.
var variants = map[string]string{
	"default":           ``,
	"decisions":         `decisions: {keysSecret: bailiwick-keys, tlsSecret: bailiwick-tls}`,
	"decision-replicas": `decisions: {replicas: {enabled: true}}`,

	"external": `store: {type: external, external: {address: "openfga.openfga.svc:8081"}}`,
}

// additions are the components of config, and the values that add the same.
var additions = map[string]string{
	"network-policy": `networkPolicy: {enabled: true}`,
	"monitoring":     `monitoring: {enabled: true}`,
	"scim":           `scim: {enabled: true}`,
}

func TestTheChartInstallsWhatKustomizeDoes(t *testing.T) {
	for variant, set := range variants {
		for _, with := range combinations() {
			t.Run(strings.Join(append([]string{variant}, with...), " with "), func(t *testing.T) {
				g := NewWithT(t)
				all := set
				for _, component := range with {
					all += "\n" + additions[component]
				}
				want := kustomized(g, t.TempDir(), variant, with...)
				expectSame(g, rendered(g, usual, all), want, usual)
			})
		}
	}
}

// Otherwise the comparison would not notice a value that does nothing.
func TestNoTwoVariantsAreTheSame(t *testing.T) {
	g := NewWithT(t)
	seen := map[string]string{}
	for variant, set := range variants {
		manifests, err := json.Marshal(rendered(g, usual, set))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(seen).NotTo(HaveKey(string(manifests)), variant)
		seen[string(manifests)] = variant
	}
	for component, set := range additions {
		manifests, err := json.Marshal(rendered(g, usual, set))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(seen).NotTo(HaveKey(string(manifests)), component)
	}
}

func TestEveryDirectoryOfConfigThatCanBeInstalledIsCompared(t *testing.T) {
	g := NewWithT(t)
	files, err := filepath.Glob(configPath + "/*/kustomization.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	var there, components []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		name := filepath.Base(filepath.Dir(file))
		switch {
		case name == "image": // part of each
		case strings.Contains(string(content), "kind: Component"):
			components = append(components, name)
		case name == "default", strings.Contains(string(content), "- ../default"), strings.Contains(string(content), "- ../decisions"):
			there = append(there, name)
		}
	}
	g.Expect(there).To(ConsistOf(keys(variants)))
	g.Expect(components).To(ConsistOf(keys(additions)))
}

func TestTheChartInstallsIntoAnyNamespace(t *testing.T) {
	for variant, set := range variants {
		for _, namespace := range []string{"access", "123", "true"} {
			t.Run(variant+" into "+namespace, func(t *testing.T) {
				g := NewWithT(t)
				want, err := json.Marshal(kustomized(g, t.TempDir(), variant))
				g.Expect(err).NotTo(HaveOccurred())
				moved := objects{}
				g.Expect(json.Unmarshal([]byte(strings.ReplaceAll(string(want), usual, namespace)), &moved)).To(Succeed())
				expectSame(g, rendered(g, namespace, set), moved, namespace)
			})
		}
	}
}

// expectSame expects the same objects, but for what Helm wants otherwise: the namespace is there before a
// chart is installed, a CRD stays when it is uninstalled, and labels say which release an object is of.
func expectSame(g Gomega, got, want objects, namespace string) {
	own := "v1 Namespace /" + namespace
	g.Expect(want).To(HaveKey(own))
	delete(want, own)
	g.Expect(got.names()).To(Equal(want.names()))
	for name := range want {
		if got[name].GetKind() == "CustomResourceDefinition" {
			g.Expect(takeAnnotation(got[name], "helm.sh/resource-policy")).To(Equal("keep"), name)
		}
		for _, label := range []string{"helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"} {
			g.Expect(takeLabel(got[name], label)).NotTo(BeEmpty(), name)
		}
		g.Expect(cmp.Diff(want[name].Object, got[name].Object)).To(BeEmpty(), name)
	}
}

func takeAnnotation(object *unstructured.Unstructured, name string) string {
	annotations := object.GetAnnotations()
	value := annotations[name]
	delete(annotations, name)
	object.SetAnnotations(annotations)
	return value
}

func takeLabel(object *unstructured.Unstructured, name string) string {
	labels := object.GetLabels()
	value := labels[name]
	delete(labels, name)
	if len(labels) == 0 {
		labels = nil
	}
	object.SetLabels(labels)
	return value
}

// combinations are all choices of additions, none among them.
func combinations() [][]string {
	all := [][]string{nil}
	for _, component := range keys(additions) {
		for _, with := range all {
			all = append(all, append(append([]string{}, with...), component))
		}
	}
	return all
}
