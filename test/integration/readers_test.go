package integration

import (
	"fmt"
	"maps"
	"slices"
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
		t := newTrio()
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
			count := asking.expectRight(100)
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
				r.allows(t.bobs.question, "Ready")
			}
			took := t.bobs.end()
			for _, r := range t.all() {
				r.denies(t.bobs.question, "gone")
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
				most = 3000 // which holds up a change for so long that the one whose watches these are gets no more leases
			}
			By(fmt.Sprintf("round %d, by up to %d ms", round, most))
			late.way.delay(func() time.Duration { return time.Duration(choose(most)) * time.Millisecond })
			t.bobs.begin(t.edits(fmt.Sprint("late-", round)))
			t.bobs.end()
		}
		late.way.delay(nil)
		t.expect(t.bobs, false)
		AddReportEntry("answers while watches show it late", asking.expectRight(0))
		asking.expectAnswered()
	})

	It("[D2] give their leases back when they end, and answer no more when they are evicted", inRounds, func() {
		ends, evicted := t.others()[0], t.others()[1]
		before, err := readers()
		Expect(err).NotTo(HaveOccurred())
		var living []string // those that were killed left their Leases, and write them no more
		Eventually(func() ([]string, error) {
			now, err := readers()
			living = slices.DeleteFunc(slices.Collect(maps.Keys(now)), func(name string) bool { return now[name] == before[name] })
			return living, err
		}).Should(HaveLen(2))
		Expect(ends.Stop()).To(Succeed())
		Eventually(func() ([]string, error) {
			now, err := readers()
			living = slices.DeleteFunc(living, func(name string) bool { _, there := now[name]; return err == nil && !there })
			return living, err
		}).Should(HaveLen(1))
		left, err := readers()
		Expect(err).NotTo(HaveOccurred())
		for name := range left {
			lease := &coordinationv1.Lease{}
			lease.Namespace, lease.Name = "bailiwick-system", name
			Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, lease))).To(Succeed())
		}
		Eventually(func() error { _, err := evicted.answer(t.bobs.question); return err }).Should(MatchError(ContainSubstring("no lease to answer by")))
		t.bobs.end()
		t.leading.denies(t.bobs.question, "gone")
	})
})
