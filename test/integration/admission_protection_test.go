package integration

import (
	"context"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// warnings are what the API server has told someone.
type warnings struct {
	mu   sync.Mutex
	told []string
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, text)
}

// take are the warnings since the last time.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

// warned is a cluster administrator's client that keeps what it is warned of.
func warned() (client.Client, *warnings) {
	GinkgoHelper()
	config, told := plane.Config(), &warnings{}
	config.WarningHandlerWithContext = told
	admin, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return admin, told
}

var _ = Describe("The webhook", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[Z9] refuses to take the last role of a user, whoever asks, and says what to do", func() {
		only := w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj()
		create(w.user("carol"), only)
		expectReason(only, v1alpha1.ReasonInForce)
		Expect(k8sClient.Delete(ctx, only)).To(beRefused("the RoleAssignment only is the last role of the User carol", "assign another one first",
			"to a Group that the User is in", "suspend or delete the User", "the verb escalate on the Organization "+w.Namespace, "spec.lastRolePolicy to Warn"))
		Expect(k8sClient.DeleteAllOf(ctx, &v1alpha1.RoleAssignment{}, client.InNamespace(w.Namespace), client.MatchingFields{"spec.subject.user": "carol"})).
			To(beRefused("last role of the User carol"))

		By("by an update, too")
		moved := observed(only)
		moved.Spec.Subject.User = "bob"
		Expect(k8sClient.Update(ctx, moved)).To(beRefused("last role of the User carol"))
		broken := observed(only)
		broken.Spec.RoleRef.Name = "none"
		Expect(k8sClient.Update(ctx, broken)).To(beRefused("last role of the User carol"))
		elsewhere := observed(only)
		elsewhere.Spec.Scope = v1alpha1.Scope{Workspace: "lab"}
		elsewhere.Spec.RoleRef.Name = "admin"
		Expect(k8sClient.Update(ctx, elsewhere)).To(Succeed(), "it is another role, and still one")
		expectReason(elsewhere, v1alpha1.ReasonInForce)

		By("until there is another one")
		another := w.assignment("another", "editor").ToUser("carol").InWorkspace("lab").Obj()
		create(another)
		expectReason(another, v1alpha1.ReasonInForce)
		remove(only)
		Expect(k8sClient.Delete(ctx, another)).To(beRefused("last role of the User carol"))
		remove(w.user("carol"))
		Eventually(reason(another)).Should(Equal(v1alpha1.ReasonUserNotFound))
		remove(another)
	})

	It("[Z9] takes the last role with a warning where the Organization says so, which only who may escalate on it changes", func() {
		admin, told := warned()
		only := w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj()
		create(w.user("carol"), only)
		expectReason(only, v1alpha1.ReasonInForce)
		Expect(unasked().Delete(ctx, only)).To(Succeed())
		expectReason(only, v1alpha1.ReasonRevocationProtected)

		allowOrganizations(w.subject("alice"))
		alice, organization := w.client("alice"), build.Organization(w.Namespace).Obj()
		w.expectMayOrganizations(alice)
		warns := func(o *v1alpha1.Organization) { o.Spec.LastRolePolicy = v1alpha1.LastRoleWarn }
		Expect(changeAs(alice, organization, warns)).To(beRefused("spec.lastRolePolicy", "the verb escalate on organizations"))
		edit(organization, warns)
		Eventually(isGone(only)).Should(BeTrue(), "what is deleted already goes")

		again := w.assignment("again", "editor").ToUser("carol").InWorkspace("prod").Obj()
		create(again)
		expectReason(again, v1alpha1.ReasonInForce)
		Expect(admin.Delete(ctx, again)).To(Succeed())
		Expect(told.take()).To(ConsistOf(containAll("the RoleAssignment again is the last role of the User carol", "has none after this")))
		Eventually(isGone(again)).Should(BeTrue())
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
		Expect(changeAs(alice, organization, func(o *v1alpha1.Organization) { o.Spec.LastRolePolicy = v1alpha1.LastRoleProtect })).To(beRefused("spec.lastRolePolicy"))
	})

	It("[Z9] takes the own role of who has one through a group, and the group's, its members and the group as well", func() {
		only, toGroup, member := w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj(), w.assignment("group", "editor").ToGroup("devs").InWorkspace("lab").Obj(), w.membership("carol", "carol").Obj()
		create(w.user("carol"), only)
		expectReason(only, v1alpha1.ReasonInForce)
		Expect(k8sClient.Delete(ctx, only)).To(beRefused("last role of the User carol"))
		create(toGroup, member)
		expectReason(toGroup, v1alpha1.ReasonInForce)
		expectReason(member, v1alpha1.ReasonInForce)
		remove(only)
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeTrue())
		remove(toGroup)
		remove(member)
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeFalse())
	})

	It("[T2] lets go of a role that ends, and takes none that does for another one", func() {
		lasts, ends := w.assignment("lasts", "editor").ToUser("carol").InWorkspace("prod").Obj(), w.assignment("ends", "editor").ToUser("carol").InWorkspace("lab").Until(time.Now().Add(time.Hour)).Obj()
		create(w.user("carol"), lasts, ends)
		expectReason(lasts, v1alpha1.ReasonInForce)
		expectReason(ends, v1alpha1.ReasonInForce)
		Expect(k8sClient.Delete(ctx, lasts)).To(beRefused("last role of the User carol"))
		remove(ends)
		Expect(k8sClient.Delete(ctx, lasts)).To(beRefused("last role of the User carol"))
		another := w.assignment("another", "editor").ToUser("carol").InWorkspace("lab").Obj()
		create(another)
		expectReason(another, v1alpha1.ReasonInForce)
		remove(lasts)
	})

	It("[Z8] refuses to take the admin role from an owner, and the role itself", func() {
		admin := w.assignment("admin", "admin").ToUser("alice").Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonInForce)
		Expect(k8sClient.Delete(ctx, admin)).To(beRefused("User alice owns the organization", "take the user out of the Organization's owners first"))
		narrower := observed(admin)
		narrower.Spec.Scope = v1alpha1.Scope{Workspace: "prod"}
		Expect(k8sClient.Update(ctx, narrower)).To(beRefused("User alice owns the organization"))
		role := build.Role(w.Namespace, "admin").Obj()
		Expect(k8sClient.Delete(ctx, role)).To(beRefused("the admin role of the Organization "+w.Namespace, "User alice owns", "spec.adminRole"))

		edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) { o.Spec.AdminRole = "editor" })
		expectReason(build.Organization(w.Namespace).Obj(), v1alpha1.ReasonNotAdministered)
		remove(admin, role)
	})

	It("[Z8] [Z9] refuses to change one that is being deleted and still in force", func() {
		only := w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj()
		create(w.user("carol"), only)
		expectReason(only, v1alpha1.ReasonInForce)
		expectProtected(only, "last role")
		only = observed(only)
		only.Spec.Scope = v1alpha1.Scope{}
		Expect(k8sClient.Update(ctx, only)).To(beRefused("is being deleted", "make another one"))
	})

	It("warns of what a deletion takes, of who has the address that is invited, and of a grant that has passed", func() {
		admin, told := warned()
		assigned := w.assignment("a", "editor").ToUser("bob").InWorkspace("prod").Obj()
		toGroup := w.assignment("g", "editor").ToGroup("devs").Obj()
		create(assigned, toGroup)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectReason(toGroup, v1alpha1.ReasonInForce)

		organization := observed(build.Organization(w.Namespace).Obj())
		organization.Spec.Workspaces = organization.Spec.Workspaces[1:]
		Expect(admin.Update(ctx, organization, client.DryRunAll)).To(Succeed())
		Expect(told.take()).To(ConsistOf("in use: 1 object loses what it gives by this: RoleAssignment a at " + w.Namespace + "/prod (spec.scope)"))
		for _, c := range []struct {
			object client.Object
			lost   string
			named  []string
		}{
			{build.Role(w.Namespace, "editor").Obj(), "2 objects lose what they give", []string{"RoleAssignment a at " + w.Namespace + "/prod (spec.roleRef)", "RoleAssignment g at " + w.Namespace + " (spec.roleRef)"}},
			{build.Group(w.Namespace, "devs").Obj(), "1 object loses what it gives", []string{"RoleAssignment g at " + w.Namespace + " (spec.subject.group)"}},
			{w.user("bob"), "2 objects lose", []string{"RoleAssignment a", "RoleAssignment standing-bob", "(spec.subject.user)"}},
			{build.ResourceType(w.Namespace).Obj(), "3 objects lose", []string{"Role editor at " + w.Namespace + " (spec.permissionGrants)"}},
			{build.Organization(w.Namespace).Obj(), "4 objects lose", []string{"(metadata.namespace)"}},
		} {
			Expect(admin.Delete(ctx, c.object, client.DryRunAll)).To(Succeed())
			Expect(told.take()).To(ConsistOf(containAll(append([]string{"in use: " + c.lost}, c.named...)...)))
		}
		Expect(admin.Delete(ctx, assigned, client.DryRunAll)).To(Succeed())
		Expect(told.take()).To(BeEmpty())

		annotated := observed(assigned)
		annotated.Annotations = map[string]string{v1alpha1.AnnotationPaused: "yes"}
		Expect(admin.Update(ctx, annotated, client.DryRunAll)).To(Succeed())
		Expect(told.take()).To(ConsistOf(containAll("metadata.annotations[authz.bailiwick.dev/paused]", `"yes" pauses nothing`, `write "true"`)))

		create(build.User(w.Namespace, "carol").KnownAs(w.subject("carol")).ReachedAt("guest@example.com").Obj())
		expectReason(w.user("carol"), v1alpha1.ReasonValid)
		Expect(admin.Create(ctx, build.Invitation(w.Namespace, "guest").Obj())).To(Succeed())
		Expect(told.take()).To(ConsistOf(containAll("spec.email", "User carol")))

		past := time.Now().Add(-time.Hour)
		for _, passed := range []client.Object{
			w.temporary("passed").ToUser("bob").Grants(w.View).Until(past).Obj(),
			w.assignment("passed", "editor").ToUser("bob").Until(past).Obj(),
			w.grant("passed").ToUser("bob").Grants(w.View).Until(past).Obj(),
			w.membership("passed", "bob").Until(past).Obj(),
		} {
			Expect(admin.Create(ctx, passed)).To(Succeed())
			Expect(told.take()).To(ConsistOf(ContainSubstring("this instant has passed, so this gives nothing")))
		}
	})
})

