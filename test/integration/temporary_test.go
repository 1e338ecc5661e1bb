package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A temporary grant", func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w = newWorld()
		noon = time.Now().Truncate(time.Second).Add(time.Hour)
	})
	vision := v1alpha1.Scope{Workspace: "prod", Project: "vision"}

	It("[G7] holds from its start to its deadline, to the instant", func() {
		g := build.TemporaryPermissionGrant(w.Namespace, "g").ToUser("alice").Grants(w.Delete).At(vision).From(noon).Until(noon.Add(8 * time.Hour)).Obj()
		create(g)
		Eventually(reason(g)).Should(Equal(v1alpha1.ReasonPending))
		may := w.may("alice", w.Delete, w.object("42", "prod", "vision"))
		parent := w.may("alice", w.Delete, w.at("prod", "vision"))

		op.clock.StopAt(noon.Add(-time.Second))
		Expect(parent()).To(BeFalse())
		op.clock.StopAt(noon.Add(-time.Nanosecond))
		Expect(parent()).To(BeFalse())
		op.clock.StopAt(noon)
		Expect(parent()).To(BeTrue())
		Eventually(reason(g)).Should(Equal(v1alpha1.ReasonInForce))
		Expect(may()).To(BeFalse(), "an object that nothing names is asked at its project")

		op.clock.StopAt(noon.Add(8*time.Hour - time.Nanosecond))
		Expect(parent()).To(BeTrue())
		op.clock.StopAt(noon.Add(8 * time.Hour))
		Expect(parent()).To(BeFalse())
		Eventually(reason(g)).Should(Equal(v1alpha1.ReasonExpired))
		Eventually(w.inStore).ShouldNot(ContainElement(ContainSubstring("grant_")))

		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
		Expect(g.Status.Phase).To(Equal(v1alpha1.PhaseExpired))
		Expect(g.Status.InForce).To(BeFalse())
		Expect(g.Status.ExpiresAt.UTC()).To(Equal(noon.Add(8 * time.Hour).UTC()))
	})
})
