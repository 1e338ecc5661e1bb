package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/statuscheck"
)

var (
	exampleBlock  = regexp.MustCompile("(?s)```yaml[^\n]*\n(.*?)```")
	selectingLine = regexp.MustCompile(`(?m)^kubectl (get .* --field-selector \S+)`)
	// A reason stands in the first column of a table with a header that says so.
	reasonTable = regexp.MustCompile(`(?m)^\| reason \|.*\n\|[-|]+\n((?:\|.*\n)+)`)
	firstColumn = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
)

var _ = Describe("The pages of the kinds", func() {
	for _, kind := range []string{"Organization", "ResourceType", "User", "Group", "Role", "RoleAssignment", "PermissionGrant", "TemporaryPermissionGrant", "GroupMembership", "Invitation"} {
		Describe(kind, func() {
			page := func() string {
				GinkgoHelper()
				text, err := os.ReadFile(filepath.Join("../../docs/kinds", strings.ToLower(kind)+".md"))
				Expect(err).NotTo(HaveOccurred())
				return string(text)
			}

			It("has examples that apply", func() {
				examples := exampleBlock.FindAllStringSubmatch(page(), -1)
				Expect(examples).NotTo(BeEmpty())
				for _, example := range examples {
					var kinds []string
					for document := range strings.SplitSeq(example[1], "\n---\n") {
						object := &unstructured.Unstructured{}
						Expect(yaml.Unmarshal([]byte(document), &object.Object)).To(Succeed())
						kinds = append(kinds, object.GetKind())
						if !apiServer.IsClusterScoped(object) {
							object.SetNamespace("default")
						}
						Expect(apiServer.Try(object)).To(Succeed(), document)
					}
					Expect(kinds).To(ContainElement(kind), example[1])
				}
			})

			It("explains every field, and none that is not there", func() {
				documented := slices.DeleteFunc(firstColumns(page()), func(cell string) bool { return !strings.HasPrefix(cell, "spec.") })
				Expect(documented).To(ConsistOf(specFields(kind)))
			})

			It("has commands that select", func() {
				commands := selectingLine.FindAllStringSubmatch(page(), -1)
				Expect(commands).NotTo(BeEmpty())
				for _, command := range commands {
					kubectl(strings.Fields(command[1])...)
				}
			})

			It("names reasons of the API only", func() {
				Expect(reasonsOn(page())).To(HaveEach(BeElementOf(statuscheck.Reasons())))
			})
		})
	}
})

var _ = Describe("The samples", func() {
	It("apply", func() {
		kinds := map[string]bool{}
		for sample := range strings.SplitSeq(kubectl("kustomize", "../../config/samples"), "\n---\n") {
			object := &unstructured.Unstructured{}
			Expect(yaml.Unmarshal([]byte(sample), &object.Object)).To(Succeed())
			kinds[object.GetKind()] = true
			if !apiServer.IsClusterScoped(object) {
				object.SetNamespace("default")
			}
			Expect(apiServer.Try(object)).To(Succeed(), sample)
		}
		Expect(kinds).To(HaveKey("TemporaryPermissionGrant"))
	})
})

func firstColumns(text string) (cells []string) {
	for _, match := range firstColumn.FindAllStringSubmatch(text, -1) {
		cells = append(cells, match[1])
	}
	return cells
}

func reasonsOn(page string) (reasons []string) {
	GinkgoHelper()
	tables := reasonTable.FindAllStringSubmatch(page, -1)
	Expect(tables).NotTo(BeEmpty())
	for _, table := range tables {
		reasons = append(reasons, firstColumns(table[1])...)
	}
	return reasons
}

// specFields are the paths of a kind's fields, as the pages write them. Only those that hold a list or
// map of objects, or alternatives, are explained beside the fields in them.
func specFields(kind string) (paths []string) {
	GinkgoHelper()
	text, err := os.ReadFile("../../config/crd/bases/" + v1alpha1.GroupVersion.Group + "_" + strings.ToLower(kind) + "s.yaml")
	Expect(err).NotTo(HaveOccurred())
	var definition apiextensionsv1.CustomResourceDefinition
	Expect(yaml.Unmarshal(text, &definition)).To(Succeed())
	spec := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]

	var walk func(path string, schema apiextensionsv1.JSONSchemaProps)
	walk = func(path string, schema apiextensionsv1.JSONSchemaProps) {
		if path != "spec" && path != "spec.roleRef" {
			paths = append(paths, path)
		}
		switch {
		case schema.AdditionalProperties != nil:
			for name, property := range schema.AdditionalProperties.Schema.Properties {
				walk(path+".*."+name, property)
			}
		case schema.Items != nil:
			for name, property := range schema.Items.Schema.Properties {
				walk(path+"[]."+name, property)
			}
		default:
			for name, property := range schema.Properties {
				walk(path+"."+name, property)
			}
		}
	}
	walk("spec", spec)
	return paths
}
