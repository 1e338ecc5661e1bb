package integration

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/schema"
)

var _ = Describe("The life of a temporary grant", func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
	})

	It("[G5] [G7] ends at expiresAt, which is shown in UTC whatever zone it was written in", func() {
		deadline := noon.Add(time.Hour)
		g := schema.Manifest("TemporaryPermissionGrant", "g", fmt.Sprintf(`
user: alice
permissionGrant: {permission: %q}
justification: needed for the incident
expiresAt: %s`, w.View, deadline.In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339)))
		g.SetNamespace(w.Namespace)
		create(g)
		typed := w.temporary("g").Obj()
		expectReason(typed, v1alpha1.ReasonInForce)
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
		Expect(g.Object["status"]).To(HaveKeyWithValue("expiresAt", deadline.UTC().Format("2006-01-02T15:04:05Z")))
		Expect(g.Object["spec"]).To(HaveKeyWithValue("expiresAt", ContainSubstring("+05:30")), "as the user wrote it")
		expectFrom(deadline, false, w.may("alice", w.View, w.at()))
		expectReason(typed, v1alpha1.ReasonExpired)
	})

	It("[G9] can be followed by listing what is in a phase", func() {
		for name, b := range map[string]*build.TemporaryPermissionGrantBuilder{
			"first": w.temporary("first").Until(noon), "second": w.temporary("second").From(noon).Until(noon.Add(time.Hour)),
		} {
			create(b.ToUser("alice").Grants(w.View).OnResource(w.Type, name).Obj())
		}
		mayFirst, maySecond := w.may("alice", w.View, w.object("first", "", "")), w.may("alice", w.View, w.object("second", "", ""))
		listed := func() string {
			GinkgoHelper()
			var names []string
			for _, phase := range []v1alpha1.GrantPhase{v1alpha1.PhasePending, v1alpha1.PhaseActive, v1alpha1.PhaseExpired} {
				var found v1alpha1.TemporaryPermissionGrantList
				Expect(k8sClient.List(ctx, &found, client.InNamespace(w.Namespace), client.MatchingFields{"status.phase": string(phase)})).To(Succeed())
				for _, g := range found.Items {
					names = append(names, fmt.Sprint(g.Name, " ", phase))
				}
			}
			return fmt.Sprint(names)
		}
		Eventually(listed).Should(Equal("[second Pending first Active]"))
		Expect(mayFirst()).To(BeTrue())
		Expect(maySecond()).To(BeFalse())
		op.clock.StopAt(noon)
		Eventually(listed).Should(Equal("[second Active first Expired]"))
		Expect(mayFirst()).To(BeFalse())
		Expect(maySecond()).To(BeTrue())
		op.clock.StopAt(noon.Add(time.Hour))
		Eventually(listed).Should(Equal("[first Expired second Expired]"))
		Expect(maySecond()).To(BeFalse())
	})
})
