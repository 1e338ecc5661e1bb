package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Field selectors", Ordered, func() {
	var namespace string
	prod, vision := v1alpha1.Scope{Workspace: "prod"}, v1alpha1.Scope{Workspace: "prod", Project: "vision"}
	beside := v1alpha1.Scope{Workspace: "beside"}
	past, future := time.Date(2020, 1, 31, 17, 0, 0, 0, time.UTC), time.Date(2099, 1, 31, 17, 0, 0, 0, time.UTC)

	BeforeAll(func() {
		namespace = newNamespace(ctx)
		shareNamespace(namespace)
		for _, object := range []client.Object{
			build.RoleAssignment(namespace, "alice-everywhere").Gives("admin").ToUser("alice").Obj(),
			build.RoleAssignment(namespace, "alice-prod").Gives("editor").ToUser("alice").InWorkspace("prod").Obj(),
			build.RoleAssignment(namespace, "bob-vision").Gives("editor").ToUser("bob").InProject("prod", "vision").Obj(),
			build.RoleAssignment(namespace, "crew-vision").Gives("viewer").ToGroup("crew").InProject("prod", "vision").Obj(),
			build.RoleAssignment(namespace, "carol-test").Gives("viewer").ToInvitation("carol").InWorkspace("test").Obj(),
			build.RoleAssignment(namespace, "dan-ended").Gives("guest").ToUser("dan").InWorkspace("beside").Until(past).Obj(),
			build.RoleAssignment(namespace, "dan-later").Gives("guest").ToUser("dan").InWorkspace("beside").From(future).Obj(),
			build.RoleAssignment(namespace, "dan-now").Gives("guest").ToUser("dan").InWorkspace("beside").From(past).Until(future).Obj(),
			build.GroupMembership(namespace, "dan-ended", "dan", "guests").Until(past).Obj(),
			build.GroupMembership(namespace, "dan-later", "dan", "guests").From(future).Obj(),
			build.GroupMembership(namespace, "dan-now", "dan", "guests").Until(future).Obj(),
			build.GroupMembership(namespace, "dan-for-good", "dan", "guests").Obj(),
			build.PermissionGrant(namespace, "dan-ended").ToUser("dan").Grants("edit").At(beside).Until(past).Obj(),
			build.PermissionGrant(namespace, "dan-later").ToUser("dan").Grants("edit").At(beside).From(future).Obj(),
			build.PermissionGrant(namespace, "dan-now").ToUser("dan").Grants("edit").At(beside).From(past).Obj(),
			build.Role(namespace, "client").Obj(),
			build.Role(namespace, "admin").ViewedBy(v1alpha1.ViewAdmin).Obj(),
			build.Role(namespace, "share").OfType(v1alpha1.RoleShare).Obj(),
			build.User(namespace, "alice").ReachedAt("alice@example.com").Obj(),
			build.GroupMembership(namespace, "alice-crew", "alice", "crew").Obj(),
			build.GroupMembership(namespace, "bob-crew", "bob", "crew").As(v1alpha1.GroupAdmin).Obj(),
			build.Invitation(namespace, "guest").Obj(),
			build.Invitation(namespace, "carol").AcceptedBy("alice").Obj(),
			build.User(namespace, "bot").KnownAs("bot").OfType(v1alpha1.UserService).Obj(),
			build.PermissionGrant(namespace, "alice-edit").ToUser("alice").Grants("edit").Obj(),
			build.PermissionGrant(namespace, "alice-edit-prod").ToUser("alice").Grants("edit").At(prod).Obj(),
			build.PermissionGrant(namespace, "crew-edit-vision").ToGroup("crew").Grants("edit").At(vision).Obj(),
			build.TemporaryPermissionGrant(namespace, "alice-active").ToUser("alice").Grants("edit").Until(future).Obj(),
			build.TemporaryPermissionGrant(namespace, "alice-pending-prod").ToUser("alice").Grants("delete").At(prod).From(future).For("PT8H").Obj(),
			build.TemporaryPermissionGrant(namespace, "bob-expired-vision").ToUser("bob").Grants("delete").At(vision).Until(past).Obj(),
		} {
			Expect(k8sClient.Create(ctx, object)).To(Succeed())
		}
		config, err := plane.UserConfig("grace", "system:masters")
		Expect(err).NotTo(HaveOccurred())
		grace, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		for _, object := range []client.Object{
			build.PermissionGrant(namespace, "bob-by-grace").ToUser("bob").Grants("edit").Obj(),
			build.TemporaryPermissionGrant(namespace, "bob-by-grace").ToUser("bob").Grants("edit").Until(future).Obj(),
		} {
			Expect(grace.Create(ctx, object)).To(Succeed())
		}
	})

	names := func(into client.ObjectList, fields client.MatchingFields) ([]string, error) {
		err := k8sClient.List(ctx, into, client.InNamespace(namespace), fields)
		var names []string
		_ = meta.EachListItem(into, func(item runtime.Object) error {
			names = append(names, item.(client.Object).GetName())
			return nil
		})
		return names, err
	}

	// What is selected by status is there when the operator has seen it.
	DescribeTable("of RoleAssignments", func(fields client.MatchingFields, want ...string) {
		Eventually(names).WithArguments(&v1alpha1.RoleAssignmentList{}, fields).Should(ConsistOf(want))
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
		Entry("[T1] select by the phase Active", client.MatchingFields{"status.phase": "Active"}, "dan-now"),
		Entry("[T1] select by the phase Pending", client.MatchingFields{"status.phase": "Pending"}, "dan-later"),
		Entry("[T1] select by the phase Expired", client.MatchingFields{"status.phase": "Expired"}, "dan-ended"),
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
		Eventually(names).WithArguments(&v1alpha1.GroupMembershipList{}, fields).Should(ConsistOf(want))
	},
		Entry("select by user", client.MatchingFields{"spec.user": "alice"}, "alice-crew"),
		Entry("select by group", client.MatchingFields{"spec.group": "crew"}, "alice-crew", "bob-crew"),
		Entry("select by role", client.MatchingFields{"spec.role": "Admin"}, "bob-crew"),
		Entry("select the default role", client.MatchingFields{"spec.role": "Member"}, "alice-crew", "dan-ended", "dan-later", "dan-now", "dan-for-good"),
		Entry("[T1] select by the phase Active", client.MatchingFields{"status.phase": "Active"}, "dan-now"),
		Entry("[T1] select by the phase Pending", client.MatchingFields{"status.phase": "Pending"}, "dan-later"),
		Entry("[T1] select by the phase Expired", client.MatchingFields{"status.phase": "Expired"}, "dan-ended"),
		Entry("[T1] select what holds for good", client.MatchingFields{"spec.user": "dan", "status.phase": ""}, "dan-for-good"),
	)

	DescribeTable("of Invitations", func(fields client.MatchingFields, want ...string) {
		Eventually(names).WithArguments(&v1alpha1.InvitationList{}, fields).Should(ConsistOf(want))
	},
		Entry("select by email", client.MatchingFields{"spec.email": "guest@example.com"}, "guest"),
		Entry("select by who has accepted", client.MatchingFields{"spec.acceptedBy": "alice"}, "carol"),
		Entry("select what nobody has accepted", client.MatchingFields{"spec.acceptedBy": ""}, "guest"),
		Entry("select by phase", client.MatchingFields{"status.phase": "Pending"}, "guest"),
	)

	DescribeTable("of PermissionGrants", func(fields client.MatchingFields, want ...string) {
		Eventually(names).WithArguments(&v1alpha1.PermissionGrantList{}, fields).Should(ConsistOf(want))
	},
		Entry("select by user", client.MatchingFields{"spec.subject.user": "alice"}, "alice-edit", "alice-edit-prod"),
		Entry("select by group", client.MatchingFields{"spec.subject.group": "crew"}, "crew-edit-vision"),
		Entry("select what is not given to a group", client.MatchingFields{"spec.subject.group": ""}, "alice-edit", "alice-edit-prod", "bob-by-grace", "dan-ended", "dan-later", "dan-now"),
		Entry("select by workspace", client.MatchingFields{"spec.scope.workspace": "prod"}, "alice-edit-prod", "crew-edit-vision"),
		Entry("select by project", client.MatchingFields{"spec.scope.project": "vision"}, "crew-edit-vision"),
		Entry("select what has no workspace", client.MatchingFields{"spec.scope.workspace": ""}, "alice-edit", "bob-by-grace"),
		Entry("select by creator", client.MatchingFields{"status.creator": "grace"}, "bob-by-grace"),
		Entry("select by several at once", client.MatchingFields{"spec.subject.user": "alice", "spec.scope.workspace": "prod", "spec.scope.project": ""}, "alice-edit-prod"),
		Entry("[T1] select by the phase Active", client.MatchingFields{"status.phase": "Active"}, "dan-now"),
		Entry("[T1] select by the phase Pending", client.MatchingFields{"status.phase": "Pending"}, "dan-later"),
		Entry("[T1] select by the phase Expired", client.MatchingFields{"status.phase": "Expired"}, "dan-ended"),
	)

	DescribeTable("of TemporaryPermissionGrants", func(fields client.MatchingFields, want ...string) {
		Eventually(names).WithArguments(&v1alpha1.TemporaryPermissionGrantList{}, fields).Should(ConsistOf(want))
	},
		Entry("[G9] select by user", client.MatchingFields{"spec.user": "alice"}, "alice-active", "alice-pending-prod"),
		Entry("[G9] select by permission", client.MatchingFields{"spec.permissionGrant.permission": "delete"}, "alice-pending-prod", "bob-expired-vision"),
		Entry("[G9] select by the phase Active", client.MatchingFields{"status.phase": "Active"}, "alice-active", "bob-by-grace"),
		Entry("[G9] select by the phase Pending", client.MatchingFields{"status.phase": "Pending"}, "alice-pending-prod"),
		Entry("[G9] select by the phase Expired", client.MatchingFields{"status.phase": "Expired"}, "bob-expired-vision"),
		Entry("[G9] select by creator", client.MatchingFields{"status.creator": "grace"}, "bob-by-grace"),
		Entry("[G9] select by all of these at once", client.MatchingFields{"spec.user": "bob", "spec.permissionGrant.permission": "edit",
			"status.phase": "Active", "status.creator": "grace"}, "bob-by-grace"),
		Entry("[G9] select nothing where one of them does not match", client.MatchingFields{"spec.user": "alice",
			"status.phase": "Active", "status.creator": "grace"}),
		Entry("select by workspace", client.MatchingFields{"spec.scope.workspace": "prod"}, "alice-pending-prod", "bob-expired-vision"),
		Entry("select by project", client.MatchingFields{"spec.scope.project": "vision"}, "bob-expired-vision"),
		Entry("select what has no workspace", client.MatchingFields{"spec.scope.workspace": ""}, "alice-active", "bob-by-grace"),
	)

	It("select a ResourceType by its type", func() {
		object := build.ResourceType(namespace).OfType("Selected" + namespace).Permits("Selected:View").Obj()
		Expect(k8sClient.Create(ctx, object)).To(Succeed())
		var found v1alpha1.ResourceTypeList
		Expect(k8sClient.List(ctx, &found, client.MatchingFields{"spec.type": object.Spec.Type})).To(Succeed())
		Expect(found.Items).To(HaveExactElements(HaveField("Name", namespace)))
	})
})
