package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An author", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[P5] is found by what the Organization maps their name to", func() {
		w.holds("carol", w.View)
		theirs := w.editor("corp")
		Expect(theirs.Create(ctx, w.grant("early").ToUser("bob").Grants(w.View).Obj())).
			To(beRefused("holds nothing, since no User in force here has that subject"))

		organization := build.Organization(w.Namespace).Obj()
		edit(organization, func(o *v1alpha1.Organization) {
			o.Spec.Usernames = []v1alpha1.UsernameMapping{{Username: w.subject("corp"), Subject: w.subject("carol")}}
		})
		Eventually(func() error { return theirs.Create(ctx, w.grant("given").ToUser("bob").Grants(w.View).Obj()) }).Should(Succeed())
		Expect(theirs.Create(ctx, w.grant("more").ToUser("bob").Grants(w.Edit).Obj())).To(beRefused("the User carol does not hold"))
	})

	// The API server's CEL and JSON don't quote all characters alike, and a stamp has to say who is asking in the words of both.
	It("[P5] may have any name that the API server knows, but one with control characters", func() {
		w.holds("carol", w.View)
		known := func(name string) client.Client {
			config, err := plane.UserConfig(name)
			Expect(err).NotTo(HaveOccurred())
			theirs, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
			Expect(err).NotTo(HaveOccurred())
			create(&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: "known-"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-editor"},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
			})
			w.expectMay(theirs, "create", "users")
			return theirs
		}
		odd := w.Namespace + "\u2028\"\\<\u2029é\\u2028"
		edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
			o.Spec.Usernames = []v1alpha1.UsernameMapping{{Username: odd, Subject: w.subject("carol")}}
		})
		given, theirs := w.grant("given").ToUser("bob").Grants(w.View).Obj(), known(odd)
		Eventually(func() error { return theirs.Create(ctx, given) }).Should(Succeed())
		expectReason(given, v1alpha1.ReasonInForce)
		Expect(policy.AuthorOf(given.Annotations).Username).To(Equal(odd))
		Expect(theirs.Create(ctx, w.grant("more").ToUser("bob").Grants(w.Edit).Obj())).To(beRefused("the User carol does not hold"))

		Expect(known(w.Namespace+"\a").Create(ctx, w.grant("never").ToUser("bob").Grants(w.View).Obj())).
			To(MatchError(containAll("the API server knows you as", `\a`, "control characters")))
	})

	It("[P6] is warned of a subject and an address that another User has but for their case", func() {
		admin, told := warned()
		known := build.User(w.Namespace, "erin").KnownAs("erin@" + w.Namespace).ReachedAt("Erin@Acme.Example").Obj()
		create(known)
		expectReason(known, v1alpha1.ReasonValid)
		Expect(admin.Create(ctx, build.User(w.Namespace, "twin").KnownAs("Erin@"+w.Namespace).ReachedAt("erin@acme.example").Obj())).To(Succeed())
		Expect(told.take()).To(ConsistOf(
			ContainSubstring("the User erin has a subject that differs in the case of letters only"), ContainSubstring("the User erin has the same address")))
		Expect(admin.Create(ctx, build.User(w.Namespace, "other").KnownAs("other@"+w.Namespace).Obj())).To(Succeed())
		Expect(told.take()).To(BeEmpty())
	})

	It("[F3] leaves an owner who administers the organization, whatever is edited, unless they may escalate on it", func() {
		admin := w.assignment("admin", "admin").ToUser("alice").Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonInForce)
		theirs := w.editor("carol", "bind users", "escalate roles", "bind roleassignments")
		lost := "no owner would administer the Organization " + w.Namespace
		Expect(changeAs(theirs, w.user("alice"), func(u *v1alpha1.User) { u.Spec.Suspended = true })).To(beRefused(lost, "the verb escalate on the Organization"))
		Expect(theirs.Delete(ctx, w.user("alice"))).To(beRefused(lost))
		role := build.Role(w.Namespace, "admin").Obj()
		Expect(changeAs(theirs, role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = nil })).To(beRefused(lost))
		Expect(changeAs(theirs, role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = r.Spec.PermissionGrants[:1] })).To(Succeed(), "it still is administered")
		Expect(changeAs(k8sClient, w.user("alice"), func(u *v1alpha1.User) { u.Spec.Suspended = true })).To(Succeed(), "a cluster administrator has the verb")
		expectReason(build.Organization(w.Namespace).Obj(), v1alpha1.ReasonNotAdministered, "the User alice is suspended")
	})

	It("[F4] who is suspended gives and keeps nothing, whatever verbs they have", func() {
		w.holds("carol", w.View)
		theirs := w.editor("carol", "bind users", "bind roleassignments", "escalate permissiongrants", "escalate roles")
		paused := w.assignment("paused", "editor").ToUser("bob").Obj()
		create(paused)
		expectReason(paused, v1alpha1.ReasonInForce)
		Expect(theirs.Create(ctx, w.grant("before").ToUser("bob").Grants(w.Delete).Obj())).To(Succeed())
		edit(w.user("carol"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(w.user("carol"), v1alpha1.ReasonSuspended)
		refused := beRefused("represents the User carol, which is suspended")
		Expect(changeAs(theirs, w.user("carol"), func(u *v1alpha1.User) { u.Spec.Suspended = false })).To(refused)
		Expect(theirs.Delete(ctx, w.user("carol"))).To(refused, "to make it anew")
		Expect(theirs.Create(ctx, build.User(w.Namespace, "carol2").KnownAs(w.subject("carol")).Obj())).To(refused)
		Expect(theirs.Create(ctx, w.grant("after").ToUser("bob").Grants(w.Delete).Obj())).To(refused)
		Expect(changeAs(theirs, paused, func(a *v1alpha1.RoleAssignment) { a.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"} })).To(refused)
		Expect(changeAs(theirs, paused, func(a *v1alpha1.RoleAssignment) { a.Labels = map[string]string{"team": "x"} })).To(Succeed(), "it gives nothing")
		Expect(theirs.Delete(ctx, w.assignment("paused", "").Obj())).To(Succeed(), "it takes away")
	})

	It("[F3] the finalizer stays while the operator is away, but for who may escalate on the Organization", func() {
		theirs := w.editor("carol")
		assigned := w.assignment("a", "editor").ToUser("bob").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		op.StopAlone()
		free := func(a *v1alpha1.RoleAssignment) { a.Finalizers = nil }
		Expect(changeAs(theirs, assigned, free)).To(beRefusedByPolicy("bailiwick-finalizers"))
		Expect(changeAs(k8sClient, assigned, free)).To(Succeed())
		op.Start()
	})

	It("[F9] nobody writes a status but the operator", func() {
		theirs := w.editor("carol", "patch users/status")
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"observedGeneration":7}}`))
		Expect(theirs.Status().Patch(ctx, w.user("bob"), patch)).To(beRefusedByPolicy("bailiwick-statuses"))
		Expect(k8sClient.Status().Patch(ctx, w.user("bob"), patch)).To(beRefusedByPolicy("bailiwick-statuses"))
		Expect(theOperator().Status().Patch(ctx, w.user("bob"), patch)).To(Succeed())
	})
})
