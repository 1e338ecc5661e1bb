package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// [I2] The oldest Kubernetes is the same wherever it is named, and is the one that `make test-oldest` builds and tests.
func TestTheOldestKubernetesIsTheOneThatIsTested(t *testing.T) {
	find := func(file, pattern string) string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(content)
		if found == nil {
			t.Fatalf("%s has nothing like %s", file, pattern)
		}
		return string(found[1])
	}
	oldest := find("Makefile", `KUBERNETES = ([0-9.]+)\n`)
	for file, pattern := range map[string]string{
		"README.md":                   `Kubernetes ([0-9.]+[0-9]) or newer`,
		"docs/install.md":             `Kubernetes ([0-9.]+[0-9]) or newer`,
		"docs/support.md":             `\| Kubernetes \| ([0-9.]+[0-9]) and later`,
		"charts/bailiwick/Chart.yaml": `kubeVersion: ">=([0-9]+\.[0-9]+)\.0-0"`,
	} {
		if got := find(file, pattern); got != oldest {
			t.Errorf("%s says %s, and %s is tested", file, got, oldest)
		}
	}
	newest := find("hack/controlplane/go.mod", `k8s.io/kubernetes v([0-9.]+)`)
	patch := find("hack/controlplane/kubernetes-"+oldest+".mod", `k8s.io/kubernetes v([0-9.]+)`)
	if got := find("docs/support.md", `the whole suite on ([0-9.]+[0-9])`); got != newest {
		t.Errorf("docs/support.md says that the suite runs on %s, and it does on %s", got, newest)
	}
	if got := find("docs/support.md", `specs on ([0-9.]+[0-9])`); got != patch {
		t.Errorf("docs/support.md says that %s was tested, and it is %s", got, patch)
	}
}

// There is one way to install with kubectl, which test/install tries: apply on the server, which needs no annotation with all
// that was applied, and leaves to the operator what it writes into the webhook configurations.
func TestKubectlInstallsInOneWay(t *testing.T) {
	installs := regexp.MustCompile(`kubectl apply ([^\n]*)-k (?:\S*/)?config/(?:default|decisions|decision-replicas|external)\b`)
	found := 0
	for path := range pages(t) {
		content, err := os.ReadFile(filepath.Join(top, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range installs.FindAllStringSubmatch(string(content), -1) {
			found++
			if command[1] != "--server-side " {
				t.Errorf("%s: %s: write `kubectl apply --server-side -k`", path, command[0])
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d installations were found", found)
	}
}
