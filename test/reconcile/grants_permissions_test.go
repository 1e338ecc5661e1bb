package reconcile

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The permissions of a grant", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[A1] are given to the members of a group", func() {
		g := w.grant("g").ToGroup("devs").Grants(w.View, w.Delete).InProject("prod", "vision").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(observed(g).Status.Subject).To(Equal("group/devs"))
		Expect(w.groupMay(w.View, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.groupMay(w.Delete, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.groupMay(w.Edit, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.groupMay(w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeFalse(), "who is no member")
		remove(g)
		Expect(w.groupMay(w.View, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.groupMay(w.Delete, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[A1] [A4] are taken down by none that is wrong, and each that is wrong is named", func() {
		g := w.grant("g").ToUser("alice").Grants(w.View, w.Namespace+":Nothing").
			GrantsIf(w.Edit, build.Equals("floor", "abc")).
			GrantsIf(w.Edit, build.Equals("shape", "round")).
			GrantsIf(w.Edit, build.Equals("color", "red")).
			Grants(w.Delete).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonPermissionsInvalid, "3 of 6", w.Namespace+":Nothing")
		status := observed(g).Status
		Expect(status.InForce).To(BeTrue())
		Expect(status.Permissions).To(HaveExactElements(
			haveOutcome(w.View, v1alpha1.ReasonGranted),
			haveOutcome(w.Namespace+":Nothing", v1alpha1.ReasonPermissionNotFound, w.Namespace+":Nothing"),
			haveOutcome(w.Edit, v1alpha1.ReasonValueInvalid, "floor", "abc"),
			haveOutcome(w.Edit, v1alpha1.ReasonAttributeNotFound, "shape", "color, draft, floor"),
			haveOutcome(w.Edit, v1alpha1.ReasonGranted),
			haveOutcome(w.Delete, v1alpha1.ReasonGranted),
		))
		expectOthers := func(inRed bool) {
			GinkgoHelper()
			Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
			Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
			Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red"})()).To(Equal(inRed))
		}
		expectOthers(true)
		Expect(w.may("alice", w.Namespace+":Nothing", w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"floor": "abc", "shape": "round"})()).To(BeFalse())

		By("mending each where it is wrong, and taking out one that is not: three of a permission cost an external store too much")
		catalogue := build.ResourceType(w.Namespace).Obj()
		edit(catalogue, func(t *v1alpha1.ResourceType) {
			t.Spec.Permissions = append(t.Spec.Permissions, v1alpha1.Permission{Name: w.Namespace + ":Nothing"})
			t.Spec.Permissions[2].Attributes = append(t.Spec.Permissions[2].Attributes, build.String("shape"))
		})
		edit(g, func(g *v1alpha1.PermissionGrant) {
			g.Spec.Permissions[2] = w.grant("").GrantsIf(w.Edit, build.Equals("floor", "3")).Obj().Spec.Permissions[0]
			g.Spec.Permissions = slices.Delete(g.Spec.Permissions, 4, 5)
		})
		expectReason(g, v1alpha1.ReasonInForce)
		expectOthers(false)
		Expect(w.may("alice", w.Namespace+":Nothing", w.at())()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"floor": 3})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"shape": "round"})()).To(BeTrue())

		remove(g)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Namespace+":Nothing", w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"floor": 3, "shape": "round", "color": "red"})()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[A1] give nothing when all of them are wrong, and nothing is in force", func() {
		g := w.grant("g").ToUser("alice").Grants(w.Namespace+":Nothing", w.Namespace+":Either").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonPermissionsInvalid, "2 of 2")
		Expect(observed(g).Status.InForce).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
		remove(g)
	})

	It("[A1] hold where any of several entries of a permission does", func() {
		g := w.grant("g").ToUser("alice").GrantsIf(w.Edit, build.Equals("color", "red")).GrantsIf(w.Edit, build.NotEquals("floor", "3")).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 3})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "blue", "floor": 4})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "blue", "floor": 3})()).To(BeFalse())
		edit(g, func(g *v1alpha1.PermissionGrant) { g.Spec.Permissions[0].Conditions = nil })
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "blue", "floor": 3})()).To(BeTrue())
		remove(g)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 4})()).To(BeFalse())
	})
})
