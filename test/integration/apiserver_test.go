package integration

import (
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("While the API server", Label(slow), func() {
	var l *line
	BeforeEach(func() { l = overLine() })

	It("[K5] [K12] loses its connections again and again, nothing is lost, and decisions go on", func() {
		rounds := faultRounds(5)
		w := newWorld()
		expectAlways := askingAlways(w.bobViews())
		changes := newLoad(w)
		for range rounds {
			l.cut()
			for range 8 {
				Expect(changes.change()).To(Succeed())
			}
		}
		changes.expectNothingLost()
		expectAlways()
		AddReportEntry("cuts", fmt.Sprintf("%d rounds, %d connections cut, %d writes", rounds, l.faults.Load(), changes.writes))
	})

	It("[K5] [K12] is slow and answers with 429 and 5xx, nothing is lost, and deadlines are kept", inRounds, func() {
		w := newWorld()
		noon := inAnHour()
		grant := w.temporary("t").ToUser("alice").Grants(w.Delete).InWorkspace("lab").Until(noon).Obj()
		create(grant)
		expectReason(grant, v1alpha1.ReasonInForce)
		expectAlways := askingAlways(w.bobViews())
		l.behave(l.moody())
		changes := newLoad(w)
		for range 150 {
			Expect(changes.change()).To(Succeed())
		}
		Expect(w.may("alice", w.Delete, w.at("lab"))()).To(BeTrue())
		op.clock.stopAt(noon)
		Expect(w.may("alice", w.Delete, w.at("lab"))()).To(BeFalse(), "whatever the API server says")
		for range 50 {
			Expect(changes.change()).To(Succeed())
		}
		l.behave(nil)
		Eventually(func() v1alpha1.GrantPhase {
			op.clock.pass(time.Second)
			return observed(grant).Status.Phase
		}).Should(Equal(v1alpha1.PhaseExpired))
		remove(grant)
		changes.expectNothingLost()
		expectAlways()
		AddReportEntry("faults", fmt.Sprintf("%d of the operator's requests refused or held up, %d writes", l.faults.Load(), changes.writes))
	})

	It("[K5] [K12] answers nobody, decisions go on and deadlines are kept; what was missed is made up for", inRounds, func() {
		w := newWorld()
		noon := inAnHour()
		grant := w.temporary("t").ToUser("alice").Grants(w.Delete).InWorkspace("lab").Until(noon).Obj()
		create(grant)
		expectReason(grant, v1alpha1.ReasonInForce)
		expectAlways := askingAlways(w.bobViews())
		changes := newLoad(w)
		for range 30 {
			Expect(changes.change()).To(Succeed())
		}
		l.behave(func(w http.ResponseWriter, _ *http.Request) bool {
			l.faults.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		l.cut()
		for range 30 { // nobody sees them
			Expect(changes.change()).To(Succeed())
		}
		op.clock.stopAt(noon)
		Expect(w.may("alice", w.Delete, w.at("lab"))()).To(BeFalse())
		seen := l.faults.Load()
		Eventually(l.faults.Load).Should(BeNumerically(">", seen+5), "it goes on trying")
		l.behave(nil)
		Eventually(func() v1alpha1.GrantPhase {
			op.clock.pass(time.Second)
			return observed(grant).Status.Phase
		}).Should(Equal(v1alpha1.PhaseExpired))
		remove(grant)
		changes.expectNothingLost()
		expectAlways()
	})
})

var _ = Describe("An API server that is killed and started under load", Label(slow), func() {

	It("[K5] [K12] loses nothing; decisions go on meanwhile, and deadlines are kept", func() {
		rounds := faultRounds(1)
		w := newWorld()
		expectAlways := askingAlways(w.bobViews())
		changes := newLoad(w)
		for round := range rounds {
			By(fmt.Sprint("round ", round))
			ends := op.clock.Now().Add(time.Hour).Truncate(time.Second)
			grant := w.temporary(fmt.Sprint("t", round)).ToUser("alice").Grants(w.Delete).InWorkspace("lab").Until(ends).Obj()
			create(grant)
			expectReason(grant, v1alpha1.ReasonInForce)
			for range 25 {
				Expect(changes.change()).To(Succeed())
			}
			Expect(plane.KillAPIServer(ctx)).To(Succeed())
			Expect(changes.change()).NotTo(Succeed())
			Expect(w.may("alice", w.Delete, w.at("lab"))()).To(BeTrue())
			op.clock.stopAt(ends)
			Expect(w.may("alice", w.Delete, w.at("lab"))()).To(BeFalse())
			startAPIServer()
			Eventually(changes.recount).Should(Succeed())
			for range 25 {
				Expect(changes.change()).To(Succeed())
			}
			Eventually(func() v1alpha1.GrantPhase { return observed(grant).Status.Phase }).Should(Equal(v1alpha1.PhaseExpired))
			remove(grant)
			changes.expectNothingLost()
		}
		expectAlways()
		AddReportEntry("outages", fmt.Sprintf("%d, with %d writes", rounds, changes.writes))
	})
})

// startAPIServer starts the API server that was killed. For up to half a minute its admission policies don't find the kinds of
// their parameters, and refuse what they are for; the specs that come after this one don't meet that.
func startAPIServer() {
	GinkgoHelper()
	Expect(plane.StartAPIServer()).To(Succeed())
	DeferCleanup(func() {
		Eventually(func() error {
			return k8sClient.Create(ctx, build.GroupMembership("default", "tried", "nobody", "nothing").Obj(), client.DryRunAll)
		}).Should(Succeed())
	})
}
