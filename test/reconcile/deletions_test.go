package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/statuscheck"
)

// inForce says whether the status of an object says that it gives something; false where its kind says nothing of it.
func inForce(object v1alpha1.Object) bool {
	GinkgoHelper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(observed(object))
	Expect(err).NotTo(HaveOccurred())
	says, _, err := unstructured.NestedBool(content, "status", "inForce")
	Expect(err).NotTo(HaveOccurred())
	return says
}

var _ = Describe("An object that is deleted and held by somebody else's finalizer", func() {
	const held = "example.com/held"
	for _, kind := range kinds.All {
		It("[F7] says that it gives nothing, and not that it does: "+kind.Name, func() {
			w := newWorld()
			invitation := build.Invitation(w.Namespace, "guest").Obj()
			gone := build.AccessRequest(w.Namespace, "gone", w.subject("bob")).Obj()
			gone.UID = "gone"
			object := map[string]v1alpha1.Object{
				kinds.ResourceType:             build.ResourceType(w.Namespace + "-own").OfType(w.Namespace + ".own").Permits(w.Namespace + ":Own").Obj(),
				kinds.Organization:             build.Organization(w.Namespace).Obj(),
				kinds.User:                     w.user("carol"),
				kinds.Group:                    build.Group(w.Namespace, "own").Obj(),
				kinds.Role:                     build.Role(w.Namespace, "own").Grants(w.View).Obj(),
				kinds.Invitation:               invitation,
				kinds.RoleAssignment:           w.assignment("own", "editor").ToUser("alice").Obj(),
				kinds.GroupMembership:          w.membership("own", "alice").Obj(),
				kinds.PermissionGrant:          w.grant("own").ToUser("alice").Grants(w.View).Obj(),
				kinds.AccessPolicy:             build.AccessPolicy(w.Namespace, "own").For("bob").Offers("editor").Obj(),
				kinds.AccessRequest:            build.AccessRequest(w.Namespace, "own", w.subject("bob")).Role("editor").Obj(),
				kinds.AccessDecision:           build.AccessDecision(gone, "own", w.subject("alice"), v1alpha1.VerdictApprove),
				kinds.TemporaryPermissionGrant: w.temporary("own").ToUser("alice").Grants(w.View).For("1h").Obj(),
			}[kind.Name]
			Expect(object).NotTo(BeNil(), "no example of this kind")
			if kind.Name == kinds.Organization { // which is in the world already
				create(w.assignment("admin", "admin").ToUser("alice").Obj())
			} else {
				create(object)
			}
			edit(object, func(o v1alpha1.Object) { o.SetFinalizers(append(o.GetFinalizers(), held)) })
			Eventually(reason(object)).Should(BeElementOf(v1alpha1.ReasonValid, v1alpha1.ReasonInForce, v1alpha1.ReasonInvitationPending,
				v1alpha1.ReasonNotAllowed, v1alpha1.ReasonRequestNotFound))
			Expect(inForce(object)).To(Equal(kind.InForce))

			Expect(k8sClient.Delete(ctx, object)).To(Succeed())
			expectReason(object, v1alpha1.ReasonBeingDeleted, "gives nothing any more", held)
			Eventually(func() []string { return observed(object).GetFinalizers() }).Should(ConsistOf(held))
			Expect(inForce(object)).To(BeFalse())
			Expect(statuscheck.Check(observed(object))).To(Succeed())

			By("and nothing more is written of it")
			waitUntilQuiet()
			before := observed(object).GetResourceVersion()
			op.Stop()
			op.Start()
			waitUntilQuiet()
			Expect(observed(object).GetResourceVersion()).To(Equal(before))

			edit(object, func(o v1alpha1.Object) { o.SetFinalizers(nil) })
			Eventually(isGone(object)).Should(BeTrue())
		})
	}
})