var _ = Describe("While the webhook is installed and does not answer", func() {
	It("[Z9] [G12] nothing is given, nothing is taken that it protects, and nobody else waits for it", func() {
		w := newWorld()
		assigned := w.assignment("a", "editor").ToUser("bob").Obj()
		role := build.Role(w.Namespace, "editor").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		doomed := newWorld()
		config, err := plane.UserConfig(operatorName, "system:serviceaccounts")
		Expect(err).NotTo(HaveOccurred())
		operator, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
		Expect(err).NotTo(HaveOccurred())

		op.StopAlone()
		unanswered := MatchError(ContainSubstring("failed calling webhook"))
		Expect(k8sClient.Create(ctx, w.assignment("b", "editor").ToUser("bob").InWorkspace("lab").Obj())).To(unanswered)
		Expect(k8sClient.Create(ctx, build.Role(w.Namespace, "r").Grants(w.View).Obj())).To(unanswered)
		Expect(k8sClient.Create(ctx, w.user("carol"))).To(unanswered)
		Expect(k8sClient.Create(ctx, build.Group(w.Namespace, "ops").Obj())).To(unanswered)
		Expect(k8sClient.Create(ctx, w.membership("bob", "bob").Obj())).To(unanswered)
		Expect(k8sClient.Delete(ctx, assigned)).To(unanswered)
		Expect(k8sClient.Delete(ctx, role)).To(unanswered)
		Expect(k8sClient.Delete(ctx, w.user("bob"))).To(unanswered)
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(role), role)).To(Succeed())
		role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: w.Delete})
		Expect(k8sClient.Update(ctx, role)).To(unanswered)

		By("labels are written, and what only would be warned of is done")
		label := client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"labels": {"team": "x"}}}`))
		Expect(k8sClient.Patch(ctx, assigned, label)).To(Succeed())
		Expect(k8sClient.Delete(ctx, build.Group(w.Namespace, "devs").Obj())).To(unanswered, "owners may administer by it")
		Expect(unasked().Delete(ctx, build.Group(w.Namespace, "devs").Obj())).To(Succeed())

		By("the operator writes statuses and takes its finalizer away")
		status := client.RawPatch("application/merge-patch+json", []byte(`{"status": {"inForce": true}}`))
		Expect(operator.Status().Patch(ctx, assigned, status)).To(Succeed())
		free := client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"finalizers": null}}`))
		Expect(operator.Patch(ctx, build.Group(w.Namespace, "devs").Obj(), free)).To(Succeed())

		By("a namespace that goes away deletes what is in it")
		Expect(k8sClient.Delete(ctx, namespaceNamed(doomed.Namespace))).To(Succeed())
		Eventually(func(g Gomega) {
			var left v1alpha1.RoleAssignmentList
			g.Expect(k8sClient.List(ctx, &left, client.InNamespace(doomed.Namespace))).To(Succeed())
			g.Expect(left.Items).NotTo(BeEmpty(), "held by their finalizers")
			for _, item := range left.Items {
				g.Expect(item.DeletionTimestamp).NotTo(BeNil(), item.Name)
			}
		}).Should(Succeed())
		op.Start()
		Eventually(isGone(namespaceNamed(doomed.Namespace))).Should(BeTrue())
	})
})
