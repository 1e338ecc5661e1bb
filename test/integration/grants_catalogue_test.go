package integration

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

	It("[A4] names the model that nobody declares, and gives nothing until somebody does", func() {
		g := w.grant("g").ToUser("alice").Grants(count).OnResource(sheet.Spec.Type, "42").Obj()
		every := w.grant("every").ToUser("alice").Grants(count).InWorkspace("prod").OnEvery(sheet.Spec.Type).Obj()
		create(g, every)
		expectReason(g, v1alpha1.ReasonResourceTypeNotFound, "spec.scope.resource.type", sheet.Spec.Type)
		expectReason(every, v1alpha1.ReasonResourceTypeNotFound, "spec.scope.resource.type", sheet.Spec.Type)
		Expect(observed(g).Status.InForce).To(BeFalse())
		Expect(observed(g).Status.Permissions).To(BeEmpty(), "nothing is wrong with what it gives")
		Expect(w.granted()).To(BeEmpty())

		create(sheet.DeepCopy())
		expectReason(g, v1alpha1.ReasonInForce)
		expectReason(every, v1alpha1.ReasonInForce)
		Expect(w.may("alice", count, w.objectOf(sheet.Spec.Type, "42", "", ""))()).To(BeTrue())
		Expect(w.may("alice", count, w.at("prod"))()).To(BeTrue())

		remove(sheet.DeepCopy())
		Expect(w.may("alice", count, w.objectOf(sheet.Spec.Type, "42", "", ""))()).To(BeFalse())
		Expect(w.may("alice", count, w.at("prod"))()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
		expectReason(g, v1alpha1.ReasonResourceTypeNotFound)
	})
})
