package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A grant of what the catalogue does not know", func() {
	var (
		w     *world
		sheet *v1alpha1.ResourceType
		count string
	)
	BeforeEach(func() {
		w = newWorld()
		count = w.Namespace + ":Count"
		sheet = build.ResourceType(w.Namespace + "-sheet").Permits(count).Obj()
	})

	It("[A4] names each permission that nobody declares, and gives it as soon as somebody does", func() {
		g := w.grant("g").ToUser("alice").Grants(count, w.View, w.Namespace+":Nothing").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonPermissionsInvalid, "2 of 3")
		Expect(observed(g).Status.Permissions).To(HaveExactElements(
			haveOutcome(count, v1alpha1.ReasonPermissionNotFound, count),
			haveOutcome(w.View, v1alpha1.ReasonGranted),
			haveOutcome(w.Namespace+":Nothing", v1alpha1.ReasonPermissionNotFound, w.Namespace+":Nothing")))
		Expect(w.may("alice", count, w.at())()).To(BeFalse())

		create(sheet.DeepCopy())
		Eventually(func() []v1alpha1.PermissionOutcome { return observed(g).Status.Permissions }).Should(HaveExactElements(
			haveOutcome(count, v1alpha1.ReasonGranted),
			haveOutcome(w.View, v1alpha1.ReasonGranted),
			haveOutcome(w.Namespace+":Nothing", v1alpha1.ReasonPermissionNotFound)))
		Expect(w.may("alice", count, w.at())()).To(BeTrue())

		remove(sheet.DeepCopy())
		Expect(w.may("alice", count, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
	})

	It("[A4] names a permission of another model, on one object and on all of them", func() {
		create(sheet.DeepCopy())
		grants := []*v1alpha1.PermissionGrant{
			w.grant("object").ToUser("alice").Grants(count, w.View).InWorkspace("prod").OnResource(w.Type, "42").Obj(),
			w.grant("every").ToUser("alice").Grants(count, w.View).InWorkspace("lab").OnEvery(w.Type).Obj(),
		}
		for _, g := range grants {
			create(g)
			expectReason(g, v1alpha1.ReasonPermissionsInvalid, "1 of 2", count, sheet.Spec.Type, w.Type)
			Expect(observed(g).Status.Permissions).To(HaveExactElements(
				haveOutcome(count, v1alpha1.ReasonPermissionOfOtherType, count, sheet.Spec.Type, w.Type),
				haveOutcome(w.View, v1alpha1.ReasonGranted)))
		}
		Expect(w.may("alice", w.View, w.object("42", "prod", ""))()).To(BeTrue())
		Expect(w.may("alice", count, w.object("42", "prod", ""))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeTrue())
		Expect(w.may("alice", count, w.at("lab"))()).To(BeFalse())

		By("moving the permission to that model")
		remove(sheet.DeepCopy())
		edit(build.ResourceType(w.Namespace).Obj(), func(t *v1alpha1.ResourceType) {
			t.Spec.Permissions = append(t.Spec.Permissions, v1alpha1.Permission{Name: count})
		})
		for _, g := range grants {
			expectReason(g, v1alpha1.ReasonInForce)
		}
		Expect(w.may("alice", count, w.object("42", "prod", ""))()).To(BeTrue())
		Expect(w.may("alice", count, w.at("lab"))()).To(BeTrue())

		for _, g := range grants {
			remove(g)
		}
		Expect(w.may("alice", count, w.object("42", "prod", ""))()).To(BeFalse())
		Expect(w.may("alice", count, w.at("lab"))()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[A4] names them in a temporary grant as well", func() {
		create(sheet.DeepCopy())
		wrong := map[string]*v1alpha1.TemporaryPermissionGrant{
			v1alpha1.ReasonPermissionNotFound:    w.temporary("permission").Grants(w.Namespace + ":Nothing").Obj(),
			v1alpha1.ReasonAttributeNotFound:     w.temporary("attribute").Grants(w.Edit, build.Equals("shape", "round")).Obj(),
			v1alpha1.ReasonValueInvalid:          w.temporary("value").Grants(w.Edit, build.Equals("floor", "abc")).Obj(),
			v1alpha1.ReasonPermissionOfOtherType: w.temporary("type").Grants(count).OnResource(w.Type, "42").Obj(),
		}
		for why, g := range wrong {
			g.Spec.User = "alice"
			g.Spec.Duration = new(v1alpha1.Duration("PT1H"))
			create(g)
			expectReason(g, v1alpha1.ReasonPermissionsInvalid, "1 of 1")
			// The catalogue may be seen after the grant.
			Eventually(func() []v1alpha1.PermissionOutcome { return observed(g).Status.Permissions }).
				Should(HaveExactElements(haveOutcome(g.Spec.PermissionGrant.Permission, why)))
			status := observed(g).Status
			Expect(status.Phase).To(Equal(v1alpha1.PhaseActive))
			Expect(status.InForce).To(BeFalse())
			Expect(status.ExpiresAt).NotTo(BeNil())
		}
		unknown := w.temporary("model").ToUser("alice").Grants(count).OnResource(w.Namespace+".nothing", "42").For("PT1H").Obj()
		create(unknown)
		expectReason(unknown, v1alpha1.ReasonResourceTypeNotFound, w.Namespace+".nothing")
		Expect(w.granted()).NotTo(ContainElement(ContainSubstring("grant_")))
	})
})
