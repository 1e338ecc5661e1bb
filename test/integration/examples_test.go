package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// examples are programs of docs/examples, ready to be run in their directories.
const examples = "../../docs/examples/"

func goExample() []string {
	GinkgoHelper()
	program := filepath.Join(GinkgoT().TempDir(), "ask")
	finish("build it", command("go", "build", "-C", examples+"go", "-o", program, "."))
	return []string{program, "-attributes"}
}

func javaScriptExample() []string {
	GinkgoHelper()
	for _, tool := range []string{"node", "npm"} {
		_, err := exec.LookPath(tool)
		Expect(err).NotTo(HaveOccurred(), "this test needs Node.js: install the packages nodejs and npm")
	}
	directory := GinkgoT().TempDir()
	Expect(os.CopyFS(directory, os.DirFS(examples+"javascript"))).To(Succeed())
	finish("fetch what it needs", command("npm", "ci", "--prefix", directory, "--no-audit", "--no-fund", "--ignore-scripts",
		"--prefer-offline", "--fetch-timeout=30000", "--fetch-retries=4", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=20000"))
	return []string{"node", filepath.Join(directory, "ask.js"), "--attributes"}
}

// finish runs a program, and returns what it prints.
func finish(what string, program *exec.Cmd) string {
	GinkgoHelper()
	var failed strings.Builder
	program.Stderr = &failed
	output, err := program.Output()
	Expect(err).NotTo(HaveOccurred(), "%s: %s", what, &failed)
	return strings.TrimSpace(string(output))
}

var _ = DescribeTable("[N18] The example with OpenFGA's official SDK asks as docs/store.md says", Label(slow), func(prepare func() []string) {
	example := prepare()
	w := newWorld()
	odd := build.User(w.Namespace, "odd").KnownAs("system:Zoë *~%2F#" + w.Namespace).Obj()
	long := strings.Repeat("k", 200)
	create(odd)
	given := []v1alpha1.Object{
		w.grant("a").ToUser("alice").GrantsIf(w.Edit, build.Equals("color", "red"), build.In("floor", "3", "4")).InWorkspace("prod").Obj(),
		w.grant("b").ToUser("odd").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "a/b").Obj(),
		w.grant("c").ToUser("odd").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, long).Obj(),
	}
	for _, object := range given {
		create(object)
		expectReason(object, v1alpha1.ReasonInForce)
	}
	store, err := op.storeID()
	Expect(err).NotTo(HaveOccurred())
	ask := func(attributes string, words ...string) string {
		program := command(example[0], append(example[1:], append([]string{attributes}, words...)...)...)
		program.Env = append(os.Environ(), "OPENFGA_API_URL=http://"+op.address, "OPENFGA_STORE_ID="+store, "OPENFGA_API_TOKEN=")
		return finish(strings.Join(words, " "), program)
	}
	const redThird = `{"color": "red", "floor": 3}`
	Expect(ask(redThird, w.subject("alice"), w.Edit, "workspace", w.Namespace, "prod")).To(Equal("allowed"))
	Expect(ask(redThird, w.subject("alice"), w.Edit, "project", w.Namespace, "prod", "vision")).To(Equal("allowed"))
	Expect(ask(redThird, w.subject("alice"), w.Edit, "resource", w.Namespace, "prod", "vision", w.Type, "any")).To(Equal("allowed"))
	Expect(ask(`{"color": "blue", "floor": 3}`, w.subject("alice"), w.Edit, "workspace", w.Namespace, "prod")).To(Equal("denied"))
	Expect(ask("{}", w.subject("alice"), w.Edit, "workspace", w.Namespace, "prod")).To(Equal("denied"))
	Expect(ask(redThird, w.subject("alice"), w.Edit, "organization", w.Namespace)).To(Equal("denied"))
	for id, want := range map[string]string{"a/b": "allowed", long: "allowed", "a": "denied", long[1:]: "denied"} {
		Expect(ask("{}", odd.Spec.Subject, w.View, "resource", w.Namespace, "prod", "vision", w.Type, id)).To(Equal(want), id)
	}
},
	Entry("in Go", goExample),
	Entry("in JavaScript", javaScriptExample),
)
