package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// A name gives nobody what they were not meant to have, whoever is faster.
var _ = Describe("A name that somebody has taken in advance", func() {
	var (
		w       *world
		mallory client.Client
	)
	BeforeEach(func() {
		w = newWorld()
		create(w.user("mallory"))
		mallory = w.editor("mallory")
	})
	newcomer := func() *v1alpha1.User {
		return build.User(w.Namespace, "newcomer").KnownAs(w.subject("second")).ReachedAt("erin@example.com").Obj()
	}
	assigned := func() *v1alpha1.RoleAssignment { return w.assignment("x", "admin").ToUser("newcomer").Obj() }

	It("[F9] is refused in what is written, also for who has bind, until somebody with bind confirms it", func() {
		Expect(mallory.Create(ctx, newcomer())).To(Succeed())
		refused := beRefused(`spec.subject.user: the User newcomer was made by "`+w.subject("mallory")+`"`, "could not give this", "kubectl annotate")
		Expect(k8sClient.Create(ctx, assigned())).To(refused)
		Expect(k8sClient.Create(ctx, w.grant("g").ToUser("newcomer").Grants(w.Delete).Obj())).To(beRefused("the User newcomer was made by"))
		Expect(k8sClient.Create(ctx, w.temporary("t").ToUser("newcomer").Grants(w.Delete).For("1h").Obj())).To(beRefused("the User newcomer was made by"))
		Expect(k8sClient.Create(ctx, w.membership("m", "newcomer").Obj())).To(beRefused("the User newcomer was made by"))
		confirms := func(u *v1alpha1.User) { annotate(u, v1alpha1.AnnotationConfirmed, u.Spec.Subject) }
		Expect(changeAs(mallory, newcomer(), confirms)).To(MatchError(ContainSubstring("needs the verb bind on users")), "not by who took it")
		Expect(changeAs(k8sClient, newcomer(), confirms)).To(Succeed())
		create(assigned())
		expectReason(assigned(), v1alpha1.ReasonInForce)
	})

	It("[F9] gives nothing where it was taken at the same moment, so that nobody was asked about it", func() {
		// The webhook judges by a view that may be behind: here it knows of neither.
		withoutJudge := withdrawJudge()
		DeferCleanup(func() {
			withoutJudge.ResourceVersion, withoutJudge.UID = "", ""
			create(withoutJudge)
			Eventually(judged).Should(BeTrue())
		})
		Eventually(judged).Should(BeFalse())
		create(assigned())
		Expect(mallory.Create(ctx, newcomer())).To(Succeed())
		expectReason(assigned(), v1alpha1.ReasonNameNotConfirmed, "the User newcomer was made by")
		Expect(w.may("second", w.Delete, w.at())()).To(BeFalse())

		By("nor what its author could not give when it takes effect")
		own := w.assignment("own", "admin").ToUser("mallory").Obj()
		Expect(mallory.Create(ctx, own)).To(Succeed())
		expectReason(own, v1alpha1.ReasonNotHeld, `its author "`+w.subject("mallory")+`" did not hold`)
		Expect(w.may("mallory", w.Delete, w.at())()).To(BeFalse())
	})

	It("[F9] is not that of an Invitation, nor the address of one who is invited", func() {
		Expect(mallory.Create(ctx, build.Invitation(w.Namespace, "taken").Obj())).To(Succeed())
		Expect(k8sClient.Create(ctx, w.assignment("i", "admin").ToInvitation("taken").Obj())).To(beRefused("the Invitation taken was made by"))

		Expect(mallory.Create(ctx, newcomer())).To(Succeed())
		create(build.Invitation(w.Namespace, "erin").Obj(), w.assignment("e", "admin").ToInvitation("erin").Obj())
		expectReason(w.assignment("e", "").Obj(), v1alpha1.ReasonInvitationPending)
		theirs := w.editor("second")
		accept := func(i *v1alpha1.Invitation) { i.Spec.AcceptedBy = "newcomer" }
		Expect(changeAs(theirs, build.Invitation(w.Namespace, "erin").Obj(), accept)).To(beRefused("spec.acceptedBy: the User newcomer was made by"))
	})

	It("[F9] gives a new person under an old name nothing, until the name is confirmed, and the same person made anew all", func() {
		create(build.User(w.Namespace, "newcomer").KnownAs(w.subject("first")).Obj(), assigned())
		expectReason(assigned(), v1alpha1.ReasonInForce)
		remove(newcomer())
		expectReason(assigned(), v1alpha1.ReasonUserNotFound)
		create(newcomer())
		expectReason(assigned(), v1alpha1.ReasonNameNotConfirmed, "is another person now")
		Expect(w.may("second", w.Delete, w.at())()).To(BeFalse())
		edit(newcomer(), func(u *v1alpha1.User) { annotate(u, v1alpha1.AnnotationConfirmed, u.Spec.Subject) })
		expectReason(assigned(), v1alpha1.ReasonInForce)
		remove(newcomer())
		create(build.User(w.Namespace, "newcomer").KnownAs(w.subject("first")).Obj())
		expectReason(assigned(), v1alpha1.ReasonInForce)
	})

	It("[F9] stays what its author could give, after a restart, and its stamps are put back", func() {
		w.holds("carol", w.View)
		theirs := w.editor("carol")
		granted := w.grant("theirs").ToUser("bob").Grants(w.View).Obj()
		Expect(theirs.Create(ctx, granted)).To(Succeed())
		expectReason(granted, v1alpha1.ReasonInForce)
		Expect(observed(granted).Status.Judged).NotTo(BeNil())
		remove(w.grant("of-carol").Obj())
		op.Stop()
		op.Start()
		expectReason(granted, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at())()).To(BeTrue(), "what its author loses later changes nothing")
		before := policy.AuthorOf(observed(granted).GetAnnotations())
		Expect(before.Username).To(Equal(w.subject("carol")))
		Expect(changeAs(theirs, granted, func(g *v1alpha1.PermissionGrant) {
			g.Annotations = nil
			annotate(g, v1alpha1.AnnotationAuthor, `{"username":"root","verb":"escalate","generation":1}`)
		})).To(Succeed())
		Expect(policy.AuthorOf(observed(granted).GetAnnotations())).To(Equal(before), "as a tool does that replaces it")
	})
})
