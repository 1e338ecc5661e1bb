package integration

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/plugin"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/schema"
)

// accessWorld is one in which bob may ask for the role editor in prod for an hour, with a ticket, and carol or dave decide.
type accessWorld struct {
	*world
	policy *v1alpha1.AccessPolicy
	// alice administers the organization, mallory may write everything in the namespace and holds editor in lab, bob asks,
	// carol and dave decide.
	alice, mallory, bob, carol, dave client.Client
}

func newAccessWorld() *accessWorld {
	GinkgoHelper()
	// Since it was started again the operator has seen that names are bound. What was made before that is not relied on.
	Eventually(gauge("bailiwick_installation_ok", installation.PartValidating)).Should(BeEquivalentTo(1))
	w := &accessWorld{world: newWorld()}
	admin := w.assignment("alice", "admin").ToUser("alice").Obj()
	create(w.user("carol"), w.user("dave"), w.user("mallory"), w.standing("mallory"), admin, w.assignment("mallory", "editor").ToUser("mallory").InWorkspace("lab").Obj())
	expectReason(admin, v1alpha1.ReasonInForce)
	w.alice, w.mallory = w.editor("alice"), w.editor("mallory")
	w.bob, w.carol, w.dave = w.inRole("bob", "bailiwick-requester", "create accessrequests"), w.inRole("carol", "bailiwick-decider", "create accessdecisions"),
		w.inRole("dave", "bailiwick-decider", "create accessdecisions")
	nextSecond()
	w.policy = build.AccessPolicy(w.Namespace, "p").For("bob").Offers("editor").In("prod").Wants("ticket").DecidedBy(1, "carol", "dave").Obj()
	Expect(w.alice.Create(ctx, w.policy)).To(Succeed())
	expectReason(w.policy, v1alpha1.ReasonValid)
	return w
}

// inRole is a client of a user of the world who has a shipped role, as soon as it lets them do something.
func (w *accessWorld) inRole(user, clusterRole, does string) client.Client {
	GinkgoHelper()
	create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: user + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.subject(user)}},
	})
	theirs := w.client(user)
	verb, resource, _ := strings.Cut(does, " ")
	w.expectMay(theirs, verb, resource)
	return theirs
}

// request is one of bob's that the policy allows, with nobody's name in it.
func (w *accessWorld) request(name string) *build.AccessRequestBuilder {
	return build.AccessRequest(w.Namespace, name, "").Role("editor").InWorkspace("prod").Tagged("ticket", "INC 4711")
}

// asked is one that bob has made.
func (w *accessWorld) asked(name string) *v1alpha1.AccessRequest {
	GinkgoHelper()
	r := w.request(name).Obj()
	Expect(w.bob.Create(ctx, r)).To(Succeed())
	Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessPending))
	return r
}

func (w *accessWorld) decides(by client.Client, r *v1alpha1.AccessRequest, name string, verdict v1alpha1.AccessVerdict) error {
	return by.Create(ctx, build.AccessDecision(r, name, "", verdict))
}

func accessPhase(r *v1alpha1.AccessRequest) func() (v1alpha1.AccessRequestPhase, error) {
	return func() (v1alpha1.AccessRequestPhase, error) {
		read := &v1alpha1.AccessRequest{}
		err := k8sClient.Get(ctx, client.ObjectKeyFromObject(r), read)
		return read.Status.Phase, err
	}
}

// beBound matches the error of a request that a policy of the API server has refused with these words.
func beBound(policy, words string) types.GomegaMatcher {
	return SatisfyAll(beRefusedByPolicy(policy), MatchError(ContainSubstring(words)))
}

// nextSecond waits for it: what was written in the second in which the operator saw that names are bound is not relied on.
func nextSecond() {
	GinkgoHelper()
	Eventually(time.Now).Should(BeTemporally(">", time.Now().Truncate(time.Second).Add(time.Second)))
}

