package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// byForce is a client that the webhook does not see, and that may do everything.
func byForce() client.Client {
	GinkgoHelper()
	config, err := plane.UserConfig("system:serviceaccount:kube-system:namespace-controller", "system:masters")
	Expect(err).NotTo(HaveOccurred())
	forced, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return forced
}

// tearOut deletes an object without waiting for anyone: its finalizers are removed by force.
func tearOut(object client.Object) {
	GinkgoHelper()
	forced := byForce()
	Expect(forced.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
	Expect(client.IgnoreNotFound(forced.Delete(ctx, object))).To(Succeed())
}

// whileStopped does something while there is no operator, and starts it again whatever happens.
func whileStopped(do func()) {
	GinkgoHelper()
	op.Stop()
	defer op.Start()
	do()
}

var _ = Describe("Without its finalizer", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	DescribeTable("[K16] an object that is torn out ends what it gave", func(torn func(*world, *v1alpha1.RoleAssignment) client.Object, stopped bool) {
		assigned := w.assignment("torn", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())

		object := torn(w, assigned)
		if stopped {
			whileStopped(func() { tearOut(object) })
			// Before it has been compared the store answers nobody, so this is the first decision.
			Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		} else {
			tearOut(object)
			Eventually(w.may("alice", w.View, w.at("prod"))).Should(BeFalse())
		}
	},
		Entry("the assignment, with the operator running", theAssignment, false),
		Entry("the assignment, with the operator stopped", theAssignment, true),
		Entry("the user, with the operator running", theUser, false),
		Entry("the user, with the operator stopped", theUser, true),
		Entry("the role, with the operator stopped", theRole, true),
		Entry("the Organization, with the operator stopped", theOrganization, true),
	)

	It("[K16] an object gets it back, and is still held by it", func() {
		assigned := w.assignment("held", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(byForce().Patch(ctx, assigned, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(assigned), assigned)).To(Succeed())
			g.Expect(assigned.Finalizers).To(ContainElement(v1alpha1.Finalizer))
		}).Should(Succeed())
		remove(assigned)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
	})
})

var _ = Describe("What happens while the operator is stopped", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[K3] holds from its start on: what was edited, deleted and created", func() {
		edited := w.assignment("edited", "editor").ToUser("alice").InProject("prod", "vision").Obj()
		deleted := w.assignment("deleted", "editor").ToUser("bob").InProject("prod", "vision").Obj()
		create(edited, deleted)
		expectReason(edited, v1alpha1.ReasonInForce)
		expectReason(deleted, v1alpha1.ReasonInForce)

		created := w.assignment("created", "editor").ToUser("bob").InProject("lab", "vision").Obj()
		whileStopped(func() {
			edit(edited, func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Project = "speech" })
			Expect(k8sClient.Delete(ctx, deleted)).To(Succeed())
			create(created)
			edit(build.Role(w.Namespace, "editor").Obj(), func(r *v1alpha1.Role) {
				r.Spec.PermissionGrants = r.Spec.PermissionGrants[:1]
			})
		})
		Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeFalse(), "edited away")
		Expect(w.may("alice", w.View, w.at("prod", "speech"))()).To(BeTrue(), "edited to")
		Expect(w.may("alice", w.Edit, w.at("prod", "speech"))()).To(BeFalse(), "the role gives it no more")
		Expect(w.may("bob", w.View, w.at("prod", "vision"))()).To(BeFalse(), "deleted")
		Expect(w.may("bob", w.View, w.at("lab", "vision"))()).To(BeTrue(), "created")
		remove(deleted)
	})

	It("[K16] a status that was deleted by hand is written again, with the operator stopped or running", func() {
		assigned := w.assignment("a", "editor").ToUser("alice").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		wipe := func() {
			Expect(theOperator().Status().Patch(ctx, assigned, client.RawPatch(types.MergePatchType, []byte(`{"status":null}`)))).To(Succeed())
		}
		wipe()
		expectReason(assigned, v1alpha1.ReasonInForce)
		whileStopped(wipe)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(assigned), assigned)).To(Succeed())
		Expect(assigned.Status.InForce).To(BeTrue())
	})
})

func theAssignment(_ *world, assigned *v1alpha1.RoleAssignment) client.Object { return assigned }

func theUser(w *world, _ *v1alpha1.RoleAssignment) client.Object { return w.user("alice") }

func theRole(w *world, _ *v1alpha1.RoleAssignment) client.Object {
	return build.Role(w.Namespace, "editor").Obj()
}

func theOrganization(w *world, _ *v1alpha1.RoleAssignment) client.Object {
	return build.Organization(w.Namespace).Obj()
}
