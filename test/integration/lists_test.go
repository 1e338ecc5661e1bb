package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The assignments of a role", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		assigned := []*v1alpha1.RoleAssignment{
			w.assignment("alice-org", "editor").ToUser("alice").Obj(),
			w.assignment("alice-vision", "editor").ToUser("alice").InProject("prod", "vision").Obj(),
			w.assignment("bob-speech", "editor").ToUser("bob").InProject("prod", "speech").Obj(),
			w.assignment("devs-prod", "editor").ToGroup("devs").InWorkspace("prod").Obj(),
			w.assignment("devs-lab-vision", "editor").ToGroup("devs").InProject("lab", "vision").Obj(),
			w.assignment("bob-reads", "reader").ToUser("bob").InProject("prod", "vision").Obj(),
		}
		create(build.Role(w.Namespace, "reader").Grants(w.View).Obj())
		for _, assignment := range assigned {
			create(assignment)
		}
		for _, assignment := range assigned {
			expectReason(assignment, v1alpha1.ReasonInForce)
		}
	})

	listed := func(fields client.MatchingFields) []string {
		GinkgoHelper()
		var found v1alpha1.RoleAssignmentList
		Expect(k8sClient.List(ctx, &found, client.InNamespace(w.Namespace), fields)).To(Succeed())
		return names(found.Items)
	}

	It("[Z1] are listed, users and groups alike", func() {
		Expect(listed(client.MatchingFields{"spec.roleRef.name": "editor"})).To(ConsistOf(
			"alice-org", "alice-vision", "bob-speech", "devs-prod", "devs-lab-vision"))
		Expect(listed(client.MatchingFields{"spec.roleRef.name": "reader"})).To(ConsistOf("bob-reads"))
		Expect(listed(client.MatchingFields{"spec.roleRef.name": "admin"})).To(BeEmpty())
	})

	It("[Z1] are narrowed to a workspace and to a project, and are those that hold there", func() {
		inProd := client.MatchingFields{"spec.roleRef.name": "editor", "spec.scope.workspace": "prod"}
		Expect(listed(inProd)).To(ConsistOf("alice-vision", "bob-speech", "devs-prod"))
		inSpeech := client.MatchingFields{"spec.roleRef.name": "editor", "spec.scope.workspace": "prod", "spec.scope.project": "speech"}
		Expect(listed(inSpeech)).To(ConsistOf("bob-speech"))
		Expect(w.may("bob", w.Edit, w.at("prod", "speech"))()).To(BeTrue())
		Expect(w.groupMay(w.Edit, w.at("prod", "speech"))()).To(BeTrue(), "given at the workspace")
		Expect(listed(client.MatchingFields{"spec.scope.workspace": "lab", "spec.scope.project": "vision"})).To(ConsistOf("devs-lab-vision"))

		remove(w.assignment("bob-speech", "editor").Obj())
		Expect(listed(inSpeech)).To(BeEmpty())
		Expect(w.may("bob", w.Edit, w.at("prod", "speech"))()).To(BeFalse())
	})

	It("[Z1] come in pages", func() {
		var all []string
		pages := 0
		page := v1alpha1.RoleAssignmentList{}
		for {
			options := []client.ListOption{
				client.InNamespace(w.Namespace), client.MatchingFields{"spec.roleRef.name": "editor"},
				client.Limit(2), client.Continue(page.Continue),
			}
			page = v1alpha1.RoleAssignmentList{}
			Expect(k8sClient.List(ctx, &page, options...)).To(Succeed())
			Expect(len(page.Items)).To(BeNumerically("<=", 2))
			all = append(all, names(page.Items)...)
			if pages++; page.Continue == "" {
				break
			}
		}
		Expect(pages).To(BeNumerically(">=", 3))
		Expect(all).To(ConsistOf("alice-org", "alice-vision", "bob-speech", "devs-prod", "devs-lab-vision"))
	})
})

func names(assignments []v1alpha1.RoleAssignment) []string {
	var names []string
	for _, assignment := range assignments {
		names = append(names, assignment.Name)
	}
	return names
}
