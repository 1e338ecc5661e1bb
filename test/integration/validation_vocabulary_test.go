package integration

import (
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// manifest is an object with a spec as someone would write it in YAML, so that a test can say what the
// Go types can't: a number without quotes, a null, an unknown field.
func manifest(kind, name, spec string) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	Expect(yaml.Unmarshal([]byte("spec:\n"+indented(spec)), &object.Object)).To(Succeed())
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetName(name)
	object.SetNamespace("default")
	return object
}

func indented(spec string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n  ")
}

// try asks the API server whether it would take an object.
func try(object client.Object) error {
	GinkgoHelper()
	if isClusterScoped(object) {
		object.SetNamespace("")
	}
	return k8sClient.Create(ctx, object, client.DryRunAll)
}

// replace creates an object and asks the API server whether it would take another spec over its own, as
// kubectl replace writes it.
func replace(object client.Object, kind, spec string) error {
	GinkgoHelper()
	Expect(k8sClient.Create(ctx, object)).To(Succeed())
	replacement := manifest(kind, object.GetName(), spec)
	replacement.SetNamespace(object.GetNamespace())
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		replacement.SetResourceVersion(object.GetResourceVersion())
		return k8sClient.Update(ctx, replacement, client.DryRunAll)
	})
}

func isClusterScoped(object client.Object) bool {
	GinkgoHelper()
	namespaced, err := k8sClient.IsObjectNamespaced(object)
	Expect(err).NotTo(HaveOccurred())
	return !namespaced
}

// beAccepted is what an error that is none must do.
func beAccepted() types.GomegaMatcher { return Succeed() }

// beRefusedAt matches the API server's refusal of an object for the value of a field, in words that
// contain says. A field is a path as the API server writes it: spec.owners[0].
func beRefusedAt(field, says string) types.GomegaMatcher {
	return And(
		WithTransform(apierrors.IsInvalid, BeTrue()),
		WithTransform(causes, ContainElement(And(
			HaveField("Field", field),
			HaveField("Message", ContainSubstring(says)),
		))),
	)
}

// beRefusedAsUnknown matches the refusal of a field that the schema does not have.
func beRefusedAsUnknown(field string) types.GomegaMatcher {
	return And(
		WithTransform(apierrors.IsBadRequest, BeTrue()),
		MatchError(ContainSubstring(fmt.Sprintf("unknown field %q", field))),
	)
}

func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}

// list writes n different elements, made of a format with one %d.
func list(n int, format string) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(format, i)
	}
	return "[" + strings.Join(elements, ", ") + "]"
}

// letters is a word of n characters.
func letters(n int) string { return strings.Repeat("a", n) }
