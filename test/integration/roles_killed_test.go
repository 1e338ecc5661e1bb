package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// external is an OpenFGA server that outlives the operators of a spec.
type external struct {
	store *openfga.Store
	// server is it, file its database.
	server *server.Server
	file   string
	// arguments have an operator use it.
	arguments []string
}

func newExternal() *external {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "external.db")
	running := server.Start(GinkgoTB(), server.Options{Engine: "sqlite", URI: file})
	opened, err := openfga.Remote(ctx, openfga.RemoteOptions{Address: running.Address, TLS: true, CAFile: running.CAFile, Timeout: time.Minute, Owner: storeOwner()})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(opened.Close)
	return &external{opened, running, file, []string{"--store=external", "--openfga-server=" + running.Address, "--openfga-ca-file=" + running.CAFile}}
}

// may asks the server itself.
func (e *external) may(q question) (bool, error) {
	return e.store.Check(ctx, store.Question{
		Key:        store.Key{Object: q.Object, Relation: "can", User: q.User},
		Permission: q.Permission, Attributes: q.Attributes, Time: time.Now(),
	})
}

// tuples are all that the server holds of a world, as the operator's own store says it. In which slot a context
// is says nothing.
func (e *external) tuples(w *world) (lines []string) {
	GinkgoHelper()
	all, err := linesOf(e.store)
	Expect(err).NotTo(HaveOccurred())
	for _, line := range all {
		if strings.Contains(line, w.Namespace) {
			lines = append(lines, unplaced(line))
		}
	}
	return lines
}

var _ = Describe("An operator that is killed while it switches a role", Label(slow), func() {
	It("[K6] [K11] has shown nobody less than both revisions allow, and goes on where it was", func() {
		rounds := faultRounds(1)
		questions, often := 300*rounds, 10*rounds
		choose := chooser(15)
		external, run := newExternal(), insteadOfSuites()
		process := run(external.arguments...)
		Eventually(stamped).Should(BeTrue(), func() string { return plane.LogTail("bailiwick") })
		f := newFleet(120, "wide", "child")
		f.expectEverywhere(external.may, f.View, f.Edit)

		watching := f.watch(external.may)
		// The one that is in force, and the one that comes.
		old, next := f.Edit, f.stand()
		halfway := 0
		for round := 0; halfway < rounds || watching.asked.Load() < int64(questions); round++ {
			By(fmt.Sprint("round ", round))
			Expect(round).To(BeNumerically("<", often), "it was killed too early or too late each time")
			edit(f.wide, func(r *v1alpha1.Role) { toGrant(append([]string{f.View, next}, f.filler...)...)(&r.Spec) })
			Eventually(func() (bool, error) { // until one of the first of the writes has been seen
				return external.may(f.questionOf(choose(f.scopes), next))
			}).WithPolling(time.Millisecond).Should(BeTrue())
			Expect(process.Kill()).To(Succeed())

			switched := 0
			for n := range f.scopes {
				var before bool
				Eventually(func(g Gomega) { // the last write may still arrive, between two questions as well
					var err error
					before, err = external.may(f.questionOf(n, old))
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(external.may(f.questionOf(n, next))).To(Equal(!before))
				}).Should(Succeed(), "project %d holds one revision, whole", n)
				if !before {
					switched++
				}
			}
			AddReportEntry(fmt.Sprint("round ", round), fmt.Sprintf("killed with %d of %d scopes switched", switched, f.scopes))
			if switched < f.scopes {
				halfway++
			}

			process = run(external.arguments...)
			Eventually(reason(f.wide)).Should(Equal(v1alpha1.ReasonValid), func() string { return plane.LogTail("bailiwick") })
			f.expectEverywhere(external.may, f.View, next)
			old, next = next, old
		}
		watching.expectNothingWrong(questions)

		By("holding exactly what an operator writes that starts with nothing")
		held := external.tuples(f.world)
		Expect(process.Kill()).To(Succeed())
		op.storage = newStorage()
		op.Start()
		fresh, err := f.allInStore()
		Expect(err).NotTo(HaveOccurred())
		for n := range fresh {
			fresh[n] = unplaced(fresh[n])
		}
		Expect(len(fresh)).To(BeNumerically(">", 3*f.scopes), "a parent, an assignee and a slot for each")
		Expect(held).To(ConsistOf(fresh))
	})
})
