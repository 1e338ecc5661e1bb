package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Grants that name what is not there", func() {

	It("[K3] [K5] wait for a group in the same way", func() {
		w := newWorld()
		group := build.Group(w.Namespace, "devs")
		remove(group.Obj())
		g := w.grant("g").ToGroup("devs").Grants(w.View).Obj()
		create(g)
		for range 2 {
			expectReason(g, v1alpha1.ReasonGroupNotFound, "spec.subject.group", "no Group devs", "correct the name, or create it")
			Expect(w.groupMay(w.View, w.at())()).To(BeFalse())
			create(group.Obj())
			expectReason(g, v1alpha1.ReasonInForce)
			Expect(w.groupMay(w.View, w.at())()).To(BeTrue())
			remove(group.Obj())
			Expect(w.groupMay(w.View, w.at())()).To(BeFalse())
			Expect(w.granted()).To(BeEmpty())
		}
	})
})

var _ = Describe("Grants to a user", func() {
	var (
		w                 *world
		lasting, fleeting v1alpha1.Object
	)
	BeforeEach(func() {
		w = newWorld()
		lasting = w.grant("lasting").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj()
		fleeting = w.temporary("fleeting").ToUser("alice").Grants(w.Edit, build.Equals("color", "red")).InProject("prod", "vision").OnResource(w.Type, "42").For("PT1H").Obj()
		create(lasting, fleeting)
		expectReason(lasting, v1alpha1.ReasonInForce)
		expectReason(fleeting, v1alpha1.ReasonInForce)
	})
	expectAccess := func(user string, want bool) {
		GinkgoHelper()
		Expect(w.may(user, w.View, w.at("prod"))()).To(Equal(want))
		Expect(w.may(user, w.Edit, w.object("42", "prod", "vision"), attributes{"color": "red"})()).To(Equal(want))
	}

	It("[K9] go with the namespace, and leave nothing in the store", func() {
		Expect(k8sClient.Delete(ctx, namespaceNamed(w.Namespace))).To(Succeed())
		Eventually(func() error {
			return k8sClient.Get(ctx, client.ObjectKeyFromObject(lasting), lasting)
		}).ShouldNot(Succeed())
		remove(namespaceNamed(w.Namespace), build.Organization(w.Namespace).Obj())
		expectAccess("alice", false)
		Expect(w.inStore()).To(BeEmpty())
	})
})
