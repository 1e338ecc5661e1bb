package integration

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("What kubectl shows", func() {
	It("knows every kind by its short name and the category authz", func() {
		discovered, err := discovery.NewDiscoveryClientForConfig(plane.Config())
		Expect(err).NotTo(HaveOccurred())
		resources, err := discovered.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		Expect(err).NotTo(HaveOccurred())

		shortNames := map[string][]string{}
		for _, resource := range resources.APIResources {
			if resource.Kind != "" && resource.ShortNames != nil {
				shortNames[resource.Kind] = resource.ShortNames
				Expect(resource.Categories).To(ConsistOf("authz"), resource.Kind)
			}
		}
		Expect(shortNames).To(Equal(map[string][]string{
			"Organization":             {"org"},
			"ResourceType":             {"rt"},
			"User":                     {"usr"},
			"Group":                    {"grp"},
			"Role":                     {"arole"},
			"RoleAssignment":           {"ra"},
			"GroupMembership":          {"gm"},
			"Invitation":               {"inv"},
			"PermissionGrant":          {"pg"},
			"TemporaryPermissionGrant": {"tpg"},
		}))
	})

	DescribeTable("has a column for what a person wants to know first",
		func(resource string, object v1alpha1.Object, status string, want map[string]any) {
			if !isClusterScoped(object) {
				object.SetNamespace(newNamespace(ctx))
			}
			object.SetGenerateName("shown-")
			Expect(k8sClient.Create(ctx, object)).To(Succeed())
			DeferCleanup(func() { Expect(k8sClient.Delete(ctx, object)).To(Succeed()) })

			row := rowWithStatus(resource, object, status)
			Expect(row).To(HaveKey("Age"))
			delete(row, "Age")
			want["Name"] = object.GetName()
			Expect(row).To(Equal(want))
		},
		Entry("Organization", "organizations", build.Organization("").Titled("Acme").Obj(), "{}",
			map[string]any{"Display name": "Acme", "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("ResourceType", "resourcetypes", build.ResourceType("").OfType("Shown").Permits("Shown:View").Obj(), "{}",
			map[string]any{"Type": "Shown", "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("User", "users", build.User("", "").KnownAs("alice").Suspended().Obj(), "{}",
			map[string]any{"Subject": "alice", "Suspended": true, "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("Group", "groups", build.Group("", "").Titled("The crew").Obj(), "{}",
			map[string]any{"Display name": "The crew", "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("Role", "roles", build.Role("", "").Titled("Editor").Obj(), "{}",
			map[string]any{"Display name": "Editor", "View": "Client", "Type": "Standard", "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("RoleAssignment", "roleassignments", build.RoleAssignment("", "").Gives("editor").ToUser("alice").InWorkspace("prod").Obj(),
			`{"subject": "user/alice", "scope": "acme/prod", "inForce": true}`,
			map[string]any{"Role": "editor", "Subject": "user/alice", "Scope": "acme/prod", "In force": true, "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("GroupMembership", "groupmemberships", build.GroupMembership("", "", "alice", "crew").Obj(), `{"inForce": true}`,
			map[string]any{"User": "alice", "Group": "crew", "Role": "Member", "In force": true, "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("Invitation", "invitations", build.Invitation("", "guest").AcceptedBy("alice").Obj(),
			`{"phase": "Accepted", "expiresAt": "2030-01-01T00:00:00Z"}`,
			map[string]any{
				"Email": "guest@example.com", "Accepted by": "alice", "Expires": "2030-01-01T00:00:00Z", "Phase": "Accepted",
				"Ready": "False", "Reason": "StoreUnavailable",
			}),
	)

	It("says that an assignment is not in force before the operator has seen it", func() {
		assignment := build.RoleAssignment("default", "unseen").Gives("editor").ToUser("alice").Obj()
		Expect(k8sClient.Create(ctx, assignment, client.DryRunAll)).To(Succeed())
		Expect(assignment.Status).To(Equal(v1alpha1.RoleAssignmentStatus{
			CommonStatus: v1alpha1.CommonStatus{ObservedGeneration: -1},
		}))
	})

	It("lists every kind at once with kubectl get authz", func() {
		namespace := newNamespace(ctx)
		for _, object := range []client.Object{
			build.Organization(namespace).Obj(),
			build.ResourceType(namespace).OfType(namespace).Permits(namespace + ":View").Obj(),
			build.User(namespace, "alice").Obj(),
			build.Group(namespace, "crew").Obj(),
			build.Role(namespace, "editor").Obj(),
			build.RoleAssignment(namespace, "alice-editor").Gives("editor").ToUser("alice").Obj(),
			build.GroupMembership(namespace, "alice-crew", "alice", "crew").Obj(),
			build.Invitation(namespace, "guest").Obj(),
		} {
			Expect(k8sClient.Create(ctx, object)).To(Succeed())
			DeferCleanup(func() { Expect(k8sClient.Delete(ctx, object)).To(Succeed()) })
		}
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(plane.WriteKubeconfig(kubeconfig)).To(Succeed())

		kubectl := exec.CommandContext(ctx, plane.Kubectl(), "--kubeconfig", kubeconfig, "--namespace", namespace, "get", "authz")
		output, err := kubectl.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
		for _, line := range []string{
			"organization.authz.bailiwick.dev/" + namespace,
			"resourcetype.authz.bailiwick.dev/" + namespace,
			"user.authz.bailiwick.dev/alice",
			"group.authz.bailiwick.dev/crew",
			"role.authz.bailiwick.dev/editor",
			"roleassignment.authz.bailiwick.dev/alice-editor",
			"groupmembership.authz.bailiwick.dev/alice-crew",
			"invitation.authz.bailiwick.dev/guest",
		} {
			Expect(string(output)).To(ContainSubstring(line))
		}
	})
})

// rowWithStatus is the row that kubectl would print of an object if it had a status, by column. The
// status is not written, so that it does not matter what else writes statuses.
func rowWithStatus(resource string, object v1alpha1.Object, fields string) map[string]any {
	GinkgoHelper()
	status := map[string]any{}
	Expect(json.Unmarshal([]byte(fields), &status)).To(Succeed())
	status["observedGeneration"] = 1
	status["conditions"] = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonStoreUnavailable,
		Message: "the store does not answer", ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(time.Unix(0, 0)),
	}}
	patch, err := json.Marshal(map[string]any{"status": status})
	Expect(err).NotTo(HaveOccurred())

	clientset, err := kubernetes.NewForConfig(plane.Config())
	Expect(err).NotTo(HaveOccurred())
	path := []string{"/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version}
	if object.GetNamespace() != "" {
		path = append(path, "namespaces", object.GetNamespace())
	}
	raw, err := clientset.RESTClient().Patch(types.MergePatchType).
		AbsPath(append(path, resource, object.GetName(), "status")...).
		Param("dryRun", metav1.DryRunAll).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		Body(patch).Do(ctx).Raw()
	Expect(err).NotTo(HaveOccurred(), string(raw))

	var table metav1.Table
	Expect(json.Unmarshal(raw, &table)).To(Succeed())
	Expect(table.Rows).To(HaveLen(1))
	row := map[string]any{}
	for i, column := range table.ColumnDefinitions {
		row[column.Name] = table.Rows[0].Cells[i]
	}
	return row
}
