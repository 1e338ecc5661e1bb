// Package argocd applies what stands in git as Argo CD's application controller does, with Argo CD's own
// code. The cluster is started by a program of the main module, because Argo CD's code takes Kubernetes'
// libraries in other versions.
package argocd

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// top is the main module.
const top = "../../.."

// cluster is what test/gitops/stage says.
var cluster struct {
	Admin        string `json:"admin"`
	Engine       string `json:"engine"`
	Samples      string `json:"samples"`
	HealthChecks string `json:"healthChecks"`
	Decisions    string `json:"decisions"`
	Key          string `json:"key"`
}

func TestArgoCD(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(3 * time.Minute)
	RunSpecs(t, "Argo CD")
}

var _ = BeforeSuite(func() {
	stage := exec.Command("go", "run", "-buildvcs=false", "./test/gitops/stage")
	stage.Dir, stage.Stderr = top, os.Stderr
	stdin, err := stage.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	stdout, err := stage.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(stage.Start()).To(Succeed())
	DeferCleanup(func() {
		Expect(stdin.Close()).To(Succeed())
		_, err := io.Copy(io.Discard, stdout)
		Expect(err).NotTo(HaveOccurred())
		Expect(stage.Wait()).To(Succeed())
	})
	Expect(json.NewDecoder(stdout).Decode(&cluster)).To(Succeed())
})

// access is that of a kubeconfig, without a client's own throttle.
func access(kubeconfig string) *rest.Config {
	GinkgoHelper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	return config
}
