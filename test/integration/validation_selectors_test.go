package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Field selectors", Ordered, func() {
	var namespace string

	BeforeAll(func() {
		namespace = newNamespace(ctx)
		for _, object := range []client.Object{
			build.RoleAssignment(namespace, "alice-everywhere").Gives("admin").ToUser("alice").Obj(),
			build.RoleAssignment(namespace, "alice-prod").Gives("editor").ToUser("alice").InWorkspace("prod").Obj(),
			build.RoleAssignment(namespace, "bob-vision").Gives("editor").ToUser("bob").InProject("prod", "vision").Obj(),
			build.RoleAssignment(namespace, "crew-vision").Gives("viewer").ToGroup("crew").InProject("prod", "vision").Obj(),
			build.RoleAssignment(namespace, "carol-test").Gives("viewer").ToInvitation("carol").InWorkspace("test").Obj(),
			build.Role(namespace, "client").Obj(),
			build.Role(namespace, "admin").ViewedBy(v1alpha1.ViewAdmin).Obj(),
			build.Role(namespace, "share").OfType(v1alpha1.RoleShare).Obj(),
			build.User(namespace, "alice").ReachedAt("alice@example.com").Obj(),
			build.GroupMembership(namespace, "alice-crew", "alice", "crew").Obj(),
			build.GroupMembership(namespace, "bob-crew", "bob", "crew").As(v1alpha1.GroupAdmin).Obj(),
			build.Invitation(namespace, "guest").Obj(),
			build.Invitation(namespace, "carol").AcceptedBy("alice").Obj(),
			build.User(namespace, "bot").KnownAs("bot").OfType(v1alpha1.UserService).Obj(),
		} {
			Expect(k8sClient.Create(ctx, object)).To(Succeed())
		}
	})

	names := func(into client.ObjectList, fields client.MatchingFields) []string {
		GinkgoHelper()
		Expect(k8sClient.List(ctx, into, client.InNamespace(namespace), fields)).To(Succeed())
		var names []string
		switch list := into.(type) {
		case *v1alpha1.RoleAssignmentList:
			for _, item := range list.Items {
				names = append(names, item.Name)
			}
		case *v1alpha1.RoleList:
			for _, item := range list.Items {
				names = append(names, item.Name)
			}
		case *v1alpha1.GroupMembershipList:
			for _, item := range list.Items {
				names = append(names, item.Name)
			}
		case *v1alpha1.InvitationList:
			for _, item := range list.Items {
				names = append(names, item.Name)
			}
		case *v1alpha1.UserList:
			for _, item := range list.Items {
				names = append(names, item.Name)
			}
		}
		return names
	}

	DescribeTable("of RoleAssignments", func(fields client.MatchingFields, want ...string) {
		Expect(names(&v1alpha1.RoleAssignmentList{}, fields)).To(ConsistOf(want))
	},
		Entry("select by role", client.MatchingFields{"spec.roleRef.name": "editor"}, "alice-prod", "bob-vision"),
		Entry("select by user", client.MatchingFields{"spec.subject.user": "alice"}, "alice-everywhere", "alice-prod"),
		Entry("select by group", client.MatchingFields{"spec.subject.group": "crew"}, "crew-vision"),
		Entry("select by invitation", client.MatchingFields{"spec.subject.invitation": "carol"}, "carol-test"),
		Entry("select by workspace", client.MatchingFields{"spec.scope.workspace": "prod"}, "alice-prod", "bob-vision", "crew-vision"),
		Entry("select by project", client.MatchingFields{"spec.scope.project": "vision"}, "bob-vision", "crew-vision"),
		Entry("select by several at once", client.MatchingFields{"spec.roleRef.name": "editor", "spec.scope.workspace": "prod", "spec.scope.project": "vision"}, "bob-vision"),
		Entry("select what has no workspace", client.MatchingFields{"spec.scope.workspace": ""}, "alice-everywhere"),
		Entry("select a workspace without its projects", client.MatchingFields{"spec.scope.workspace": "prod", "spec.scope.project": ""}, "alice-prod"),
		Entry("select what is not given to a user", client.MatchingFields{"spec.subject.user": ""}, "crew-vision", "carol-test"),
		Entry("select nothing where nothing matches", client.MatchingFields{"spec.roleRef.name": "owner"}),
	)

	DescribeTable("of Roles", func(fields client.MatchingFields, want ...string) {
		Expect(names(&v1alpha1.RoleList{}, fields)).To(ConsistOf(want))
	},
		Entry("select by view", client.MatchingFields{"spec.frontendView": "Admin"}, "admin"),
		Entry("select by type", client.MatchingFields{"spec.type": "Share"}, "share"),
		Entry("select the default type", client.MatchingFields{"spec.type": "Standard"}, "admin", "client"),
	)

	DescribeTable("of Users", func(fields client.MatchingFields, want ...string) {
		Expect(names(&v1alpha1.UserList{}, fields)).To(ConsistOf(want))
	},
		Entry("select by subject", client.MatchingFields{"spec.subject": "alice@example.com"}, "alice"),
		Entry("select by email", client.MatchingFields{"spec.email": "alice@example.com"}, "alice"),
		Entry("select who has no email", client.MatchingFields{"spec.email": ""}, "bot"),
		Entry("select by type", client.MatchingFields{"spec.type": "Service"}, "bot"),
	)

	DescribeTable("of GroupMemberships", func(fields client.MatchingFields, want ...string) {
		Expect(names(&v1alpha1.GroupMembershipList{}, fields)).To(ConsistOf(want))
	},
		Entry("select by user", client.MatchingFields{"spec.user": "alice"}, "alice-crew"),
		Entry("select by group", client.MatchingFields{"spec.group": "crew"}, "alice-crew", "bob-crew"),
		Entry("select by role", client.MatchingFields{"spec.role": "Admin"}, "bob-crew"),
		Entry("select the default role", client.MatchingFields{"spec.role": "Member"}, "alice-crew"),
	)

	DescribeTable("of Invitations", func(fields client.MatchingFields, want ...string) {
		Eventually(func() []string { return names(&v1alpha1.InvitationList{}, fields) }).Should(ConsistOf(want))
	},
		Entry("select by email", client.MatchingFields{"spec.email": "guest@example.com"}, "guest"),
		Entry("select by who has accepted", client.MatchingFields{"spec.acceptedBy": "alice"}, "carol"),
		Entry("select what nobody has accepted", client.MatchingFields{"spec.acceptedBy": ""}, "guest"),
		Entry("select by phase", client.MatchingFields{"status.phase": "Pending"}, "guest"),
	)

	It("select a ResourceType by its type", func() {
		object := build.ResourceType(namespace).OfType("Selected" + namespace).Permits("Selected:View").Obj()
		Expect(k8sClient.Create(ctx, object)).To(Succeed())
		DeferCleanup(func() { Expect(k8sClient.Delete(ctx, object)).To(Succeed()) })
		var found v1alpha1.ResourceTypeList
		Expect(k8sClient.List(ctx, &found, client.MatchingFields{"spec.type": object.Spec.Type})).To(Succeed())
		Expect(found.Items).To(HaveExactElements(HaveField("Name", namespace)))
	})
})
