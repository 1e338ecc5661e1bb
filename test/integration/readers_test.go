package integration

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

var _ = Describe("Three replicas that answer decisions", Label(slow), func() {
	It("[D3] leave no question without its answer that is asked again at another one, while the leader is killed, all are replaced, the store is down and another organization rewritten", func() {
		// What is left of the read leases when another one leads has to be enough for it to grant new ones, on a slow machine too.
		t := newTrioOf(2 * leaderLease)
		other := newWorld()
		rewrite := func(called string) {
			GinkgoHelper()
			for n := range 20 {
				edited := other.assignment(fmt.Sprint(called, "-", n), "editor").ToUser("bob").InWorkspace("prod").Obj()
				create(edited)
				Expect(k8sClient.Delete(ctx, edited)).To(Succeed())
			}
		}
		asking := newCrowd([]*asked{t.bobs}, t.all()...)
		for round := range faultRounds(1) {
			By(fmt.Sprint("round ", round))
			old := t.others()
			Expect(t.leading.Kill()).To(Succeed())
			t.replace(t.leading, asking, func() error { return nil })
			for _, m := range old {
				t.replace(m, asking, m.Stop)
				rewrite(fmt.Sprint("while-replaced-", m.PID()))
			}
			t.kept.external.Stop()
			rewrite(fmt.Sprint("while-down-", round))
			t.kept.external.Restart(GinkgoTB())
			t.elect()
			count := asking.expectRight()
			Expect(count).To(BeNumerically(">", 100))
			asking.expectAnswered()
			AddReportEntry(fmt.Sprint("answers in round ", round), count)
		}
	})
})

var _ = Describe("Three replicas that answer decisions", Label(slow), func() {
	var t *trio
	BeforeEach(func() { t = newTrio() })

	It("[D1] [D2] know of everything that is Ready, and of nothing that is gone, also where watches show it late", func() {
		t.holds("carol", t.Edit)
		theirs, carol := t.editor("carol"), policy.Author{Username: t.subject("carol"), Subject: t.subject("carol"), Generation: 1}
		stamp, err := carol.Stamp() // as the webhook would, which these replicas don't serve
		Expect(err).NotTo(HaveOccurred())
		t.bobs.end()
		var longest, sum time.Duration
		const quiet = 20
		for n := range quiet {
			name := fmt.Sprint("quiet-", n)
			if n%2 == 0 {
				t.bobs.begin(t.edits(name))
			} else { // whoever leads has to find out whether its author could give it
				given := t.grant(name).ToUser("bob").Grants(t.Edit).InWorkspace("prod").Obj()
				annotate(given, v1alpha1.AnnotationAuthor, stamp)
				t.bobs.beginAs(theirs, given)
			}
			for _, r := range t.all() {
				Expect(r.answer(t.bobs.question)).To(BeTrue(), "Ready")
			}
			took := t.bobs.end()
			for _, r := range t.all() {
				Expect(r.answer(t.bobs.question)).To(BeFalse(), "gone")
			}
			longest, sum = max(longest, took), sum+took
		}
		AddReportEntry("DELETE until gone, 3 replicas, mean", (sum / quiet).String())
		AddReportEntry("DELETE until gone, 3 replicas, longest", longest.String())

		choose := chooser(31)
		asking := newCrowd([]*asked{t.bobs}, t.all()...)
		late := t.others()[1]
		for round := range faultRounds(4) {
			most := 300
			if round%4 == 3 {
				most = 1500 // which holds up a change for so long that the one whose watches these are loses its lease
			}
			By(fmt.Sprintf("round %d, by up to %d ms", round, most))
			late.way.delay(func() time.Duration { return time.Duration(choose(most)) * time.Millisecond })
			t.bobs.begin(t.edits(fmt.Sprint("late-", round)))
			t.bobs.end()
		}
		late.way.delay(nil)
		t.expect(t.bobs, false)
		AddReportEntry("answers while watches show it late", asking.expectRight())
		asking.expectAnswered()
	})

	It("[D2] give their leases back when they end, and answer no more when they are evicted", inRounds, func() {
		ends, evicted := t.others()[0], t.others()[1]
		before, err := readers() // those that were killed left theirs
		Expect(err).NotTo(HaveOccurred())
		Expect(ends.Stop()).To(Succeed())
		Eventually(readers).Should(HaveLen(len(before) - 1))
		names, err := readers()
		Expect(err).NotTo(HaveOccurred())
		for _, name := range names {
			lease := &coordinationv1.Lease{}
			lease.Namespace, lease.Name = "bailiwick-system", name
			Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, lease))).To(Succeed())
		}
		Eventually(func() error { _, err := evicted.answer(t.bobs.question); return err }).Should(MatchError(ContainSubstring("no lease to answer by")))
		t.bobs.end()
		Expect(t.leading.answer(t.bobs.question)).To(BeFalse())
	})
})
