package inprocess

import (
	"fmt"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/schema"
)

var (
	server     client.Client
	namespaces int
)

func TestSchema(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Schema")
}

var _ = BeforeSuite(func() {
	scheme := runtime.NewScheme()
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	var err error
	server, err = NewClient("../../../config/crd/bases", scheme)
	Expect(err).NotTo(HaveOccurred())
})

var _ = Describe("The API server's code, in process:", func() {
	schema.DeclareAll(schema.Server{
		Client: func() client.Client { return server },
		NewNamespace: func() string {
			namespaces++
			return fmt.Sprint("namespace-", namespaces)
		},
	})
})
