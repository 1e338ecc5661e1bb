package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// isGone says whether an object is not there any more.
func isGone(object client.Object) func() bool {
	read := object.DeepCopyObject().(client.Object)
	return func() bool {
		return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), read))
	}
}

// expectProtected deletes an assignment, as someone whom the webhook does not refuse it, and expects that it
// stays in force.
func expectProtected(assigned *v1alpha1.RoleAssignment, words ...string) {
	GinkgoHelper()
	Expect(unasked().Delete(ctx, assigned)).To(Succeed())
	expectReason(assigned, v1alpha1.ReasonRevocationProtected, words...)
	Expect(observed(assigned).Status.InForce).To(BeTrue())
}

var _ = Describe("The last role of a user", func() {
	var (
		w    *world
		only *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld()
		only = w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj()
		create(w.user("carol"), only)
		expectReason(only, v1alpha1.ReasonInForce)
	})
	protect := func() {
		GinkgoHelper()
		expectProtected(only, "the RoleAssignment only is the last role of the User carol", "assign another one first", "suspend or delete the User", "spec.lastRolePolicy to Warn")
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeTrue())
	}
	expectLifted := func() {
		GinkgoHelper()
		Eventually(isGone(only)).Should(BeTrue())
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
	}

	It("[Z9] stays until there is another one", func() {
		protect()
		another := w.assignment("another", "editor").ToUser("carol").InWorkspace("lab").Obj()
		create(another)
		expectLifted()
		expectReason(another, v1alpha1.ReasonInForce)
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeTrue())
	})

	It("[K9] [Z9] goes with the namespace, at once, and leaves nothing in the store", func() {
		protect()
		admin := w.assignment("admin", "admin").ToUser("alice").Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonInForce)
		expectProtected(admin, "owns the organization")
		remove(namespaceNamed(w.Namespace))
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())
		expectReason(build.Organization(w.Namespace).Obj(), v1alpha1.ReasonNamespaceNotFound)
		Expect(w.allInStore()).To(BeEmpty())
	})

	It("[K16] ends when the finalizer is removed by force", func() {
		protect()
		// The webhook would put it back, for anyone else.
		config, err := plane.UserConfig(operatorName, "system:serviceaccounts")
		Expect(err).NotTo(HaveOccurred())
		forcing, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		Expect(forcing.Patch(ctx, only, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
		Eventually(w.may("carol", w.View, w.at("prod"))).Should(BeFalse())
	})

	It("[K16] does not come back when somebody else's finalizer holds what has been let go", func() {
		const foreign = "example.com/hold"
		edit(only, func(a *v1alpha1.RoleAssignment) { a.Finalizers = append(a.Finalizers, foreign) })
		another := w.assignment("another", "editor").ToUser("carol").InWorkspace("lab").Obj()
		create(another)
		expectReason(another, v1alpha1.ReasonInForce)
		Expect(k8sClient.Delete(ctx, only)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(only), only)).To(Succeed())
			g.Expect(only.Finalizers).To(ConsistOf(foreign))
		}).Should(Succeed())
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
		expectProtected(another, "last role")
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeTrue())
		Expect(k8sClient.Patch(ctx, only, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
	})

	It("[Z9] is one of two that are deleted at one moment", func() {
		deleting := unasked()
		for range 10 {
			another := w.assignment("another", "editor").ToUser("carol").InWorkspace("lab").Obj()
			create(another)
			expectReason(another, v1alpha1.ReasonInForce)
			atOnce(
				func() error { return deleting.Delete(ctx, only) },
				func() error { return deleting.Delete(ctx, another) },
			)
			Eventually(func() bool { return isGone(only)() || isGone(another)() }).Should(BeTrue())
			stays, place := only, "prod"
			if isGone(only)() {
				stays, place = another, "lab"
			}
			expectReason(stays, v1alpha1.ReasonRevocationProtected)
			Expect(w.may("carol", w.View, w.at(place))()).To(BeTrue())
			// Once more.
			create(w.standing("carol"))
			Eventually(isGone(stays)).Should(BeTrue())
			only = w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj()
			create(only)
			expectReason(only, v1alpha1.ReasonInForce)
			remove(w.standing("carol"))
		}
	})
})

var _ = Describe("Of two last roles that are deleted while the operator is away", func() {
	It("[Z9] the younger stays", func() {
		w := newWorld()
		older := w.assignment("z-older", "editor").ToUser("carol").InWorkspace("prod").Obj()
		younger := w.assignment("a-younger", "editor").ToUser("carol").InWorkspace("lab").Obj()
		create(w.user("carol"), older)
		waitUntilOlder(older)
		create(younger)
		expectReason(older, v1alpha1.ReasonInForce)
		expectReason(younger, v1alpha1.ReasonInForce)
		op.Stop()
		Expect(k8sClient.Delete(ctx, younger)).To(Succeed())
		Expect(k8sClient.Delete(ctx, older)).To(Succeed())
		op.Start()
		Eventually(isGone(older)).Should(BeTrue())
		expectReason(younger, v1alpha1.ReasonRevocationProtected)
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeTrue())

		By("still, after another start")
		op.Stop()
		op.Start()
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeTrue())
		Expect(isGone(younger)()).To(BeFalse())
		remove(w.user("carol"))
		Eventually(isGone(younger)).Should(BeTrue())
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeFalse())
	})
})

var _ = Describe("The admin role of an owner", func() {
	var (
		w     *world
		admin *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld() // alice owns it, and has a standing role
		admin = w.assignment("admin", "admin").ToUser("alice").Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonInForce)
	})
	protect := func() {
		GinkgoHelper()
		expectProtected(admin, "User alice owns the organization", "the RoleAssignment admin", "take the user out of the Organization's owners first, or delete the User")
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
	}
	expectLifted := func() {
		GinkgoHelper()
		Eventually(isGone(admin)).Should(BeTrue())
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())
	}

	It("[Z8] stays until somebody else owns the organization", func() {
		protect()
		edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) { o.Spec.Owners = []string{"bob"} })
		expectLifted()
	})
})
