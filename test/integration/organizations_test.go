package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

var _ = Describe("An Organization", func() {

	It("[K9] that is deleted ends all that holds in its namespace, and brings it back", func() {
		w := newWorld()
		create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
		toUser := w.assignment("user", "editor").ToUser("alice").Obj()
		toGroup := w.assignment("group", "editor").ToGroup("devs").InProject("prod", "vision").Obj()
		onResource := w.assignment("resource", "reader").ToUser("bob").InProject("prod", "vision").OnResource(w.Type, "42").Obj()
		create(toUser, toGroup, onResource)
		assignments := []*v1alpha1.RoleAssignment{toUser, toGroup, onResource}
		for _, assigned := range assignments {
			expectReason(assigned, v1alpha1.ReasonInForce)
		}
		before, err := w.inStore()
		Expect(err).NotTo(HaveOccurred())
		holds := func() []bool {
			GinkgoHelper()
			var answers []bool
			for _, ask := range []func() (bool, error){
				w.may("alice", w.Edit, w.at()), w.may("alice", w.Edit, w.at("lab", "vision")),
				w.groupMay(w.View, w.at("prod", "vision")), w.may("bob", w.View, w.object("42", "prod", "vision")),
			} {
				answer, err := ask()
				Expect(err).NotTo(HaveOccurred())
				answers = append(answers, answer)
			}
			return answers
		}
		Expect(holds()).To(HaveEach(BeTrue()))

		organization := build.Organization(w.Namespace).OwnedBy("alice").Workspace("prod", "vision", "speech").Workspace("lab", "vision")
		remove(organization.Obj())
		Expect(holds()).To(HaveEach(BeFalse()))
		Expect(w.allInStore()).To(BeEmpty())
		for _, object := range []v1alpha1.Object{
			toUser, toGroup, onResource, w.user("alice"), build.Group(w.Namespace, "devs").Obj(), build.Role(w.Namespace, "editor").Obj(),
		} {
			expectReason(object, v1alpha1.ReasonOrganizationNotFound, "no Organization is named "+w.Namespace, "create it")
		}

		create(organization.Obj())
		for _, assigned := range assignments {
			expectReason(assigned, v1alpha1.ReasonInForce)
			Expect(assigned).To(haveGeneration(1))
		}
		Expect(holds()).To(HaveEach(BeTrue()))
		Expect(w.inStore()).To(ConsistOf(before))
	})
})

var _ = Describe("A namespace", func() {

	It("[K9] that is deleted with everything in it goes, and leaves nothing in the store", func() {
		w := newWorld()
		create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
		objects := []*v1alpha1.RoleAssignment{
			w.assignment("user", "editor").ToUser("alice").Obj(),
			w.assignment("group", "editor").ToGroup("devs").InProject("prod", "vision").Obj(),
			w.assignment("resource", "reader").ToUser("bob").InProject("prod", "vision").OnResource(w.Type, "42").Obj(),
		}
		for _, assigned := range objects {
			create(assigned)
		}
		create(w.assignment("broken", "nothing").ToUser("nobody").InWorkspace("nowhere").Obj())
		for _, assigned := range objects {
			expectReason(assigned, v1alpha1.ReasonInForce)
		}

		remove(namespaceNamed(w.Namespace))
		Expect(w.may("alice", w.Edit, w.at())()).To(BeFalse())
		Expect(w.groupMay(w.Edit, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		Expect(w.allInStore()).NotTo(ContainElement(MatchRegexp("assignee|slot_")))
		expectReason(build.Organization(w.Namespace).Obj(), v1alpha1.ReasonNamespaceNotFound, "create it")
		Expect(w.allInStore()).To(BeEmpty())

		By("the same again")
		create(namespaceNamed(w.Namespace), w.user("alice"), build.Role(w.Namespace, "editor").Grants(w.Edit).Obj())
		again := w.assignment("user", "editor").ToUser("alice").Obj()
		create(again)
		expectReason(again, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeTrue())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
	})
})
