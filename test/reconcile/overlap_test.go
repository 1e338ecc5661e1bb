package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Assignments that give the same", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// both makes two assignments and waits until they hold.
	both := func(first, second *build.RoleAssignmentBuilder) (*v1alpha1.RoleAssignment, *v1alpha1.RoleAssignment) {
		GinkgoHelper()
		a, b := first.Obj(), second.Obj()
		create(a, b)
		expectReason(a, v1alpha1.ReasonInForce)
		expectReason(b, v1alpha1.ReasonInForce)
		return a, b
	}
	nothingIsGiven := func() {
		GinkgoHelper()
		Expect(w.inStore()).NotTo(ContainElement(MatchRegexp("assignee|slot_")))
	}

	It("[K2] end when both are deleted at one moment", func() {
		for range 10 {
			a, b := both(
				w.assignment("one", "editor").ToUser("alice").InWorkspace("prod"),
				w.assignment("two", "editor").ToUser("alice").InWorkspace("prod"))
			atOnce(
				func() error { return k8sClient.Delete(ctx, a) },
				func() error { return k8sClient.Delete(ctx, b) },
			)
			remove(a, b)
			Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
			nothingIsGiven()
		}
	})

	It("[K2] hold when one is deleted at the moment at which another comes", func() {
		one, two := w.assignment("one", "editor").ToUser("alice").InWorkspace("prod"), w.assignment("two", "editor").ToUser("alice").InWorkspace("prod")
		create(one.Obj())
		expectReason(one.Obj(), v1alpha1.ReasonInForce)
		for range 10 {
			atOnce(
				func() error { return k8sClient.Delete(ctx, one.Obj()) },
				func() error { return k8sClient.Create(ctx, two.Obj()) },
			)
			remove(one.Obj())
			expectReason(two.Obj(), v1alpha1.ReasonInForce)
			Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeTrue())
			one, two = two, one
		}
		remove(one.Obj())
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
	})

	It("[K2] by different roles each keep what only they give", func() {
		create(build.Role(w.Namespace, "cleaner").Grants(w.View, w.Delete).Obj())
		edits, cleans := both(
			w.assignment("edits", "editor").ToUser("alice").InWorkspace("prod"),
			w.assignment("cleans", "cleaner").ToUser("alice").InWorkspace("prod"))
		remove(edits)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		Expect(w.may("alice", w.Delete, w.at("prod"))()).To(BeTrue())
		remove(cleans)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		nothingIsGiven()
	})

	It("[K2] at different scopes hold where the other does not reach", func() {
		wide, narrow := both(
			w.assignment("wide", "editor").ToUser("alice"),
			w.assignment("narrow", "editor").ToUser("alice").InProject("prod", "vision"))
		remove(wide)
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		remove(narrow)
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeFalse())
	})

	It("[K2] on one resource keep it in its place until the last is gone", func() {
		create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
		toAlice, toBob := both(
			w.assignment("alice", "reader").ToUser("alice").InProject("prod", "vision").OnResource(w.Type, "42"),
			w.assignment("bob", "reader").ToUser("bob").InProject("prod", "vision").OnResource(w.Type, "42"))
		above := w.assignment("above", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		create(above)
		expectReason(above, v1alpha1.ReasonInForce)
		Expect(w.groupMay(w.Edit, w.object("42", "prod", "vision"))()).To(BeTrue(), "held above the resource")
		remove(toAlice)
		Expect(w.may("alice", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeTrue())
		Expect(w.groupMay(w.Edit, w.object("42", "prod", "vision"))()).To(BeTrue())
		remove(toBob)
		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		Expect(w.inStore()).NotTo(ContainElement(HavePrefix("resource:")))
	})
})
