package reconcile

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

	It("[Z2] ends with the group, and is back with it", func() {
		devs := build.Group(w.Namespace, "devs")
		remove(devs.Obj())
		Expect(w.groupMay(w.Edit, w.at("prod"))()).To(BeFalse())
		expectReason(assigned, v1alpha1.ReasonGroupNotFound, "spec.subject.group", "devs", "create it")

		create(devs.Obj())
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.groupMay(w.Edit, w.at("prod"))()).To(BeTrue())
	})
})

var _ = Describe("A role assignment to someone of another organization", func() {

	It("[Z4] gives a person who is in both what each organization says, and no more", func() {
		here, there := newWorld(), newWorld()
		same := build.User(here.Namespace, "carol").KnownAs("carol@both-" + here.Namespace).Obj()
		also := build.User(there.Namespace, "carol").KnownAs(same.Spec.Subject).Obj()
		assigned := here.assignment("carol", "editor").ToUser("carol").Obj()
		create(same, also, assigned)
		expectReason(also, v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)

		asks := func(object string) (bool, error) {
			return op.may(question{User: "user:" + same.Spec.Subject, Permission: here.View, Object: object})
		}
		Expect(asks(here.at("prod"))).To(BeTrue())
		Expect(asks(there.at("prod"))).To(BeFalse())

		remove(also)
		Expect(asks(here.at("prod"))).To(BeTrue(), "what the other organization takes away is its own")
	})
})
