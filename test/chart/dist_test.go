package chart

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	command.Env = append(os.Environ(), "VERSION="+version, "COMMIT=0123456", "IMAGE="+image,
		// One is enough to see what is done for each.
		"PLATFORMS="+runtime.GOOS+"/"+runtime.GOARCH)
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

func TestDistWritesThePluginWithItsLicencesChecksumAndWhereKrewFindsIt(t *testing.T) {
	g := NewWithT(t)
	directory, output, err := dist(t, "v1.2.3", "")
	g.Expect(err).NotTo(HaveOccurred(), output)
	again, output, err := dist(t, "v1.2.3", "")
	g.Expect(err).NotTo(HaveOccurred(), output)
	read := func(directory, name string) []byte {
		content, err := os.ReadFile(filepath.Join(directory, name))
		g.Expect(err).NotTo(HaveOccurred())
		return content
	}

	name := fmt.Sprintf("kubectl-authz_v1.2.3_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)
	digested := sha256.Sum256(read(directory, name))
	sum := hex.EncodeToString(digested[:])
	g.Expect(string(read(directory, "checksums.txt"))).To(Equal(sum + "  " + name + "\n"))
	for _, same := range []string{"checksums.txt", "authz.yaml", "sbom.cdx.json", "NOTICE", "crds.yaml"} {
		g.Expect(read(again, same)).To(Equal(read(directory, same)), same)
	}
	krew := parse(g, read(directory, "authz.yaml"))
	g.Expect(krew).To(HaveLen(1))
	for _, plugin := range krew {
		g.Expect(plugin.Object).To(HaveKeyWithValue("spec", HaveKeyWithValue("platforms", ConsistOf(And(
			HaveKeyWithValue("sha256", sum), HaveKeyWithValue("bin", "kubectl-authz"),
			HaveKeyWithValue("uri", HaveSuffix("/releases/download/v1.2.3/"+name)),
			HaveKeyWithValue("selector", HaveKeyWithValue("matchLabels", And(HaveKeyWithValue("os", runtime.GOOS), HaveKeyWithValue("arch", runtime.GOARCH)))),
		)))))
	}

	unpacked := t.TempDir()
	g.Expect(exec.CommandContext(t.Context(), "tar", "-xzf", filepath.Join(directory, name), "-C", unpacked).Run()).To(Succeed())
	version, err := exec.CommandContext(t.Context(), filepath.Join(unpacked, "kubectl-authz"), "--version").Output()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(version)).To(ContainSubstring("v1.2.3 (0123456)"))
	g.Expect(read(unpacked, "NOTICE")).To(Equal(read(directory, "NOTICE")))
	g.Expect(filepath.Join(unpacked, "kubectl_complete-authz")).To(BeARegularFile())

	// What is compiled in is in the list, and in the licences.
	var sbom struct {
		Components []struct {
			Name string `json:"name"`
		} `json:"components"`
	}
	g.Expect(json.Unmarshal(read(directory, "sbom.cdx.json"), &sbom)).To(Succeed())
	listed := map[string]bool{}
	for _, component := range sbom.Components {
		listed[component.Name] = true
		g.Expect(string(read(directory, "NOTICE"))).To(ContainSubstring("\n" + component.Name + " "))
	}
	compiled, err := buildinfo.ReadFile(filepath.Join(unpacked, "kubectl-authz"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(compiled.Deps).NotTo(BeEmpty())
	for _, module := range compiled.Deps {
		g.Expect(listed).To(HaveKey(module.Path))
	}
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
