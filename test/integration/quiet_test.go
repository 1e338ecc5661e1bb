package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The operator", func() {
	var (
		w       *world
		objects []client.Object
	)
	BeforeEach(func() {
		w = newWorld()
		objects = []client.Object{
			build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj(),
			build.Role(w.Namespace, "partly").Grants(w.View, w.Namespace+":Nothing").GrantsIf(w.Edit, build.Equals("floor", "abc")).Obj(),
			build.User(w.Namespace, "twin").KnownAs(w.subject("alice")).Obj(),
			build.User(w.Namespace, "away").KnownAs(w.subject("away")).Suspended().Obj(),
			w.assignment("user", "editor").ToUser("alice").Obj(),
			w.assignment("group", "editor").ToGroup("devs").InProject("prod", "vision").Obj(),
			w.assignment("resource", "reader").ToUser("bob").InProject("prod", "vision").OnResource(w.Type, "42").Obj(),
			w.assignment("partly", "partly").ToUser("bob").Obj(),
			w.assignment("away", "editor").ToUser("away").Obj(),
			w.assignment("waits", "later").ToUser("carol").InWorkspace("nowhere").Obj(),
			w.assignment("level", "reader").ToUser("alice").Obj(),
		}
		create(objects...)
		objects = append(objects,
			namespaceNamed(w.Namespace), build.ResourceType(w.Namespace).Obj(), build.Organization(w.Namespace).Obj(),
			w.user("alice"), w.user("bob"), build.Group(w.Namespace, "devs").Obj(), build.Role(w.Namespace, "editor").Obj())
		expectReason(w.assignment("user", "").Obj(), v1alpha1.ReasonInForce)
		waitUntilQuiet()
	})

	It("[K10] writes nothing when objects change in nothing that concerns it", func() {
		before := expectUnmoved(objects...)

		By("the same for an edit that does")
		edit(build.Role(w.Namespace, "editor").Obj(), func(r *v1alpha1.Role) { r.Spec.PermissionGrants = r.Spec.PermissionGrants[:1] })
		expectReason(build.Role(w.Namespace, "editor").Obj(), v1alpha1.ReasonValid)
		Expect(writtenNow().ToAPI).To(BeNumerically(">", before.ToAPI))
		Expect(writtenNow().ToStore).To(BeNumerically(">", before.ToStore))
	})

	It("[K10] writes nothing when it starts and all is as it left it", func() {
		before, reconciled := writtenNow(), measured(reconciles)
		held, err := op.tuples()
		Expect(err).NotTo(HaveOccurred())
		op.Stop()
		op.Start()
		Eventually(func() float64 { return measured(reconciles) }).Should(BeNumerically(">=", reconciled+float64(len(objects))))
		waitUntilQuiet()
		Expect(writtenNow()).To(Equal(before))
		Expect(op.tuples()).To(ConsistOf(held))
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeTrue())
	})

	It("is asked once about an edit, and not at all about a label, where there is nothing to put back", func() {
		role := build.Role(w.Namespace, "editor").Obj()
		asked := func(change func(*v1alpha1.Role)) float64 {
			GinkgoHelper()
			waitUntilQuiet() // else an edit may have to be sent again
			before := measured(webhookRequests)
			edit(role, change)
			return measured(webhookRequests) - before
		}
		Expect(asked(func(r *v1alpha1.Role) { r.Spec.PermissionGrants = r.Spec.PermissionGrants[:1] })).To(BeEquivalentTo(1), "whether it may be")
		Expect(asked(func(r *v1alpha1.Role) { r.Labels = map[string]string{"example.com/touched": "yes"} })).To(BeZero())
		Expect(asked(func(r *v1alpha1.Role) { r.Finalizers = nil })).To(BeEquivalentTo(1), "what is missing")
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(role), role)).To(Succeed())
		Expect(role.Finalizers).To(ConsistOf(v1alpha1.Finalizer))
		Expect(asked(func(r *v1alpha1.Role) { r.Annotations = map[string]string{v1alpha1.AnnotationPaused: "yes"} })).To(BeEquivalentTo(1), "whether that pauses")
	})

	It("writes to the API server at most twice for a new RoleAssignment: its finalizer and its status", func() {
		const many = 20
		before := writtenNow()
		for n := range many {
			create(w.assignment(fmt.Sprint("new-", n), "editor").ToUser("bob").InWorkspace("prod").Obj())
		}
		for n := range many {
			expectReason(w.assignment(fmt.Sprint("new-", n), "").Obj(), v1alpha1.ReasonInForce)
		}
		waitUntilQuiet()
		each := float64(writtenNow().ToAPI-before.ToAPI) / many
		AddReportEntry("API writes per new RoleAssignment", each)
		Expect(each).To(BeNumerically("<=", 2))
		Expect(each).To(BeNumerically(">=", 1))
	})
})
