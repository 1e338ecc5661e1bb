// Package schema holds the rows that say what the schema of each kind accepts and refuses. They are specs for two
// suites: test/schema/inprocess runs all of them against the API server's own code, in process and without etcd, and
// test/integration runs those that are marked by onBoth against a real API server, so that both are known to agree.
package schema

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// A Server is asked whether it accepts an object. Its functions are called in specs, when the suite has begun.
type Server struct {
	// Client writes with strict field validation, as kubectl does.
	Client func() client.Client
	// NewNamespace makes a namespace for the objects of one spec and returns its name.
	NewNamespace func() string
}

// DeclareAll declares every row as a spec that asks the server.
func DeclareAll(server Server) { (&suite{server: server}).declare() }

// DeclareBoth declares the rows that run against both servers: at least one that accepts and one that refuses for each
// kind of rule, and for each row of docs/conformance.md that the schema keeps.
func DeclareBoth(server Server) { (&suite{server: server, bothOnly: true}).declare() }

func (s *suite) declare() {
	for _, declare := range declared {
		declare(s)
	}
}

var declared []func(*suite)

// rows has a function declare its rows for each suite. Each file calls it for its own.
func rows(declare func(*suite)) { declared = append(declared, declare) }

// Manifest is an object with a spec as someone would write it in YAML, so that a test can say what the Go types can't:
// a number without quotes, a null, an unknown field.
func Manifest(kind, name, spec string) *unstructured.Unstructured {
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

// Try asks the server whether it would create an object.
func (s Server) Try(object client.Object) error {
	GinkgoHelper()
	if s.IsClusterScoped(object) {
		object.SetNamespace("")
	}
	return s.Client().Create(context.Background(), object, client.DryRunAll)
}

// Replace creates an object and asks the server whether it would take another spec over its own, as kubectl replace
// writes it.
func (s Server) Replace(object client.Object, kind, spec string) error {
	GinkgoHelper()
	ctx := context.Background()
	Expect(s.Client().Create(ctx, object)).To(Succeed())
	if s.IsClusterScoped(object) { // no namespace takes it along; test/integration has removed it already
		DeferCleanup(func() { Expect(client.IgnoreNotFound(s.Client().Delete(ctx, object))).To(Succeed()) })
	}
	replacement := Manifest(kind, object.GetName(), spec)
	replacement.SetNamespace(object.GetNamespace())
	patient := wait.Backoff{Duration: 10 * time.Millisecond, Factor: 1.5, Steps: 15} // the operator writes statuses meanwhile
	return retry.RetryOnConflict(patient, func() error {
		if err := s.Client().Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		replacement.SetResourceVersion(object.GetResourceVersion())
		return s.Client().Update(ctx, replacement, client.DryRunAll)
	})
}

// IsClusterScoped says whether objects of this kind are in no namespace.
func (s Server) IsClusterScoped(object client.Object) bool {
	GinkgoHelper()
	namespaced, err := s.Client().IsObjectNamespaced(object)
	Expect(err).NotTo(HaveOccurred())
	return !namespaced
}
