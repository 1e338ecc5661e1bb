package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
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
	It("knows every kind by its short name, all by one category and the namespaced ones by another", func() {
		discovered, err := discovery.NewDiscoveryClientForConfig(plane.Config())
		Expect(err).NotTo(HaveOccurred())
		resources, err := discovered.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		Expect(err).NotTo(HaveOccurred())

		shortNames := map[string][]string{}
		for _, resource := range resources.APIResources {
			if resource.Kind != "" && resource.ShortNames != nil {
				shortNames[resource.Kind] = resource.ShortNames
				categories := []string{"authz-all"}
				if resource.Namespaced {
					categories = append(categories, "authz")
				}
				Expect(resource.Categories).To(ConsistOf(categories), resource.Kind)
			}
		}
		Expect(shortNames).To(Equal(map[string][]string{
			"AccessDecision":           {"adec"},
			"AccessPolicy":             {"apol"},
			"AccessRequest":            {"areq"},
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
			if !apiServer.IsClusterScoped(object) {
				object.SetNamespace(newNamespace(ctx))
			}
			object.SetGenerateName("shown-")
			Expect(k8sClient.Create(ctx, object)).To(Succeed())

			row := rowWithStatus(resource, object, status)
			Expect(row).To(HaveKey("Age"))
			delete(row, "Age")
			want["Name"], want["Paused"] = object.GetName(), "True"
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
		Entry("[G10] [G11] Role", "roles", build.Role("", "").Titled("Editor").Obj(),
			`{"ownPermissions": 3, "inheritedPermissions": 2, "assignments": 40, "children": 1, "revision": "editor-0123456789"}`,
			map[string]any{"Display name": "Editor", "View": "Client", "Type": "Standard", "Own": 3.0, "Inherited": 2.0,
				"Assignments": 40.0, "Children": 1.0, "Revision": "editor-0123456789", "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("RoleAssignment", "roleassignments", build.RoleAssignment("", "").Gives("editor").ToUser("alice").InWorkspace("prod").Obj(),
			`{"phase": "Active", "expiresAt": "2030-01-31T17:00:00Z", "subject": "user/alice", "scope": "acme/prod", "inForce": true}`,
			map[string]any{"Expires": "2030-01-31T17:00:00Z", "Phase": "Active", "Role": "editor", "Subject": "user/alice", "Scope": "acme/prod", "In force": true, "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("GroupMembership", "groupmemberships", build.GroupMembership("", "", "alice", "crew").Obj(), `{"phase": "Active", "expiresAt": "2030-01-31T17:00:00Z", "inForce": true}`,
			map[string]any{"Expires": "2030-01-31T17:00:00Z", "Phase": "Active", "User": "alice", "Group": "crew", "Role": "Member", "In force": true, "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("Invitation", "invitations", build.Invitation("", "guest").AcceptedBy("alice").Obj(),
			`{"phase": "Accepted", "expiresAt": "2030-01-01T00:00:00Z"}`,
			map[string]any{
				"Email": "guest@example.com", "Accepted by": "alice", "Expires": "2030-01-01T00:00:00Z", "Phase": "Accepted",
				"Ready": "False", "Reason": "StoreUnavailable",
			}),
		Entry("PermissionGrant", "permissiongrants", build.PermissionGrant("", "").ToGroup("crew").Grants("edit").Obj(),
			`{"phase": "Active", "expiresAt": "2030-01-31T17:00:00Z", "subject": "group/crew", "scope": "acme/prod", "inForce": true}`,
			map[string]any{"Expires": "2030-01-31T17:00:00Z", "Phase": "Active", "Subject": "group/crew", "Scope": "acme/prod", "In force": true, "Ready": "False", "Reason": "StoreUnavailable"}),
		Entry("[G5] TemporaryPermissionGrant", "temporarypermissiongrants",
			build.TemporaryPermissionGrant("", "").ToUser("alice").Grants("edit").For("PT8H").Obj(),
			`{"scope": "acme/prod", "expiresAt": "2030-01-31T17:00:00Z", "phase": "Active", "inForce": true}`,
			map[string]any{"User": "alice", "Permission": "edit", "Scope": "acme/prod", "Expires": "2030-01-31T17:00:00Z", "Phase": "Active",
				"In force": true, "Ready": "False", "Reason": "StoreUnavailable"}),
	)

	DescribeTable("shows the columns that fit beside each other", func(object client.Object, resource string, want ...string) {
		object.SetNamespace(newNamespace(ctx))
		Expect(k8sClient.Create(ctx, object)).To(Succeed())
		header, _, _ := strings.Cut(kubectl("--namespace", object.GetNamespace(), "get", resource), "\n")
		Expect(betweenColumns.Split(strings.TrimSpace(header), -1)).To(Equal(want))
	},
		Entry("of a RoleAssignment", build.RoleAssignment("", "a").Gives("editor").ToUser("alice").Obj(), "ra",
			"NAME", "ROLE", "SUBJECT", "SCOPE", "EXPIRES", "IN FORCE", "READY", "REASON", "AGE"),
		Entry("of a Role", build.Role("", "r").Obj(), "arole",
			"NAME", "VIEW", "TYPE", "OWN", "INHERITED", "ASSIGNMENTS", "REVISION", "READY", "REASON", "AGE"),
		Entry("of a PermissionGrant", build.PermissionGrant("", "g").ToUser("alice").Grants("edit").Obj(), "pg",
			"NAME", "SUBJECT", "SCOPE", "EXPIRES", "IN FORCE", "READY", "REASON", "AGE"),
		Entry("of a TemporaryPermissionGrant", build.TemporaryPermissionGrant("", "g").ToUser("alice").Grants("edit").For("PT8H").Obj(), "tpg",
			"NAME", "USER", "PERMISSION", "SCOPE", "EXPIRES", "PHASE", "READY", "REASON", "AGE"),
		Entry("of an Invitation", build.Invitation("", "i").Obj(), "inv",
			"NAME", "EMAIL", "ACCEPTED BY", "EXPIRES", "PHASE", "READY", "REASON", "AGE"),
		Entry("of a GroupMembership", build.GroupMembership("", "m", "alice", "crew").Obj(), "gm",
			"NAME", "USER", "GROUP", "ROLE", "EXPIRES", "IN FORCE", "READY", "REASON", "AGE"),
	)

	It("sorts temporary grants by when they end", func() {
		namespace := newNamespace(ctx)
		noon := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
		for name, grant := range map[string]*build.TemporaryPermissionGrantBuilder{
			"a-last":   build.TemporaryPermissionGrant(namespace, "a-last").From(noon).For("P30D"),
			"b-first":  build.TemporaryPermissionGrant(namespace, "b-first").Until(noon.AddDate(-10, 0, 0)),
			"c-third":  build.TemporaryPermissionGrant(namespace, "c-third").Until(noon.In(time.FixedZone("", -8*3600))),
			"d-second": build.TemporaryPermissionGrant(namespace, "d-second").From(noon.Add(-9 * time.Hour)).For("8h"),
		} {
			Expect(k8sClient.Create(ctx, grant.ToUser("alice").Grants("edit").Obj())).To(Succeed(), name)
		}
		sorted := func(arguments ...string) func() ([]string, error) {
			arguments = append([]string{"--namespace", namespace, "get", "tpg", "--sort-by=.status.expiresAt", "--output=name"}, arguments...)
			return func() ([]string, error) {
				output, err := tryKubectl(arguments...)
				return strings.Fields(strings.ReplaceAll(output, "temporarypermissiongrant.authz.bailiwick.dev/", "")), err
			}
		}
		Eventually(sorted()).Should(HaveExactElements("b-first", "d-second", "c-third", "a-last"))
		Eventually(sorted("--field-selector=status.phase=Pending")).Should(HaveExactElements("d-second", "a-last"))
	})

	It("lists what an organization declares with kubectl get authz, and what the cluster does with authz-all", func() {
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
			build.PermissionGrant(namespace, "alice-edit").ToUser("alice").Grants("edit").Obj(),
			build.TemporaryPermissionGrant(namespace, "alice-delete").ToUser("alice").Grants("delete").For("PT8H").Obj(),
		} {
			Expect(k8sClient.Create(ctx, object)).To(Succeed())
		}
		cluster := []string{"organization.authz.bailiwick.dev/" + namespace, "resourcetype.authz.bailiwick.dev/" + namespace}
		namespaced := []string{
			"user.authz.bailiwick.dev/alice",
			"group.authz.bailiwick.dev/crew",
			"role.authz.bailiwick.dev/editor",
			"roleassignment.authz.bailiwick.dev/alice-editor",
			"groupmembership.authz.bailiwick.dev/alice-crew",
			"invitation.authz.bailiwick.dev/guest",
			"permissiongrant.authz.bailiwick.dev/alice-edit",
			"temporarypermissiongrant.authz.bailiwick.dev/alice-delete",
		}
		listed := func(category string) []string {
			return strings.Fields(kubectl("--namespace", namespace, "get", category, "--output=name"))
		}
		Expect(listed("authz")).To(ConsistOf(namespaced))
		Expect(listed("authz-all")).To(ContainElements(append(cluster, namespaced...)))
	})
})

// betweenColumns is what kubectl prints between columns, whose names may have blanks.
var betweenColumns = regexp.MustCompile(" {2,}")

// kubectl is what kubectl prints to a cluster administrator.
func kubectl(arguments ...string) string {
	GinkgoHelper()
	output, err := tryKubectl(arguments...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %q", arguments)
	return output
}

func tryKubectl(arguments ...string) (string, error) {
	kubeconfig := filepath.Join(plane.Directory(), "kubeconfig") // BeforeSuite has written it
	output, err := command(plane.Kubectl(), append([]string{"--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(plane.Directory(), "discovered")}, arguments...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return string(output), nil
}

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
	}, {
		Type: v1alpha1.ConditionPaused, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPaused,
		Message: "edits wait", ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(time.Unix(0, 0)),
	}}
	patch, err := json.Marshal(map[string]any{"status": status})
	Expect(err).NotTo(HaveOccurred())

	operator, err := plane.UserConfig(operatorName, "system:serviceaccounts") // nobody else writes a status
	Expect(err).NotTo(HaveOccurred())
	clientset, err := kubernetes.NewForConfig(operator)
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
