package integration

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// gauge is the value of a metric of the operator with these values of labels; 0 if there is none.
func gauge(name string, labels ...string) func() float64 {
	return func() float64 {
		GinkgoHelper()
		families, err := metrics.Registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				values := []string{}
				for _, label := range metric.GetLabel() {
					values = append(values, label.GetValue())
				}
				if family.GetName() == name && slices.Equal(values, labels) {
					return metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
}

var _ = Describe("The metrics", func() {

	It("[K12] say how late the operator was to note that a grant had ended, and not that one was moved into the past", func() {
		w := newWorld()
		// What other specs have left behind has ended by then, or ends at another time.
		noon := inAnHour().Add(30 * time.Minute)
		op.clock.StopAt(noon.Add(-time.Second))
		waitUntilQuiet()
		ends, moved := w.temporary("ends").ToUser("alice").Grants(w.View).Until(noon).Obj(), w.temporary("moved").ToUser("alice").Grants(w.View).Until(noon.Add(time.Hour)).Obj()
		active, expired, inForce := gauge("bailiwick_time_bound", "TemporaryPermissionGrant", "Active"), gauge("bailiwick_time_bound", "TemporaryPermissionGrant", "Expired"), gauge("bailiwick_in_force", "TemporaryPermissionGrant")
		activeBefore, expiredBefore, inForceBefore := active(), expired(), inForce()
		create(ends, moved)
		expectReason(ends, v1alpha1.ReasonInForce)
		expectReason(moved, v1alpha1.ReasonInForce)
		Expect([]float64{active() - activeBefore, expired() - expiredBefore, inForce() - inForceBefore}).To(Equal([]float64{2, 0, 2}))

		times, seconds := delay()
		op.clock.StopAt(noon.Add(3 * time.Second))
		expectReason(ends, v1alpha1.ReasonExpired)
		Eventually(func() float64 { now, _ := delay(); return now - times }).Should(Equal(1.0))
		_, now := delay()
		Expect(now - seconds).To(BeNumerically("~", 3, 0.001))

		edit(moved, func(g *v1alpha1.TemporaryPermissionGrant) {
			g.Spec.ExpiresAt = &metav1.Time{Time: noon.Add(-time.Hour)}
		})
		expectReason(moved, v1alpha1.ReasonExpired)
		waitUntilQuiet()
		now, _ = delay()
		Expect(now - times).To(Equal(1.0))
		Expect([]float64{active() - activeBefore, expired() - expiredBefore, inForce() - inForceBefore}).To(Equal([]float64{0, 2, 0}))
	})

	It("[Z9] count a revocation that is refused, and [K16] one that the finalizer holds, until it is let go", func() {
		w := newWorld()
		only := w.assignment("only", "editor").ToUser("carol").Obj()
		create(w.user("carol"), only)
		expectReason(only, v1alpha1.ReasonInForce)
		refused := gauge("bailiwick_admission_denied_total", "RoleAssignment", "Protected")
		before := refused()
		Expect(k8sClient.Delete(ctx, only)).NotTo(Succeed())
		Expect(refused() - before).To(Equal(1.0))

		held := gauge("bailiwick_objects", "RoleAssignment", v1alpha1.ReasonRevocationProtected, "stalled")
		Expect(held()).To(BeZero())
		op.Stop() // and with it who refuses
		Expect(held()).To(BeZero(), "what describes the cluster is not there without an operator that leads")
		Expect(k8sClient.Delete(ctx, only)).To(Succeed())
		op.Start()
		expectReason(only, v1alpha1.ReasonRevocationProtected)
		Expect(held()).To(Equal(1.0))
		create(w.assignment("other", "editor").ToUser("carol").InWorkspace("prod").Obj())
		Eventually(held).Should(BeZero())
	})

	It("[K14] name no organization, user, role or permission", func() {
		w := newWorld()
		given := w.assignment("given", "editor").ToUser("bob").Obj()
		create(given, w.assignment("wrong", w.Namespace).ToUser("nobody").Obj(), build.Group(w.Namespace, "more").Obj())
		expectReason(given, v1alpha1.ReasonInForce)
		Expect(op.may(question{User: objectid.User(w.subject("bob")), Permission: w.View, Object: w.at()})).To(BeTrue())
		families, err := metrics.Registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		Expect(families).NotTo(BeEmpty())
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				for _, label := range metric.GetLabel() {
					Expect(label.GetValue()).NotTo(ContainSubstring(w.Namespace), family.GetName())
				}
			}
		}
	})
})

// delay is how often a grant was noted to have ended, and by how many seconds too late all together.
func delay() (times, seconds float64) {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() == "bailiwick_expiry_lateness_seconds" {
			histogram := family.GetMetric()[0].GetHistogram()
			return float64(histogram.GetSampleCount()), histogram.GetSampleSum()
		}
	}
	Fail("bailiwick_expiry_lateness_seconds is not there")
	return 0, 0
}
