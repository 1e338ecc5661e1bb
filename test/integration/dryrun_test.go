package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/dryrun"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// dryRun is what a start of the operator would change, as its own ServiceAccount sees it. It expects that the
// API server was asked for nothing but reads.
func dryRun(file string, server *openfga.RemoteOptions) *dryrun.Plan {
	GinkgoHelper()
	cluster, err := plane.UserConfig(operatorName, "system:serviceaccounts")
	Expect(err).NotTo(HaveOccurred())
	var writes atomic.Int64
	cluster.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if request.Method != http.MethodGet {
				writes.Add(1)
			}
			return next.RoundTrip(request)
		})
	})
	options := operator.Options{
		Embedded: &operator.EmbeddedOptions{EmbeddedOptions: openfga.EmbeddedOptions{Path: file}}, Remote: server,
		QPS: 1000, Clock: clock.RealClock{},
	}
	found, err := operator.DryRun(ctx, cluster, options)
	Expect(err).NotTo(HaveOccurred())
	Expect(writes.Load()).To(BeZero(), "writes to the API server")
	return found
}

// besideOperator is a dry run while the suite's operator runs, on its store.
func besideOperator() *dryrun.Plan {
	GinkgoHelper()
	if op.external != nil {
		return dryRun("", new(op.remote()))
	}
	return dryRun("", &openfga.RemoteOptions{Address: op.grpcAddress})
}

// said is what a preview says of the objects and tuples of a world.
func (w *world) said(p *dryrun.Plan) []string {
	GinkgoHelper()
	var text strings.Builder
	Expect(p.Text(&text)).To(Succeed())
	var lines []string
	for line := range strings.Lines(text.String()) {
		if strings.Contains(line, w.Namespace) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

var _ = Describe("A dry run", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		create(
			w.assignment("bob", "editor").ToUser("bob").InWorkspace("prod").Obj(),
			w.grant("bob").ToUser("bob").Grants(w.View).InWorkspace("lab").Obj(),
			w.assignment("waits", "later").ToUser("bob").Obj(),
		)
		expectReason(w.assignment("bob", "").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.grant("bob").Obj(), v1alpha1.ReasonInForce)
		waitUntilQuiet()
	})

	It("[K10] beside an operator at rest finds nothing, and writes nothing", func() {
		before := writtenNow()
		Expect(w.said(besideOperator())).To(BeEmpty())
		Expect(writtenNow()).To(Equal(before))
	})

	It("names what a start changes, which then changes that and no more", Label(embeddedOnly), func() {
		again := withoutWebhook()
		op.Stop()
		edit(w.assignment("bob", "").Obj(), func(o *v1alpha1.RoleAssignment) { o.Spec.Scope.Workspace = "lab" })
		edit(build.Role(w.Namespace, "editor").Obj(), func(r *v1alpha1.Role) {
			r.Spec.PermissionGrants = append(r.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: w.Delete})
		})
		edit(w.grant("bob").Obj(), func(g *v1alpha1.PermissionGrant) { g.Spec.Permissions[0].Permission = w.Edit })
		Expect(k8sClient.Delete(ctx, w.assignment("waits", "").Obj())).To(Succeed())
		create(w.grant("new").ToUser("alice").Grants(w.Namespace + ":Nothing").Obj())

		files := filesBeside(op.file)
		found := dryRun(op.file, nil)
		Expect(found.Makes).To(BeEmpty())
		Expect(w.said(found)).To(ContainElements(
			And(HavePrefix("+ "), ContainSubstring("/lab role "), ContainSubstring(w.Delete)),
			And(HavePrefix("- "), ContainSubstring("/prod role "), ContainSubstring(w.View)),
			And(HavePrefix("~ "), HaveSuffix(": +%s, -%s", w.Edit, w.View)),
			And(HavePrefix("RoleAssignment "+w.Namespace+"/bob: "), ContainSubstring("status")),
			And(HavePrefix("Role "+w.Namespace+"/editor: "), ContainSubstring("revision")),
			And(HavePrefix("RoleAssignment "+w.Namespace+"/waits: "), ContainSubstring("finalizer is removed")),
			And(HavePrefix("PermissionGrant "+w.Namespace+"/new: "), ContainSubstring("not seen yet -> "+v1alpha1.ReasonPermissionsInvalid)),
		))
		Expect(filesBeside(op.file)).To(Equal(files))

		By("starting it")
		again()
		op.Start()
		expectReason(w.grant("new").Obj(), v1alpha1.ReasonPermissionsInvalid)
		waitUntilQuiet()
		Expect(w.said(besideOperator())).To(BeEmpty())
	})

	It("makes no store where there is none, and says that a start does", func() {
		directory := GinkgoT().TempDir()
		found := dryRun(filepath.Join(directory, "none.db"), nil)
		Expect(found.Makes).To(ConsistOf(ContainSubstring("none.db")))
		Expect(w.said(found)).To(ContainElement(And(HavePrefix("+ "), ContainSubstring("/prod role "))))
		Expect(os.ReadDir(directory)).To(BeEmpty())
	})
})

// filesBeside are the files in the directory of a file, with their size and time.
func filesBeside(file string) map[string]string {
	GinkgoHelper()
	found, err := os.ReadDir(filepath.Dir(file))
	Expect(err).NotTo(HaveOccurred())
	files := map[string]string{}
	for _, entry := range found {
		info, err := entry.Info()
		Expect(err).NotTo(HaveOccurred())
		files[entry.Name()] = info.ModTime().Format(time.RFC3339Nano)
	}
	return files
}
