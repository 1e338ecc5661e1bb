package chart

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// objects are manifests by apiVersion, kind, namespace and name.
type objects map[string]*unstructured.Unstructured

func parse(g Gomega, manifests []byte) objects {
	found := objects{}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), len(manifests)+1); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return found
		}
		g.Expect(err).NotTo(HaveOccurred())
		key := object.GetAPIVersion() + " " + object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
		g.Expect(found).NotTo(HaveKey(key), "it is there twice")
		found[key] = object
	}
}

func (o objects) names() []string { return slices.Sorted(maps.Keys(o)) }

// find returns the only object of a kind, converted strictly, or nil.
func find[T any](g Gomega, in objects, kind string) *T {
	var typed *T
	for _, object := range in {
		if object.GetKind() == kind {
			g.Expect(typed).To(BeNil(), "there are two")
			typed = new(T)
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true)).To(Succeed())
		}
	}
	return typed
}

// kustomized are the objects that `kubectl kustomize` writes for a directory of config, with components of
// config added in the way that docs/install.md shows.
func kustomized(g Gomega, directory, variant string, components ...string) objects {
	config, err := filepath.Abs(configPath)
	g.Expect(err).NotTo(HaveOccurred())
	// kustomize wants to know the way from where it reads, without symbolic links.
	directory, err = filepath.EvalSymlinks(directory)
	g.Expect(err).NotTo(HaveOccurred())
	config, err = filepath.EvalSymlinks(config)
	g.Expect(err).NotTo(HaveOccurred())
	way, err := filepath.Rel(directory, config)
	g.Expect(err).NotTo(HaveOccurred())
	kustomization := "resources:\n- " + filepath.Join(way, variant) + "\n"
	if len(components) > 0 {
		kustomization += "components:\n"
	}
	for _, component := range components {
		kustomization += "- " + filepath.Join(way, component) + "\n"
	}
	g.Expect(os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(kustomization), 0o600)).To(Succeed())
	manifests, err := exec.Command(plane.Kubectl(), "kustomize", directory).Output()
	g.Expect(err).NotTo(HaveOccurred())
	return parse(g, manifests)
}
