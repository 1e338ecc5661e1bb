package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// machine is the name of a ServiceAccount of the world, and a client of it, bound to a shipped role in the world's namespace.
func (w *world) machine(name, clusterRole string) (string, client.Client) {
	GinkgoHelper()
	username := fmt.Sprintf("system:serviceaccount:%s:%s", w.Namespace, name)
	create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: username}},
	})
	config, err := plane.UserConfig(username, "system:serviceaccounts", "system:serviceaccounts:"+w.Namespace)
	Expect(err).NotTo(HaveOccurred())
	theirs, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	w.expectMay(theirs, "create", "users")
	return username, theirs
}

// giving are objects of the four kinds that give something, to a User.
func (w *world) giving(user string) []v1alpha1.Object {
	return []v1alpha1.Object{
		w.assignment("given-"+user, "admin").ToUser(user).Obj(), w.grant("given-" + user).ToUser(user).Grants(w.Edit).Obj(),
		w.temporary("given-" + user).ToUser(user).Grants(w.Edit).For("8h").Obj(), w.membership("given-"+user, user).Obj(),
	}
}

var _ = Describe("While the operator is away", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })
	unanswered := MatchError(ContainSubstring("failed calling webhook"))

	It("[F9] a ServiceAccount that has the verb creates what gives something, and nobody else does; the rest waits", func() {
		_, gitops := w.machine("gitops", "bailiwick-gitops")
		_, plain := w.machine("plain", "bailiwick-editor")
		mallory, carol := w.editor("mallory"), w.editor("carol", "bind roleassignments", "escalate permissiongrants")
		newcomer := build.User(w.Namespace, "newcomer").KnownAs(w.subject("second")).Obj()
		create(w.user("mallory"))
		Expect(mallory.Create(ctx, newcomer)).To(Succeed())
		held := w.assignment("held", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(held)
		expectReason(held, v1alpha1.ReasonInForce)
		expectReason(newcomer, v1alpha1.ReasonValid)
		op.StopAlone()

		By("refusing who has not the verb, and people, who may be suspended")
		for name, by := range map[string]client.Client{"an editor": mallory, "a ServiceAccount": plain, "a person with the verb": carol, "the administrator of the cluster": k8sClient} {
			for _, object := range w.giving("bob") {
				Expect(by.Create(ctx, object)).To(unanswered, "%s: %T", name, object)
			}
		}
		By("refusing what says by itself who wrote it, and what kubectl has left a null out of")
		forged := w.assignment("forged", "admin").ToUser("bob").Obj()
		for _, stamp := range []string{`{"username":"root","verb":"bind","generation":1}`, `{"username":"root"}`, "root"} {
			annotate(forged, v1alpha1.AnnotationAuthor, stamp)
			Expect(gitops.Create(ctx, forged.DeepCopy())).To(beRefusedByPolicy("bailiwick-authors"), stamp)
		}
		wide := w.assignment("wide", "admin").ToUser("bob").Obj()
		annotate(wide, "kubectl.kubernetes.io/last-applied-configuration", `{"spec":{"scope":{"workspace":null}}}`)
		Expect(gitops.Create(ctx, wide)).To(unanswered)
		By("refusing edits, deletions and every other kind")
		for _, object := range []client.Object{
			build.User(w.Namespace, "late").KnownAs("late").Obj(), build.Group(w.Namespace, "late").Obj(), build.Role(w.Namespace, "late").Grants(w.View).Obj(),
			build.Invitation(w.Namespace, "late").Obj(), build.AccessPolicy(w.Namespace, "late").For("bob").Permits(v1alpha1.PermissionEntry{Permission: w.View}).Obj(),
		} {
			Expect(gitops.Create(ctx, object)).To(unanswered, "%T", object)
		}
		Expect(changeAs(gitops, held.DeepCopy(), func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Workspace = "lab" })).To(unanswered)
		Expect(gitops.Delete(ctx, held)).To(unanswered)

		By("accepting the rest")
		for _, object := range append(w.giving("bob"), w.giving("newcomer")...) {
			Expect(gitops.Create(ctx, object.DeepCopyObject().(client.Object), client.DryRunAll)).To(Succeed(), "%T", object)
			Expect(gitops.Create(ctx, object)).To(Succeed(), "%T", object)
			Expect(object.GetAnnotations()).To(BeEmpty())
		}
		generated := w.assignment("", "editor").ToUser("bob").InWorkspace("lab").Obj()
		generated.GenerateName = "generated-"
		Expect(gitops.Create(ctx, generated)).To(Succeed())
		applied := w.grant("applied").ToUser("bob").Grants(w.View).Obj()
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(applied)
		Expect(err).NotTo(HaveOccurred())
		content["apiVersion"], content["kind"] = v1alpha1.GroupVersion.String(), "PermissionGrant"
		content["metadata"] = map[string]any{"name": applied.Name, "namespace": applied.Namespace}
		delete(content, "status")
		Expect(gitops.Apply(ctx, client.ApplyConfigurationFromUnstructured(unstructuredOf(content)), client.FieldOwner("gitops"))).To(Succeed())
		Expect(changeAs(gitops, w.giving("bob")[0].(*v1alpha1.RoleAssignment), func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Workspace = "lab" })).To(unanswered)

		op.Start()
		for _, object := range append(w.giving("bob"), generated, applied) {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		Expect(w.may("bob", w.Delete, w.at())()).To(BeTrue())
		for _, object := range w.giving("newcomer") {
			expectReason(object, v1alpha1.ReasonNameNotConfirmed, `the User newcomer was made by "`+w.subject("mallory")+`"`)
		}
		Expect(w.may("second", w.Delete, w.at())()).To(BeFalse(), "a name that was taken in advance gives nothing")
		edit(newcomer, func(u *v1alpha1.User) { annotate(u, v1alpha1.AnnotationConfirmed, u.Spec.Subject) })
		for _, object := range w.giving("newcomer") {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		By("meaning the person of then")
		remove(w.user("bob"))
		create(build.User(w.Namespace, "bob").KnownAs(w.subject("second-bob")).Obj())
		for _, object := range w.giving("bob") {
			expectReason(object, v1alpha1.ReasonNameNotConfirmed, "is another person now")
		}
		Expect(gitops.Create(ctx, w.assignment("there", "editor").ToUser("bob").InWorkspace("prod").Obj())).To(Succeed())
		by := policy.AuthorOf(observed(w.assignment("there", "").Obj()).GetAnnotations())
		Expect(by.Verb).To(Equal("bind"), "the webhook stamps and judges what it is there for")
	})

	It("[F4] a ServiceAccount of a suspended User gives nothing by what it creates", func() {
		username, gitops := w.machine("gitops", "bailiwick-gitops")
		machine := build.User(w.Namespace, "machine").KnownAs(username).Obj()
		create(machine)
		before := w.assignment("before", "editor").ToUser("bob").InWorkspace("lab").Obj()
		op.StopAlone()
		Expect(gitops.Create(ctx, before)).To(Succeed())
		op.Start()
		expectReason(before, v1alpha1.ReasonInForce)
		edit(machine, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(machine, v1alpha1.ReasonSuspended)
		Expect(gitops.Create(ctx, w.giving("bob")[0])).To(beRefused("represents the User machine, which is suspended"))

		op.StopAlone()
		for _, object := range w.giving("bob") {
			Expect(gitops.Create(ctx, object)).To(Succeed())
		}
		own, waits := w.assignment("own", "admin").ToUser("bob").Obj(), w.assignment("waits", "later").ToUser("bob").Obj()
		annotate(own, v1alpha1.AnnotationAuthor, fmt.Sprintf(`{"username":%q,"verb":"bind","generation":1}`, username))
		Expect(gitops.Create(ctx, own)).To(Succeed(), "its own name and verb")
		Expect(gitops.Create(ctx, waits)).To(Succeed())
		op.Start()
		for _, object := range w.giving("bob") {
			expectReason(object, v1alpha1.ReasonNotHeld, "its author is not known and may be the User machine, which is suspended")
		}
		expectReason(own, v1alpha1.ReasonNotHeld, "represents the User machine, which was suspended")
		expectReason(waits, v1alpha1.ReasonRoleNotFound)
		create(build.Role(w.Namespace, "later").Grants(w.View).Obj())
		expectReason(waits, v1alpha1.ReasonNotHeld)
		Expect(w.may("bob", w.Delete, w.at())()).To(BeFalse())
		expectReason(before, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at("lab"))()).To(BeTrue(), "what was in force stays so, also after the restart")
	})
})

