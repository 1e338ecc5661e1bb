package integration

import (
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A null that a template left behind", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	manifest := func(scope string) string {
		GinkgoHelper()
		path := filepath.Join(GinkgoT().TempDir(), "assignment.yaml")
		Expect(os.WriteFile(path, fmt.Appendf(nil, `apiVersion: authz.bailiwick.dev/v1alpha1
kind: RoleAssignment
metadata: {name: rendered, namespace: %s}
spec:
  roleRef: {name: editor}
  subject: {user: bob}
  scope: {workspace: %s}
`, w.Namespace, scope), 0o600)).To(Succeed())
		return path
	}

	DescribeTable("gives nobody a role in the whole organization, whoever sends it", func(message string, with ...string) {
		if with[0] != "replace" {
			_, err := tryKubectl(append(with, "-f", manifest(""))...)
			Expect(err).To(MatchError(ContainSubstring(message)))
		}
		Expect(w.may("bob", w.View, w.at())()).To(BeFalse())

		By("nor who has it in a workspace")
		narrow := manifest("prod")
		Expect(tryKubectl("apply", "-f", narrow)).To(ContainSubstring("created"))
		applied := build.RoleAssignment(w.Namespace, "rendered").Obj()
		expectReason(applied, v1alpha1.ReasonInForce)
		if with[0] != "create" {
			_, err := tryKubectl(append(with, "-f", manifest(""))...)
			Expect(err).To(MatchError(ContainSubstring(message)))
		}
		Expect(w.may("bob", w.View, w.at("lab"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
	},
		Entry("kubectl apply", "spec.scope.workspace: null in the manifest", "apply"),
		Entry("kubectl apply --server-side", "workspace, project and resource can't be null", "apply", "--server-side", "--force-conflicts"),
		Entry("kubectl create", "workspace, project and resource can't be null", "create"),
		Entry("kubectl replace", "workspace, project and resource can't be null", "replace"),
	)

	It("is warned of where it means to take the field away, as in a merge patch", func() {
		Expect(tryKubectl("apply", "-f", manifest("prod"))).To(ContainSubstring("created"))
		applied := build.RoleAssignment(w.Namespace, "rendered").Obj()
		expectReason(applied, v1alpha1.ReasonInForce)
		Expect(tryKubectl("patch", "roleassignment", "rendered", "-n", w.Namespace, "--type=merge", `--patch={"spec":{"scope":{"workspace":null}}}`)).To(
			ContainSubstring("Warning: spec.scope: from now on this is for all of " + w.Namespace))
	})
})
