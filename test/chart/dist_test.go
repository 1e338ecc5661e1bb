package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	appsv1 "k8s.io/api/apps/v1"
)

var digest = strings.Repeat("0a", 32)

// dist runs what `make dist` does, and returns the directory.
func dist(t *testing.T, version, image string) (string, string, error) {
	t.Helper()
	directory := t.TempDir()
	command := exec.CommandContext(t.Context(), root+"/hack/dist.sh", directory)
	command.Env = append(os.Environ(), "VERSION="+version, "IMAGE="+image)
	output, err := command.CombinedOutput()
	return directory, string(output), err
}

func TestDistWritesTheManifestsAndTheChartOfARelease(t *testing.T) {
	g := NewWithT(t)
	image := "registry.example/team/bailiwick@sha256:" + digest
	directory, output, err := dist(t, "v1.2.3", image)
	g.Expect(err).NotTo(HaveOccurred(), output)

	manifests, err := os.ReadFile(filepath.Join(directory, "install.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	installed, want := parse(g, manifests), kustomized(g, t.TempDir(), "default")
	g.Expect(partsOf(g, installed).container.Image).To(Equal(image))
	g.Expect(installed.names()).To(Equal(want.names()))
	for name := range want {
		if want[name].GetKind() != "Deployment" {
			g.Expect(cmp.Diff(want[name].Object, installed[name].Object)).To(BeEmpty(), name)
		}
	}
	changed := find[appsv1.Deployment](g, want, "Deployment")
	changed.Spec.Template.Spec.Containers[0].Image = image
	g.Expect(cmp.Diff(changed, partsOf(g, installed).deployment)).To(BeEmpty())

	packaged, err := loader.Load(filepath.Join(directory, "bailiwick-1.2.3.tgz"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(packaged.Metadata.Version).To(Equal("1.2.3"))
	g.Expect(packaged.Metadata.AppVersion).To(Equal("v1.2.3"))
	it, err := render(g, packaged, usual, "")
	g.Expect(err).NotTo(HaveOccurred())
	expectSame(g, parse(g, []byte(it.Manifest)), installed, usual)
	g.Expect(it.Info.Notes).To(ContainSubstring("Bailiwick v1.2.3"))
}

func TestDistOfACommitThatIsNoReleaseHasTheImagesOfConfig(t *testing.T) {
	g := NewWithT(t)
	directory, output, err := dist(t, "0123456-dirty", "")
	g.Expect(err).NotTo(HaveOccurred(), output)
	packaged, err := loader.Load(filepath.Join(directory, "bailiwick-0.0.0-dev-0123456-dirty.tgz"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(packaged.Validate()).To(Succeed())
	it, err := render(g, packaged, usual, "")
	g.Expect(err).NotTo(HaveOccurred())
	expectSame(g, parse(g, []byte(it.Manifest)), kustomized(g, t.TempDir(), "default"), usual)
}

func TestDistTakesATag(t *testing.T) {
	g := NewWithT(t)
	directory, output, err := dist(t, "v1.2.3-rc.1", "registry.example:5000/bailiwick:v1")
	g.Expect(err).NotTo(HaveOccurred(), output)
	packaged, err := loader.Load(filepath.Join(directory, "bailiwick-1.2.3-rc.1.tgz"))
	g.Expect(err).NotTo(HaveOccurred())
	it, err := render(g, packaged, usual, "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(partsOf(g, parse(g, []byte(it.Manifest))).container.Image).To(Equal("registry.example:5000/bailiwick:v1"))
}

func TestDistRefusesAnImageWithoutATagOrAWholeDigest(t *testing.T) {
	for _, image := range []string{"bailiwick", "bailiwick@sha256:abc", "bailiwick:v1@sha256:" + digest, "registry.example:5000/bailiwick", "bailiwick:a|b"} {
		t.Run(image, func(t *testing.T) {
			g := NewWithT(t)
			directory, output, err := dist(t, "v1.2.3", image)
			g.Expect(err).To(HaveOccurred())
			g.Expect(output).To(ContainSubstring("it is name:tag or name@sha256:..."))
			g.Expect(os.ReadDir(directory)).To(BeEmpty())
		})
	}
}