var _ = Describe("While no webhook stamps", func() {
	It("[F9] nobody says who wrote an object in another's name, or with a verb that they lack; without a stamp it takes the verb", func() {
		w := newWorld()
		w.holds("carol", w.View)
		theirs := w.editor("carol")
		again := withoutWebhook()
		grant := func() *v1alpha1.PermissionGrant { return w.grant("g").ToUser("bob").Grants(w.View).Obj() }
		refused := beRefusedByPolicy("bailiwick-authors")
		Expect(theirs.Create(ctx, grant())).To(refused, "without a stamp")
		Expect(theirs.Create(ctx, build.User(w.Namespace, "squatter").KnownAs("squatter").Obj())).To(refused)
		own := fmt.Sprintf(`{"username":%q,"subject":%q`, w.subject("carol"), w.subject("carol"))
		stamped := func(stamp string) *v1alpha1.PermissionGrant {
			g := grant()
			annotate(g, v1alpha1.AnnotationAuthor, stamp)
			return g
		}
		for _, stamp := range []string{
			`{"username":"root","verb":"escalate","generation":1}`, own + `,"verb":"escalate"}`, fmt.Sprintf(`{"username":%q,"verb":"escalate"}`, w.subject("carol")),
			fmt.Sprintf(`{ "username":%q}`, w.subject("carol")), fmt.Sprintf(`{"username":"%sx"}`, w.subject("carol")),
		} {
			Expect(theirs.Create(ctx, stamped(stamp))).To(refused, stamp)
		}
		// What only JSON reads as another's is nobody's.
		twice := stamped(own + `,"generation":1,"verb":"escalate"}`)
		Expect(theirs.Create(ctx, twice)).To(Succeed())
		expectReason(twice, v1alpha1.ReasonNotHeld)
		Expect(changeAs(theirs, twice, func(g *v1alpha1.PermissionGrant) { g.Annotations = nil })).To(refused, "taking the stamp away")
		Expect(theirs.Delete(ctx, twice)).To(Succeed())

		Expect(k8sClient.Create(ctx, w.grant("theirs").ToUser("bob").Grants(w.View).Obj())).To(Succeed(), "with the verb")
		expectReason(w.grant("theirs").Obj(), v1alpha1.ReasonInForce)
		again()
		Expect(theirs.Create(ctx, w.grant("h").ToUser("bob").Grants(w.View).Obj())).To(Succeed())
		expectReason(w.grant("h").Obj(), v1alpha1.ReasonInForce)
	})
})
