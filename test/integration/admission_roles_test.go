package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// bound is a client of someone who has a shipped ClusterRole in the world's namespace.
func (w *world) bound(user, clusterRole string) client.Client {
	GinkgoHelper()
	create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: user + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.subject(user)}},
	})
	theirs := w.client(user)
	w.expectMay(theirs, "get", "users")
	return theirs
}

var _ = Describe("The shipped ClusterRoles", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })
	lists := func() []client.ObjectList {
		return []client.ObjectList{
			&v1alpha1.RoleList{}, &v1alpha1.RoleAssignmentList{}, &v1alpha1.UserList{}, &v1alpha1.GroupList{}, &v1alpha1.GroupMembershipList{},
			&v1alpha1.InvitationList{}, &v1alpha1.PermissionGrantList{}, &v1alpha1.TemporaryPermissionGrantList{},
		}
	}
	forbidden := MatchError(apierrors.IsForbidden, "IsForbidden")

	It("[G14] let a viewer read one organization, and nobody else anything", func() {
		viewer, stranger := w.bound("viewer", "bailiwick-viewer"), w.client("stranger")
		other := newNamespace(ctx)
		for _, list := range lists() {
			Expect(viewer.List(ctx, list, client.InNamespace(w.Namespace))).To(Succeed())
			Expect(viewer.List(ctx, list, client.InNamespace(other))).To(forbidden)
			Expect(viewer.List(ctx, list)).To(forbidden)
			Expect(stranger.List(ctx, list, client.InNamespace(w.Namespace))).To(forbidden)
		}
		Expect(viewer.Create(ctx, w.assignment("a", "editor").ToUser("bob").Obj())).To(forbidden)
		Expect(viewer.Delete(ctx, w.user("bob"))).To(forbidden)
		Expect(viewer.Patch(ctx, w.user("bob"), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`)))).To(forbidden)
	})

	It("[G14] [K5] let who answers for an organization begin it, in any order, and nobody else's", func() {
		admin := w.bound("chief", "bailiwick-organization-admin")
		for _, o := range []client.Object{
			w.assignment("first", "later").ToGroup("later").InWorkspace("prod").Obj(), w.grant("g").ToUser("later").Grants(w.Delete).Obj(),
			build.GroupMembership(w.Namespace, "m", "later", "later").As(v1alpha1.GroupAdmin).Obj(), build.Group(w.Namespace, "later").Obj(),
			w.user("later"), build.Role(w.Namespace, "later").Grants(w.Edit).Obj(), build.Invitation(w.Namespace, "i").AcceptedBy("later").Obj(),
			w.temporary("t").ToUser("later").Grants(w.View).For("1h").Obj(),
		} {
			Expect(admin.Create(ctx, o)).To(Succeed(), "%T", o)
		}
		expectReason(w.assignment("first", "").Obj(), v1alpha1.ReasonInForce)
		Expect(w.may("later", w.Edit, w.at("prod"))()).To(BeTrue())
		Expect(admin.Create(ctx, build.User(newNamespace(ctx), "u").Obj())).To(forbidden)
		Expect(admin.Get(ctx, client.ObjectKey{Name: w.Namespace}, &v1alpha1.Organization{})).To(forbidden, "these are the platform's")
	})

	It("[G14] [K5] let GitOps apply everything, everywhere, in any order", func() {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "gitops-"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-gitops"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.subject("gitops")}},
		}
		create(binding)
		DeferCleanup(func() { remove(binding) })
		gitops, ns := w.client("gitops"), newNamespace(ctx)
		w.expectMay(gitops, "bind", "roleassignments")
		organization, models := build.Organization(ns).OwnedBy("u").Workspace("prod").Obj(), build.ResourceType(ns).OfType(ns+".x").Permits(ns+":Do").Obj()
		for _, o := range []client.Object{
			build.RoleAssignment(ns, "a").Gives("admin").ToUser("u").Obj(), build.User(ns, "u").KnownAs("u@" + ns).Obj(),
			build.Role(ns, "admin").Grants(ns + ":Do").Obj(), organization, models,
		} {
			Expect(gitops.Create(ctx, o)).To(Succeed(), "%T", o)
		}
		DeferCleanup(func() { remove(organization, models) })
		expectReason(build.RoleAssignment(ns, "a").Obj(), v1alpha1.ReasonInForce)
		organization = observed(organization)
		organization.Spec.AdminRole = "other"
		Expect(gitops.Update(ctx, organization)).To(Succeed())
	})
})
