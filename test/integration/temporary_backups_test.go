package integration

import (
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

var _ = Describe("A temporary grant that comes again", func() {
	var w *world
	var noon time.Time
	var may func() (bool, error)
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
		may = w.may("alice", w.View, w.at())
	})
	// backup is the object as a backup keeps it: without what the API server gives to each object anew,
	// and without its status.
	backup := func(g *v1alpha1.TemporaryPermissionGrant) *v1alpha1.TemporaryPermissionGrant {
		GinkgoHelper()
		kept := observed(g)
		restored := w.temporary(kept.Name).Obj()
		restored.Annotations, restored.Spec = kept.Annotations, kept.Spec
		return restored
	}

	It("[K4] from a backup has the start and the deadline that it had", func() {
		start := noon.Add(-8 * time.Hour)
		// Its first life is a restore too, because nobody can be seven hours old at once otherwise.
		g := w.temporary("g").ToUser("alice").Grants(w.View).For("PT8H").Annotated(v1alpha1.AnnotationGrantedAt, start.UTC().Format(time.RFC3339)).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
		for range 2 {
			kept := backup(g)
			remove(g)
			Expect(may()).To(BeFalse())
			g = kept
			create(g)
			expectReason(g, v1alpha1.ReasonInForce)
			Expect(g.CreationTimestamp.Time).To(BeTemporally(">", start))
			Expect(lives(g)()).To(Equal(life(v1alpha1.PhaseActive, start, noon)))
			Expect(may()).To(BeTrue())
		}
		expectFrom(noon, false, may)
		expectReason(g, v1alpha1.ReasonExpired)

		By("after its deadline")
		kept := backup(g)
		remove(g)
		phases := history(kept)
		create(kept)
		expectReason(kept, v1alpha1.ReasonExpired)
		Expect(lives(kept)()).To(Equal(life(v1alpha1.PhaseExpired, start, noon)))
		Expect(phases()).NotTo(ContainElement(v1alpha1.PhaseActive))
		Expect(may()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	// What GitOps does with the manifests that it has from the beginning.
	DescribeTable("[K4] [T1] by the same manifest changes nothing, before its deadline and after it, nor does anything else that ends", func(arguments ...string) {
		create(w.assignment("devs", "editor").ToGroup("devs").Obj())
		grants := []v1alpha1.Object{
			w.temporary("instant").ToUser("alice").Grants(w.View).Until(noon).Obj(),
			w.temporary("window").ToUser("alice").Grants(w.View).From(noon.Add(-time.Hour)).For("PT1H").Obj(),
			w.temporary("duration").ToUser("alice").Grants(w.View).For("PT30M").Obj(),
			w.assignment("role", "editor").ToUser("alice").Until(noon).Obj(),
			w.grant("permission").ToUser("alice").Grants(w.View).From(noon.Add(-time.Hour)).Until(noon).Obj(),
			w.membership("member", "alice").Until(noon).Obj(),
		}
		directory := GinkgoT().TempDir()
		for _, g := range grants {
			Expect(os.WriteFile(filepath.Join(directory, g.GetName()+".yaml"), manifestOf(g), 0o600)).To(Succeed())
		}
		apply := func() { kubectl(append([]string{"apply", "--filename", directory}, arguments...)...) }
		applyAgain := func(want string, holds bool) {
			GinkgoHelper()
			var versions []string
			for _, g := range grants {
				expectReason(g, want)
				versions = append(versions, observed(g).GetResourceVersion())
			}
			for range 2 {
				apply()
				waitUntilQuiet()
				for n, g := range grants {
					Expect(observed(g).GetResourceVersion()).To(Equal(versions[n]), g.GetName())
				}
				Expect(may()).To(Equal(holds))
			}
		}
		apply()
		applyAgain(v1alpha1.ReasonInForce, true)
		op.clock.StopAt(noon)
		Expect(may()).To(BeFalse())
		applyAgain(v1alpha1.ReasonExpired, false)
		Expect(w.granted()).To(BeEmpty())
	},
		Entry("by client-side apply"),
		Entry("by server-side apply", "--server-side"),
		Entry("by server-side apply of another manager, by force", "--server-side", "--field-manager=gitops", "--force-conflicts"),
	)
})

// manifestOf is what a user writes into git.
func manifestOf(g v1alpha1.Object) []byte {
	GinkgoHelper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(g)
	Expect(err).NotTo(HaveOccurred())
	delete(content, "status")
	content["apiVersion"], content["kind"] = v1alpha1.GroupVersion.String(), kinds.RefOf(g).Kind
	written, err := yaml.Marshal(content)
	Expect(err).NotTo(HaveOccurred())
	return written
}
