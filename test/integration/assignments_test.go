package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A role assignment", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[Z2] gives a user the role, there and below, and takes it away when it is deleted", func() {
		assigned := w.assignment("alice-edits", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		Eventually(reason(assigned)).Should(Equal(v1alpha1.ReasonInForce))

		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.may("alice", w.Delete, w.at("prod"))()).To(BeFalse(), "the role does not give it")
		Expect(w.may("alice", w.Edit, w.at())()).To(BeFalse(), "the organization is above")
		Expect(w.may("alice", w.Edit, w.at("lab", "vision"))()).To(BeFalse(), "another workspace")
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse(), "another user")

		remove(assigned)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeFalse())
	})

	It("[Z7] is revoked at its own scope only", func() {
		vision := w.assignment("vision", "editor").ToUser("alice").InProject("prod", "vision").Obj()
		speech := w.assignment("speech", "editor").ToUser("alice").InProject("prod", "speech").Obj()
		create(vision, speech)
		Eventually(reason(vision)).Should(Equal(v1alpha1.ReasonInForce))
		Eventually(reason(speech)).Should(Equal(v1alpha1.ReasonInForce))

		remove(vision)
		Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("prod", "speech"))()).To(BeTrue())
	})

	It("[Z6] of a share role holds on one object", func() {
		create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
		shared := w.assignment("shared", "reader").ToUser("bob").InProject("prod", "vision").OnResource(w.Type, "42").Obj()
		create(shared)
		Eventually(reason(shared)).Should(Equal(v1alpha1.ReasonInForce))

		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeTrue())
		Expect(w.may("bob", w.View, w.object("43", "prod", "vision"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.object("42", "lab", "vision"))()).To(BeFalse(), "the same id elsewhere")
		Expect(w.may("bob", w.View, w.at("prod", "vision"))()).To(BeFalse())
	})
})
