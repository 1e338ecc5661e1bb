package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A role assignment to a group", func() {
	var (
		w        *world
		assigned *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld()
		assigned = w.assignment("devs-edit", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
	})

	It("[Z2] gives its members the role, there and below, and nobody else", func() {
		Expect(w.groupMay(w.Edit, w.at("prod"))()).To(BeTrue())
		Expect(w.groupMay(w.View, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.groupMay(w.Delete, w.at("prod"))()).To(BeFalse(), "the role does not give it")
		Expect(w.groupMay(w.Edit, w.at())()).To(BeFalse(), "the organization is above")
		Expect(w.groupMay(w.Edit, w.at("lab"))()).To(BeFalse(), "another workspace")
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse(), "not a member")

		remove(assigned)
		Expect(w.groupMay(w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.groupMay(w.View, w.at("prod", "vision"))()).To(BeFalse())
	})
})

var _ = Describe("A role assignment to someone of another organization", func() {
	It("[Z4] gives nothing, whether a user or a group", func() {
		here, there := newWorld(), newWorld()
		create(there.user("carol"), build.Group(there.Namespace, "crew").Obj())
		toUser := here.assignment("carol", "editor").ToUser("carol").Obj()
		toGroup := here.assignment("crew", "editor").ToGroup("crew").Obj()
		create(toUser, toGroup)
		expectReason(toUser, v1alpha1.ReasonUserNotFound, "spec.subject.user", "no User carol in this namespace")
		expectReason(toGroup, v1alpha1.ReasonGroupNotFound, "spec.subject.group", "no Group crew in this namespace")

		ask := func(object string) []bool {
			GinkgoHelper()
			var answers []bool
			for _, user := range []string{"user:carol@" + there.Namespace, "group:" + there.Namespace + "/crew#member"} {
				answer, err := op.may(question{User: user, Permission: here.View, Object: object})
				Expect(err).NotTo(HaveOccurred())
				answers = append(answers, answer)
			}
			return answers
		}
		Expect(ask(here.at())).To(HaveEach(BeFalse()))
		Expect(ask(there.at())).To(HaveEach(BeFalse()))

		By("with a user and a group of its own, of the same names")
		create(here.user("carol"), build.Group(here.Namespace, "crew").Obj())
		expectReason(toUser, v1alpha1.ReasonInForce)
		expectReason(toGroup, v1alpha1.ReasonInForce)
		Expect(here.may("carol", here.View, here.at())()).To(BeTrue())
		Expect(ask(here.at())).To(HaveEach(BeFalse()))
		Expect(ask(there.at())).To(HaveEach(BeFalse()))
	})
})
