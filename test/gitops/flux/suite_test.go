// Package flux applies what stands in git as Flux's kustomize-controller does, with Flux's own code.
package flux

import (
	"context"
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/test/gitops"
)

var world *gitops.World

func TestFlux(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(stage.Patience)
	RunSpecs(t, "Flux")
}

var _ = BeforeSuite(func(ctx context.Context) {
	ctrl.SetLogger(GinkgoLogr)
	Expect(os.Chdir("../../..")).To(Succeed())
	var err error
	world, err = gitops.Start(ctx)
	Expect(err).NotTo(HaveOccurred())
})

var _ = AfterSuite(func() {
	if world != nil {
		Expect(world.Stop()).To(Succeed())
	}
})
