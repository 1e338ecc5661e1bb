package integration

import (
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
)

var _ = Describe("Replicas that do not lead", Label(slow), func() {
	It("[D1] [D2] answer about an organization in which something is paused or held back, by what the one that leads says", func() {
		installAnswering()
		kept := storage{file: filepath.Join(GinkgoT().TempDir(), "store.db")}
		all := newReplicas(kept)
		leading := all.start(kept)
		op.address = leading.address
		leading.leads()
		before := all.startAnswering()
		w := newWorld()
		bobs := func(workspace string) question {
			return question{User: objectid.User(w.subject("bob")), Permission: w.Edit, Object: w.at(workspace)}
		}
		held := w.assignment("held", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(held)
		expectReason(held, v1alpha1.ReasonInForce)
		before.answers(bobs("prod"), true)

		By("while an edit waits, also when they have seen neither the pause nor the edit")
		organization := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}
		pause(organization)
		DeferCleanup(func() { resume(organization) })
		expectPaused(held, v1alpha1.ReasonOrganizationPaused, false)
		edit(held, func(o *v1alpha1.RoleAssignment) { o.Spec.Scope.Workspace = "lab" })
		expectPaused(held, v1alpha1.ReasonOrganizationPaused, true)
		after := all.startAnswering()
		for _, r := range []*answering{before, after} {
			r.answers(bobs("prod"), true)
			r.answers(bobs("lab"), false)
		}

		By("and when the pause has ended, as soon as the edit is in force")
		resume(organization)
		expectReason(held, v1alpha1.ReasonInForce)
		Eventually(func(g Gomega) {
			g.Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(held), held)).To(Succeed())
			g.Expect(held.Status.Scope).To(Equal(w.Namespace + "/lab"))
		}).Should(Succeed())
		for _, r := range []*answering{before, after} {
			r.denies(bobs("prod"), "what was moved away")
			r.answers(bobs("lab"), true)
		}

		By("and while a deletion is held back")
		remove(w.standing("bob"))
		Expect(k8sClient.Delete(ctx, held)).To(Succeed())
		expectReason(held, v1alpha1.ReasonRevocationProtected)
		for _, r := range []*answering{before, after, all.startAnswering()} {
			r.answers(bobs("lab"), true)
		}
		another := w.standing("bob")
		create(another)
		remove(held)
		for _, r := range []*answering{before, after} {
			r.denies(bobs("lab"), "what was let go")
		}

		By("which nobody else can say, whatever their rights")
		for _, name := range []string{"bailiwick-read-leases", "bailiwick-reader-forged"} {
			forged := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "bailiwick-system", Name: name}}
			Expect(k8sClient.Create(ctx, forged, client.DryRunAll)).To(beBound("bailiwick-read-leases", "theirs to write"), name)
		}
		word := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "bailiwick-system", Name: "bailiwick-read-leases"}}
		Expect(changeAs(k8sClient, word, func(o *coordinationv1.Lease) { o.Annotations = nil })).To(beBound("bailiwick-read-leases", "theirs to write"))
		other := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "bailiwick-reader-forged"}}
		Expect(k8sClient.Create(ctx, other, client.DryRunAll)).To(Succeed(), "in another namespace")
	})
})