var _ = Describe("Asking for access", func() {
	It("[R1] is only for what a policy offers, in one's own name", func() {
		w := newAccessWorld()
		refused := func(r *build.AccessRequestBuilder, words ...string) {
			GinkgoHelper()
			Expect(w.bob.Create(ctx, r.Obj())).To(beRefused(words...))
		}
		refused(w.request("r").For("PT2H"), "the nearest is p", "spec.duration", "1h0m0s at most")
		refused(w.request("r").Role("admin"), "the nearest is p", "spec.roleRef", "editor")
		refused(w.request("r").Role("nobodys"), "spec.roleRef", "there is no Role nobodys")
		refused(w.request("r").InWorkspace("lab"), "the nearest is p", "spec.scope", w.Namespace+"/prod")
		refused(w.request("r").Tagged("mood", "good"), "spec.tags", `"ticket"`)
		refused(w.request("r").By("q"), "spec.policy", "there is no AccessPolicy q")
		Expect(w.mallory.Create(ctx, w.request("r").Obj())).To(beRefused("spec.requester", "not for the User mallory"))

		forged := build.AccessRequest(w.Namespace, "forged", w.subject("bob")).Role("editor").InWorkspace("prod").Tagged("ticket", "INC 1").Obj()
		Expect(w.mallory.Create(ctx, forged)).To(SatisfyAny(beRefused("nobody asks in another's name"), beBound("bailiwick-access", "nobody asks in another's name")))

		r := w.asked("r")
		Expect(r.Spec.Requester).To(Equal(w.subject("bob")))
		Expect(w.bob.Create(ctx, w.request("twice").Obj())).To(beRefused("the AccessRequest r", "is not over"))
		Expect(changeAs(w.mallory, r.DeepCopy(), func(r *v1alpha1.AccessRequest) { r.Spec.Withdrawn = true })).To(beBound("bailiwick-access", "only the requester takes a request back"))
		taken := schema.Manifest("AccessRequest", "r", "withdrawn: true\nrequester: "+w.subject("mallory"))
		taken.SetNamespace(w.Namespace)
		Expect(w.mallory.Apply(ctx, client.ApplyConfigurationFromUnstructured(taken), client.ForceOwnership, client.FieldOwner("mallory"))).To(MatchError(containAll("can't be changed")))
	})

	It("[R1] is by policies that only those write who hold, for good, all that these offer", func() {
		w := newAccessWorld()
		own := build.AccessPolicy(w.Namespace, "own").For("mallory").Offers("editor").In("prod").Obj()
		Expect(w.mallory.Create(ctx, own)).To(beRefused("spec", w.Edit+" at "+w.Namespace+"/prod", "escalate on accesspolicies"))
		Expect(w.mallory.Create(ctx, build.AccessPolicy(w.Namespace, "own").For("mallory").Offers("editor").In("lab").Obj())).To(Succeed())

		edited := func(by client.Client, change func(*v1alpha1.AccessPolicySpec)) error {
			return changeAs(by, w.policy.DeepCopy(), func(p *v1alpha1.AccessPolicy) { change(&p.Spec) })
		}
		for name, change := range map[string]func(*v1alpha1.AccessPolicySpec){
			"other requesters": func(p *v1alpha1.AccessPolicySpec) { p.Requesters.Users = []string{"mallory"} },
			"other deciders":   func(p *v1alpha1.AccessPolicySpec) { p.Approvals.From.Users = []string{"mallory"} },
			"nobody decides":   func(p *v1alpha1.AccessPolicySpec) { p.Approvals = nil },
			"longer":           func(p *v1alpha1.AccessPolicySpec) { p.MaxDuration = "PT9H" },
			"without a ticket": func(p *v1alpha1.AccessPolicySpec) { p.RequiredTags = nil },
			"elsewhere":        func(p *v1alpha1.AccessPolicySpec) { p.Scopes = []v1alpha1.Scope{{}} },
			"another role":     func(p *v1alpha1.AccessPolicySpec) { p.Roles = append(p.Roles, "admin") },
		} {
			Expect(edited(w.mallory, change)).To(beRefused("spec"), name)
		}
		Expect(edited(w.alice, func(p *v1alpha1.AccessPolicySpec) { p.MaxDuration = "PT2H" })).To(Succeed())
		Expect(edited(w.mallory, func(p *v1alpha1.AccessPolicySpec) { p.MaxDuration = "PT1H" })).To(Succeed(), "narrower")

		// What is held until a deadline offers nothing.
		until := w.assignment("for-a-while", "admin").ToUser("carol").Until(time.Now().Add(time.Hour)).Obj()
		create(until)
		expectReason(until, v1alpha1.ReasonInForce)
		carol := w.editor("carol")
		Expect(carol.Create(ctx, build.AccessPolicy(w.Namespace, "carols").For("carol").Offers("editor").Obj())).To(beRefused("spec", w.Edit))
		// A role in a policy is widened only by those who hold what it then gives.
		Expect(changeAs(w.mallory, build.Role(w.Namespace, "editor").Obj(), func(r *v1alpha1.Role) {
			r.Spec.PermissionGrants = append(r.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: w.Delete})
		})).To(beRefused(w.Delete))
	})

	It("[R2] is decided by deciders, in their own name, each once, and never about oneself", func() {
		w := newAccessWorld()
		Expect(w.alice.Create(ctx, build.AccessPolicy(w.Namespace, "two").For("bob").Offers("admin").DecidedBy(2, "bob", "carol", "dave").Obj())).To(Succeed())
		bob := w.inRole("bob", "bailiwick-decider", "create accessdecisions")
		r := build.AccessRequest(w.Namespace, "r", "").Role("admin").Obj()
		Eventually(func() error { return w.bob.Create(ctx, r) }).Should(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessPending))

		Expect(w.decides(bob, r, "own", v1alpha1.VerdictApprove)).To(beRefused("nobody decides about their own request"))
		Expect(w.decides(w.mallory, r, "mallorys", v1alpha1.VerdictApprove)).To(beRefused("may not decide by the policy"))
		forged := build.AccessDecision(r, "forged", w.subject("carol"), v1alpha1.VerdictApprove)
		Expect(w.mallory.Create(ctx, forged)).To(SatisfyAny(beRefused("nobody decides in another's name"), beBound("bailiwick-access", "nobody decides in another's name")))
		other := build.AccessDecision(r, "other", "", v1alpha1.VerdictApprove)
		other.Spec.RequestRef.UID = "another"
		Expect(w.carol.Create(ctx, other)).To(beRefused("with the UID another"))

		Expect(w.decides(w.carol, r, "carols", v1alpha1.VerdictApprove)).To(Succeed())
		Eventually(func() int32 { return observed(r).Status.Approvals }).Should(Equal(int32(1)))
		Expect(w.decides(w.carol, r, "again", v1alpha1.VerdictApprove)).To(beRefused("has decided before, by carols"))
		Expect(w.decides(w.dave, r, "daves", v1alpha1.VerdictApprove)).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessActive))
		Expect(w.decides(w.dave, r, "late", v1alpha1.VerdictDeny)).To(beRefused("is Active already"))
		Expect(w.may("bob", w.Delete, w.at())()).To(BeTrue())
	})

	It("[R3] gives exactly what was asked, from the approval on, and nobody makes or changes it but the operator", func() {
		w := newAccessWorld()
		r := w.asked("r")
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.decides(w.carol, r, "yes", v1alpha1.VerdictApprove)).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessActive))
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeTrue())
		Expect(w.may("bob", w.Edit, w.at("lab"))()).To(BeFalse())
		Expect(w.may("bob", w.Delete, w.at("prod"))()).To(BeFalse())

		now := observed(r)
		made := &v1alpha1.RoleAssignment{}
		Expect(k8sClient.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: now.Status.GrantRef.Name}, made)).To(Succeed())
		Expect(metav1.IsControlledBy(made, now)).To(BeTrue())
		Expect(made.Spec.ExpiresAt.Sub(made.Spec.StartsAt.Time)).To(Equal(30 * time.Minute))
		// Not even by those who may give everything.
		Expect(changeAs(w.alice, made.DeepCopy(), func(a *v1alpha1.RoleAssignment) {
			a.Spec.ExpiresAt = &metav1.Time{Time: a.Spec.ExpiresAt.Add(time.Hour)}
		})).
			To(beBound("bailiwick-access", "was made for an AccessRequest"))
		forged := w.assignment("forged", "editor").ToUser("alice").Obj()
		forged.Spec.AccessRequest = made.Spec.AccessRequest
		Expect(w.alice.Create(ctx, forged)).To(SatisfyAny(beBound("bailiwick-access", "only the operator makes"), beRefused("only the operator makes")))
		w.allow("mallory", w.mallory, "update accessrequests/status")
		said := now.DeepCopy()
		said.Status.ExpiresAt = &metav1.Time{Time: time.Now().Add(9 * time.Hour)}
		Expect(w.mallory.Status().Update(ctx, said)).To(beBound("bailiwick-statuses", "status is the operator's to write"))

		op.clock.StopAt(now.Status.ExpiresAt.Time)
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessExpired))
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse())
	})

	It("[R3] is not made by the operator beyond what an approved request names", func() {
		w := newAccessWorld()
		r := w.asked("r")
		config, err := plane.UserConfig(operatorName, "system:serviceaccounts")
		Expect(err).NotTo(HaveOccurred())
		operator, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		Expect(operator.Create(ctx, w.assignment("any", "admin").ToUser("bob").Obj())).To(beRefused("what approved AccessRequests give, and nothing else"))
		early := w.assignment("r-"+string(r.UID[:8]), "editor").ToUser("bob").InWorkspace("prod").Obj()
		early.Spec.AccessRequest = &v1alpha1.AccessRequestReference{Name: r.Name, UID: r.UID}
		Expect(operator.Create(ctx, early)).To(beRefused("is not approved"))
	})

	It("[R4] ends at once when it is withdrawn, and when its policy is narrowed or deleted", func() {
		w := newAccessWorld()
		active := func(name string) *v1alpha1.AccessRequest {
			r := w.asked(name)
			Expect(w.decides(w.carol, r, name, v1alpha1.VerdictApprove)).To(Succeed())
			Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessActive))
			Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeTrue())
			return r
		}
		r := active("withdrawn")
		Expect(changeAs(w.bob, r, func(r *v1alpha1.AccessRequest) { r.Spec.Withdrawn = true })).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessWithdrawn))
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse())

		r = active("narrowed")
		Expect(changeAs(w.alice, w.policy.DeepCopy(), func(p *v1alpha1.AccessPolicy) { p.Spec.MaxDuration = "PT10M" })).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessWithdrawn))
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(changeAs(w.alice, w.policy.DeepCopy(), func(p *v1alpha1.AccessPolicy) { p.Spec.MaxDuration = "PT1H" })).To(Succeed())
		expectReason(w.policy, v1alpha1.ReasonValid)
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse(), "what has ended does not come back")

		r = active("deleted")
		remove(w.policy)
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessWithdrawn))
	})

	It("[R4] gives nothing when it is denied", func() {
		w := newAccessWorld()
		r := w.asked("r")
		Expect(w.decides(w.carol, r, "no", v1alpha1.VerdictDeny)).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessDenied))
		Expect(w.decides(w.dave, r, "yes", v1alpha1.VerdictApprove)).To(beRefused("is Denied already"))
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse())
	})

	It("[R2] waits for those who decide, and [R1] is at once in force in an emergency, which is counted", func() {
		w := newAccessWorld()
		r := w.asked("r")
		decider := w.newPerson("carol").asks(w.Namespace)
		Expect(decider.authz("requests", "--to-decide").column("NAME")).To(Equal([]string{"r"}))
		Expect(w.newPerson("bob").asks(w.Namespace).authz("requests", "--to-decide").column("NAME")).To(BeEmpty())
		Expect(w.newPerson("dave").views(w.Namespace).authz("requests", "--to-decide")).To(And(
			HaveField("Status", plugin.StatusFailed), HaveField("Err", containAll("may not read", "Organization", "may not be all"))))
		Expect(w.decides(w.carol, r, "no", v1alpha1.VerdictDeny)).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessDenied))
		Expect(decider.authz("requests", "--to-decide").column("NAME")).To(BeEmpty())

		glass := build.AccessPolicy(w.Namespace, "break-glass").For("bob").Offers("editor").In("prod").OnlyByName().Obj()
		Expect(w.alice.Create(ctx, glass)).To(Succeed())
		expectReason(glass, v1alpha1.ReasonValid)
		emergencies, approvals := gauge("bailiwick_access_activations_total", "emergency"), gauge("bailiwick_access_activations_total", "approval")
		before, others := emergencies(), approvals()
		used := w.request("used").By("break-glass").Obj()
		Expect(w.bob.Create(ctx, used)).To(Succeed())
		Eventually(accessPhase(used)).Should(Equal(v1alpha1.AccessActive))
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeTrue())
		Expect(emergencies() - before).To(Equal(1.0))
		Expect(approvals()).To(Equal(others))
	})

	It("[R1] [F1] is approved by nobody while what binds names is gone, nor is what was written meanwhile", Serial, func() {
		w := newAccessWorld()
		binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
		Expect(k8sClient.Get(ctx, client.ObjectKey{Name: "bailiwick-access"}, binding)).To(Succeed())
		restore := func() {
			binding.ResourceVersion, binding.UID, binding.CreationTimestamp = "", "", metav1.Time{}
			Expect(k8sClient.Create(ctx, binding)).To(Or(Succeed(), MatchError(apierrors.IsAlreadyExists, "IsAlreadyExists")))
		}
		Expect(k8sClient.Delete(ctx, binding)).To(Succeed())
		DeferCleanup(restore)
		r := w.asked("r")
		Expect(w.decides(w.carol, r, "yes", v1alpha1.VerdictApprove)).To(Succeed())
		expectReason(r, v1alpha1.ReasonInstallationWeakened, "nobody can be sure who asked")
		Expect(w.may("bob", w.Edit, w.at("prod"))()).To(BeFalse())

		restore()
		expectReason(r, v1alpha1.ReasonInstallationWeakened, "make another")
		Expect(changeAs(w.bob, r, func(r *v1alpha1.AccessRequest) { r.Spec.Withdrawn = true })).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessWithdrawn))
		nextSecond()
		again := w.asked("again")
		Expect(w.decides(w.carol, again, "again", v1alpha1.VerdictApprove)).To(Succeed())
		Eventually(accessPhase(again)).Should(Equal(v1alpha1.AccessActive))
	})
})
