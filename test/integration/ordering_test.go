package integration

import (
	"math"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A condition that orders Numbers", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	below, above := math.Nextafter(1000, 0), math.Nextafter(1000, 2000)
	given := func(condition build.Condition) {
		GinkgoHelper()
		role := build.Role(w.Namespace, "conditional").GrantsIf(w.Edit, condition).Grants(w.View).Obj()
		assigned := w.assignment("a", "conditional").ToUser("alice").Obj()
		create(role, assigned)
		expectReason(role, v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)
	}
	may := func(a attributes) bool {
		GinkgoHelper()
		allowed, err := w.may("alice", w.Edit, w.at("prod"), a)()
		Expect(err).NotTo(HaveOccurred(), "with %.100v", a)
		return allowed
	}

	DescribeTable("[G2] [G4] is met by the numbers on its side of the bound, and by nothing that is no number",
		func(condition build.Condition, met, unmet []float64) {
			given(condition)
			for _, number := range met {
				Expect(may(attributes{"floor": number})).To(BeTrue(), "%v", number)
			}
			for _, number := range unmet {
				Expect(may(attributes{"floor": number})).To(BeFalse(), "%v", number)
			}
			for _, other := range otherThanNumbers("floor") {
				Expect(may(other)).To(BeFalse(), "%.100v", other)
				Expect(w.may("alice", w.View, w.at("prod"), other)()).To(BeTrue(), "another permission, with %.100v", other)
			}
		},
		Entry("less", build.LessThan("floor", "1000"), []float64{-5, 0, 999, below}, []float64{1000, above, 1e300}),
		Entry("at most", build.AtMost("floor", "1e3"), []float64{-1e300, 999, 1000}, []float64{above, 1001}),
		Entry("more", build.GreaterThan("floor", "1000.0"), []float64{above, 1e300}, []float64{1000, below, 0, -1e300}),
		Entry("at least", build.AtLeast("floor", "1000"), []float64{1000, 1001}, []float64{below, 999, -1000}),
		Entry("less than zero", build.LessThan("floor", "0"), []float64{-math.SmallestNonzeroFloat64, -1}, []float64{0, math.Copysign(0, -1), 1}),
	)

	DescribeTable("[G3] is a fault where the attribute is no Number", func(condition build.Condition, attribute, kind string) {
		role := build.Role(w.Namespace, "conditional").GrantsIf(w.Edit, condition).Grants(w.View).Obj()
		create(role)
		expectReason(role, v1alpha1.ReasonPermissionsInvalid, "1 of 2 entries", "conditions["+attribute+"]")
		Eventually(faultsOf(role)).Should(HaveExactElements(And(
			HaveField("Permission", w.Edit), HaveField("Reason", v1alpha1.ReasonValueInvalid),
			HaveField("Message", containAll([]string{"conditions[" + attribute + "]", "compares Numbers", kind, "use Equals, NotEquals or In"}...)))))
	},
		Entry("but a String", build.AtMost("color", "3"), "color", "String"),
		Entry("but a Boolean", build.GreaterThan("draft", "0"), "draft", "Boolean"),
	)

	It("[G12] covers what is given within its bound, and nothing beyond", func() {
		create(w.user("carol"), w.grant("carol").ToUser("carol").GrantsIf(w.Edit, build.AtMost("floor", "1000")).Obj())
		expectReason(w.grant("carol").Obj(), v1alpha1.ReasonInForce)
		carol := w.editor("carol")
		give := func(name string, conditions ...build.Condition) error {
			return carol.Create(ctx, w.grant(name).ToUser("bob").GrantsIf(w.Edit, conditions...).Obj())
		}
		Expect(give("c1", build.AtMost("floor", "500"))).To(Succeed())
		Expect(give("c2", build.LessThan("floor", "1000"))).To(Succeed())
		Expect(give("c3", build.Equals("floor", "1000"))).To(Succeed())
		Expect(give("c4", build.In("floor", "1", "2"), build.Equals("color", "red"))).To(Succeed())
		Expect(give("c5", build.AtMost("floor", "1000.5"))).To(beRefused(w.Edit, "conditions on floor"))
		Expect(give("c6", build.AtLeast("floor", "500"))).To(beRefused(w.Edit))
		Expect(give("c7", build.In("floor", "1", "1001"))).To(beRefused(w.Edit))
		Expect(give("c8", build.NotEquals("floor", "1001"))).To(beRefused(w.Edit))
		Expect(give("c9")).To(beRefused(w.Edit))

		By("widening an own grant")
		wider := w.grant("c1").Obj()
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(wider), wider)).To(Succeed())
		wider.Spec.Permissions[0].Conditions["floor"] = v1alpha1.AttributeCondition{Type: v1alpha1.ConditionGreaterThan, Value: new("0")}
		Expect(carol.Update(ctx, wider)).To(beRefused(w.Edit))
	})

	It("[G2] is named where it is explained", func() {
		given(build.AtMost("floor", "1000"))
		viewer := w.newPerson("viewer").asks(w.Namespace)
		explained := func(floor string) string {
			GinkgoHelper()
			return viewer.authz("explain", w.Edit, "--user=alice", "--scope=prod", "--attribute=floor="+floor).Out
		}
		Expect(explained("500")).To(ContainSubstring("floor LessThanOrEqual 1000 (met)"))
		Expect(explained("1001")).To(ContainSubstring("the condition floor LessThanOrEqual 1000 is not met: floor is 1001"))
	})
})
