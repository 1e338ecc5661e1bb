// Package uninstall runs what docs/operations.md says about uninstalling, on a real API server and with the
// program that people install.
package uninstall

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

const (
	page    = "docs/operations.md"
	samples = "config/samples"
	ours    = "bailiwick-system"
)

// installation is one that people use: the samples are in force.
type installation struct {
	*testing.T
	*WithT
	*stage.Stage
}

// scripts are the shell blocks under a heading of the page.
func scripts(t *testing.T, heading string) []string {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(content), "\n### "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n#")
	var blocks []string
	for _, block := range strings.Split(section, "```sh")[1:] {
		_, block, _ = strings.Cut(block, "\n") // behind the mark
		block, _, _ = strings.Cut(block, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

// run runs a shell block of the page.
func (i *installation) run(script string) {
	i.Helper()
	cmd := exec.CommandContext(i.Context(), "sh", "-e", "-c", script)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+i.Kubeconfig, "PATH="+filepath.Dir(i.Plane.Kubectl())+":"+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	i.Expect(err).NotTo(HaveOccurred(), "%s\n%s", script, output)
}

func (i *installation) kubectl(args ...string) string {
	i.Helper()
	output, err := i.Kubectl(i.Context(), args...)
	i.Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(output)
}

// install installs everything. No controller is here that lets go of volume claims.
func (i *installation) install() {
	i.Helper()
	i.Expect(i.Install(i.Context())).To(Succeed())
	i.kubectl("patch", "pvc", "bailiwick-store", "-n", ours, "--type=merge", `--patch={"metadata":{"finalizers":null}}`)
}

// use installs everything and has the samples in force.
func (i *installation) use() {
	i.Helper()
	i.install()
	i.Expect(i.StartOperator(i.Context())).To(Succeed())
	i.kubectl("apply", "-k", samples)
	i.kubectl("wait", "--for=condition=Ready", "roleassignments,permissiongrants", "--all", "-n", "acme", stage.WaitArgument)
	i.Expect(i.tuples()).To(BeNumerically(">", 10))
}

// dryRun has the program say what a start would change, and expects this exit code and these words.
func (i *installation) dryRun(code int, words string) {
	i.Helper()
	cmd := exec.CommandContext(i.Context(), "bin/bailiwick", "--dry-run", "--store-path="+i.StorePath())
	cmd.Env = append(os.Environ(), "KUBECONFIG="+i.Kubeconfig)
	output, err := cmd.CombinedOutput()
	if exited := new(exec.ExitError); err != nil {
		i.Expect(errors.As(err, &exited)).To(BeTrue(), "%v", err)
	}
	i.Expect(cmd.ProcessState.ExitCode()).To(Equal(code), string(output))
	i.Expect(string(output)).To(ContainSubstring(words))
}

// tuples is how many the store holds, once it answers: until it has been compared it does not.
func (i *installation) tuples() (count int) {
	i.Helper()
	i.Eventually(func() error {
		all, err := stage.Tuples(i.Context(), i.OpenFGA)
		count = len(all)
		return err
	}).WithTimeout(stage.Patience).Should(Succeed())
	return count
}

// expectNothingLeft: no object of ours, no kind, no namespace that hangs.
func (i *installation) expectNothingLeft() {
	i.Helper()
	i.Expect(i.kubectl("get", "crd", "-o", "name")).NotTo(ContainSubstring("authz.bailiwick.dev"))
	i.Expect(i.kubectl("get", "namespaces", "--field-selector=status.phase=Terminating", "-o", "name")).To(BeEmpty())
	i.Expect(i.kubectl("get", "namespace", ours, "--ignore-not-found", "-o", "name")).To(BeEmpty())
	i.Expect(i.kubectl("get", "validatingwebhookconfigurations,mutatingwebhookconfigurations,clusterroles,clusterrolebindings", "-o", "name")).NotTo(ContainSubstring("bailiwick"))
}

func TestUninstalling(t *testing.T) {
	t.Chdir("../..")
	running, err := stage.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Plane.Stop)
	for _, scenario := range []struct {
		name string
		does func(*installation)
	}{
		{"in order leaves nothing", inOrder},
		{"the CRDs first, while the operator runs, ends all access", crdsFirst},
		{"the operator first leaves a way out", operatorFirst},
	} {
		if !t.Run(scenario.name, func(t *testing.T) { scenario.does(&installation{t, NewWithT(t), running}) }) {
			return // the next begins with what this one has left
		}
	}
}

func inOrder(i *installation) {
	i.use()
	i.dryRun(2, "is in use")
	steps := scripts(i.T, "In order")
	i.Expect(steps).To(HaveLen(2))
	i.run(steps[0])
	i.Expect(i.tuples()).To(BeZero())
	i.Expect(i.kubectl("get", "authz-all", "--all-namespaces", "-o", "name")).To(BeEmpty())
	// There is no node that would end its Pod.
	i.Expect(i.Operator.Stop()).To(Succeed())
	i.dryRun(0, "A start changes nothing.")
	i.run(steps[1])
	i.kubectl("delete", "namespace", "acme", stage.WaitArgument)
	i.expectNothingLeft()
}

func crdsFirst(i *installation) {
	i.use()
	i.kubectl("delete", "-k", "config/crd", stage.WaitArgument)
	i.Expect(i.tuples()).To(BeZero())
	i.Expect(i.Operator.Stop()).To(Succeed())
	i.run(strings.TrimSpace(scripts(i.T, "In order")[1]) + " --ignore-not-found")
	i.kubectl("delete", "namespace", "acme", stage.WaitArgument)
	i.expectNothingLeft()
}

func operatorFirst(i *installation) {
	i.use()
	i.Expect(i.Operator.Stop()).To(Succeed())
	// The webhooks refuse what is about Bailiwick, and nothing else.
	_, err := i.Kubectl(i.Context(), "delete", "users", "alice", "-n", "acme", "--wait=false")
	i.Expect(err).To(MatchError(ContainSubstring("failed calling webhook")))
	i.kubectl("create", "configmap", "other", "-n", "default")
	i.kubectl("delete", "configmap", "other", "-n", "default")

	i.kubectl("delete", "namespace", "acme", "--wait=false")
	i.kubectl("delete", "organizations", "--all", "--wait=false")
	i.Eventually(func() string {
		return i.kubectl("get", "namespace", "acme", "-o", `jsonpath={.status.conditions[?(@.type=="NamespaceFinalizersRemaining")].status}`)
	}).WithTimeout(stage.Patience).Should(Equal("True"), "it hangs")

	i.dryRun(1, "finalizer is removed")

	way := scripts(i.T, "If the operator went first")
	i.Expect(way).To(HaveLen(1))
	i.run(way[0])
	i.kubectl("wait", "--for=delete", "namespace/acme", stage.WaitArgument)
	i.kubectl("delete", "authz-all", "--all", "--all-namespaces", stage.WaitArgument)

	// The store knows nothing of this, until an operator looks at it again.
	i.install()
	i.Expect(i.StartOperator(i.Context())).To(Succeed())
	i.Expect(i.tuples()).To(BeZero())
	i.Expect(i.Operator.Stop()).To(Succeed())
	i.run(scripts(i.T, "In order")[1])
	i.expectNothingLeft()
}
