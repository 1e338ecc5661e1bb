// Package chart tests the Helm chart with Helm's own code: that it installs what kustomize does, and on a
// real API server what becomes of it.
package chart

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

const (
	root       = "../.."
	chartPath  = root + "/charts/bailiwick"
	configPath = root + "/config"
	program    = root + "/bin/bailiwick"

	releaseName = "bailiwick"
	// usual is the namespace that kustomize installs into.
	usual = "bailiwick-system"
)

var (
	plane *controlplane.Plane
	admin client.Client
	// kubeconfig is the file of an administrator of the plane.
	kubeconfig string
	// kubernetes is the plane's version.
	kubernetes *common.KubeVersion
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(interval)
	var err error
	plane, err = controlplane.Start(context.Background(), controlplane.Options{})
	if err == nil {
		defer plane.Stop()
		err = connect()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func connect() error {
	kubeconfig = filepath.Join(plane.Directory(), "kubeconfig")
	if err := plane.WriteKubeconfig(kubeconfig); err != nil {
		return err
	}
	var err error
	if admin, err = client.New(plane.Config(), client.Options{}); err != nil {
		return err
	}
	asked, err := discovery.NewDiscoveryClientForConfig(plane.Config())
	if err != nil {
		return err
	}
	version, err := asked.ServerVersion()
	if err != nil {
		return err
	}
	kubernetes, err = common.ParseKubeVersion(version.GitVersion)
	return err
}

// values are what a user sets, as YAML.
func values(g Gomega, text string) map[string]any {
	set := map[string]any{}
	g.Expect(yaml.Unmarshal([]byte(text), &set)).To(Succeed())
	return set
}

func load(g Gomega) *chartv2.Chart {
	chart, err := loader.Load(chartPath)
	g.Expect(err).NotTo(HaveOccurred())
	return chart
}

// render is `helm template` for the plane's version of Kubernetes.
func render(g Gomega, chart *chartv2.Chart, namespace, set string) (*release.Release, error) {
	install := action.NewInstall(action.NewConfiguration())
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName, install.Namespace, install.KubeVersion = releaseName, namespace, kubernetes
	rendered, err := install.Run(chart, values(g, set))
	if err != nil {
		return nil, err
	}
	return rendered.(*release.Release), nil
}

// rendered are the objects that `helm template` writes.
func rendered(g Gomega, namespace, set string) objects {
	it, err := render(g, load(g), namespace, set)
	g.Expect(err).NotTo(HaveOccurred())
	return parse(g, []byte(it.Manifest))
}

// hooks are the objects that a release makes at an event and removes again.
func hooks(g Gomega, event release.HookEvent, namespace, set string) objects {
	it, err := render(g, load(g), namespace, set)
	g.Expect(err).NotTo(HaveOccurred())
	var manifests []string
	for _, hook := range it.Hooks {
		if slices.Contains(hook.Events, event) {
			manifests = append(manifests, hook.Manifest)
		}
	}
	return parse(g, []byte(strings.Join(manifests, "\n---\n")))
}
