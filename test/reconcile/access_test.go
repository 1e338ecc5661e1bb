package reconcile

import (
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// asking is a world in which bob may ask for the role editor, and for the permission Delete, for an hour at most.
type asking struct{ *world }

func newAsking(policies ...*v1alpha1.AccessPolicy) *asking {
	GinkgoHelper()
	w := &asking{newWorld()}
	create(w.user("carol"), w.user("dave"))
	for _, p := range policies {
		p.Namespace = w.Namespace
		create(p)
	}
	return w
}

// policy begins a policy by which bob may ask for editor in prod.
func policy(name string) *build.AccessPolicyBuilder {
	return build.AccessPolicy("", name).For("bob").Offers("editor").In("prod")
}

// request is one of bob's.
func (w *asking) request(name string) *build.AccessRequestBuilder {
	return build.AccessRequest(w.Namespace, name, w.subject("bob")).Role("editor").InWorkspace("prod")
}

func (w *asking) approve(r *v1alpha1.AccessRequest, by string) *v1alpha1.AccessDecision {
	GinkgoHelper()
	d := build.AccessDecision(r, r.Name+"-"+by, w.subject(by), v1alpha1.VerdictApprove)
	create(d)
	return d
}

// phase is that of a request, with the reason.
func phase(r *v1alpha1.AccessRequest) func() (string, error) {
	return func() (string, error) {
		read := &v1alpha1.AccessRequest{}
		if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(r), read); err != nil {
			return "", err
		}
		why, err := reason(r)()
		return string(read.Status.Phase) + ", " + why, err
	}
}

// mayEdit says whether bob may.
func (w *asking) mayEdit() func() (bool, error) { return w.may("bob", w.Edit, w.at("prod")) }

var _ = Describe("A request for access", func() {
	It("[R3] is in force from its approval on, for exactly its duration", func() {
		w := newAsking(policy("p").DecidedBy(2, "alice", "carol").Obj())
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		Expect(w.mayEdit()()).To(BeFalse())

		w.approve(r, "alice")
		Consistently(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		op.clock.StopAt(time.Now().Add(time.Hour))
		approved := time.Now().Truncate(time.Second)
		w.approve(r, "carol")
		Eventually(phase(r)).Should(Equal("Active, InForce"))
		Expect(w.mayEdit()()).To(BeTrue())

		now := observed(r)
		Expect(now.Status.ApprovedAt.Time).To(BeTemporally("~", approved, time.Second))
		Expect(now.Status.ExpiresAt.Time).To(Equal(now.Status.ApprovedAt.Add(30 * time.Minute)))
		Expect(now.Status.GrantRef.Kind).To(Equal("RoleAssignment"))
		Expect(stepsOf(now)).To(Equal([]string{"Requested", "Decided", "Decided", "Approved", "Active"}))

		op.clock.StopAt(now.Status.ExpiresAt.Add(-time.Second))
		Expect(w.mayEdit()()).To(BeTrue())
		op.clock.StopAt(now.Status.ExpiresAt.Time)
		Expect(w.mayEdit()()).To(BeFalse())
		Eventually(phase(r)).Should(Equal("Expired, Expired"))
		Expect(stepsOf(observed(r))).To(HaveExactElements("Requested", "Decided", "Decided", "Approved", "Active", "Expired"))
	})

	It("[R3] gives exactly what was asked", func() {
		w := newAsking()
		red := v1alpha1.PermissionEntry{Permission: w.Edit, Conditions: map[string]v1alpha1.AttributeCondition{"color": {Type: v1alpha1.ConditionEquals, Value: new("red")}}}
		create(build.AccessPolicy(w.Namespace, "p").For("bob").Permits(v1alpha1.PermissionEntry{Permission: w.Edit}).Obj())
		r := build.AccessRequest(w.Namespace, "r", w.subject("bob")).Permission(red).InWorkspace("prod").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Active, InForce"))
		Expect(w.may("bob", w.Edit, w.at("prod"), map[string]any{"color": "red"})()).To(BeTrue())
		Expect(w.may("bob", w.Edit, w.at("prod"), map[string]any{"color": "blue"})()).To(BeFalse())
		Expect(w.may("bob", w.Edit, w.at("lab"), map[string]any{"color": "red"})()).To(BeFalse())
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		Expect(observed(r).Status.GrantRef.Kind).To(Equal("TemporaryPermissionGrant"))
	})

	It("[R3] is activated once, whatever comes meanwhile", func() {
		w := newAsking(policy("p").Obj())
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Active, InForce"))
		op.Stop()
		op.Start()
		Consistently(phase(r)).Should(Equal("Active, InForce"))
		made := &v1alpha1.RoleAssignmentList{}
		Expect(k8sClient.List(ctx, made, client.InNamespace(w.Namespace))).To(Succeed())
		Expect(made.Items).To(HaveLen(3), "two standing ones, and the one that was asked for")
	})

	It("[R1] is not in force where no policy allows it", func() {
		w := newAsking(policy("p").Obj())
		r := w.request("r").For("PT2H").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Pending, NotAllowed"))
		expectReason(r, v1alpha1.ReasonNotAllowed, "the nearest is p", "spec.duration", "1h0m0s at most")
		Expect(w.mayEdit()()).To(BeFalse())
		edit(build.AccessPolicy(w.Namespace, "p").Obj(), func(p *v1alpha1.AccessPolicy) { p.Spec.MaxDuration = "PT3H" })
		Eventually(phase(r)).Should(Equal("Active, InForce"))
	})

	It("[R1] is by a policy for emergencies only if it names that", func() {
		w := newAsking(policy("emergency").OnlyByName().Obj())
		plain, named := w.request("plain").Obj(), w.request("named").By("emergency").Obj()
		create(plain)
		Eventually(phase(plain)).Should(Equal("Pending, NotAllowed"))
		remove(plain)
		create(named)
		Eventually(phase(named)).Should(Equal("Active, InForce"))
	})

	It("[R3] is not in force twice at the same time", func() {
		w := newAsking(policy("p").Obj())
		first, second := w.request("first").Obj(), w.request("second").Obj()
		create(first, second)
		both := func() ([]string, error) {
			one, err := phase(first)()
			other, err2 := phase(second)()
			return []string{one, other}, errors.Join(err, err2)
		}
		Eventually(both).Should(ConsistOf("Active, InForce", "Denied, AskedTwice"))
		if said, _ := phase(first)(); said != "Active, InForce" {
			first, second = second, first
		}
		remove(first)
		Consistently(phase(second)).Should(Equal("Denied, AskedTwice"))
		Expect(w.mayEdit()()).To(BeFalse())
	})

	DescribeTable("[R2] is not approved by", func(decide func(w *asking, r *v1alpha1.AccessRequest) *v1alpha1.AccessDecision, why string) {
		w := newAsking(policy("p").DecidedBy(1, "alice", "bob", "dave").Obj())
		r := w.request("r").Obj()
		create(r)
		d := decide(w, r)
		if d.UID == "" {
			create(d)
		}
		expectReason(d, why)
		Eventually(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		Expect(w.mayEdit()()).To(BeFalse())
		w.approve(r, "alice")
		Eventually(phase(r)).Should(Equal("Active, InForce"))
	},
		Entry("who is no decider", func(w *asking, r *v1alpha1.AccessRequest) *v1alpha1.AccessDecision { return w.approve(r, "carol") }, v1alpha1.ReasonNotADecider),
		Entry("the requester", func(w *asking, r *v1alpha1.AccessRequest) *v1alpha1.AccessDecision { return w.approve(r, "bob") }, v1alpha1.ReasonOwnRequest),
		Entry("who has the requester's address", func(w *asking, r *v1alpha1.AccessRequest) *v1alpha1.AccessDecision {
			edit(w.user("dave"), func(u *v1alpha1.User) { u.Spec.Email = "Me@example.com" })
			edit(w.user("bob"), func(u *v1alpha1.User) { u.Spec.Email = "me@example.com" })
			return w.approve(r, "dave")
		}, v1alpha1.ReasonOwnRequest),
		Entry("a name that is mapped to the requester", func(w *asking, r *v1alpha1.AccessRequest) *v1alpha1.AccessDecision {
			edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
				o.Spec.Usernames = []v1alpha1.UsernameMapping{{Username: "other", Subject: w.subject("bob")}}
			})
			return build.AccessDecision(r, "d", "other", v1alpha1.VerdictApprove)
		}, v1alpha1.ReasonOwnRequest),
		Entry("who is suspended", func(w *asking, r *v1alpha1.AccessRequest) *v1alpha1.AccessDecision {
			edit(w.user("dave"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
			return w.approve(r, "dave")
		}, v1alpha1.ReasonNotADecider),
		Entry("a decision about another request of the name", func(w *asking, r *v1alpha1.AccessRequest) *v1alpha1.AccessDecision {
			d := build.AccessDecision(r, "d", w.subject("alice"), v1alpha1.VerdictApprove)
			d.Spec.RequestRef.UID = "another"
			return d
		}, v1alpha1.ReasonRequestNotFound),
	)

	It("[R2] counts each decider once, also one who has two Users", func() {
		w := newAsking(policy("p").DecidedBy(2, "alice", "carol", "dave").Obj())
		edit(w.user("dave"), func(u *v1alpha1.User) { u.Spec.Email = w.subject("carol") })
		r := w.request("r").Obj()
		create(r)
		w.approve(r, "carol")
		twin := w.approve(r, "dave")
		expectReason(twin, v1alpha1.ReasonDecidedTwice, "decided before, by r-carol")
		Consistently(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		w.approve(r, "alice")
		Eventually(phase(r)).Should(Equal("Active, InForce"))
	})

	It("[R2] does not count who loses the right before it is active, and goes on when they lose it later", func() {
		w := newAsking(policy("p").DecidedBy(2, "alice", "carol", "dave").Obj())
		r := w.request("r").Obj()
		create(r)
		lost := w.approve(r, "carol")
		Eventually(reason(lost)).Should(Equal(v1alpha1.ReasonCounts))
		edit(w.user("carol"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(lost, v1alpha1.ReasonNotADecider)
		w.approve(r, "alice")
		Consistently(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		w.approve(r, "dave")
		Eventually(phase(r)).Should(Equal("Active, InForce"))
		edit(w.user("alice"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		Consistently(phase(r)).Should(Equal("Active, InForce"))
		Expect(w.mayEdit()()).To(BeTrue())
	})

	It("[R2] is not for those to decide, or to ask, who are in a group until a deadline", func() {
		w := newAsking(build.AccessPolicy("", "p").ForGroup("devs").Offers("editor").In("prod").DecidedByGroup("deciders").Obj())
		create(build.Group(w.Namespace, "deciders").Obj())
		soon := time.Now().Add(time.Hour)
		create(build.GroupMembership(w.Namespace, "bob", "bob", "devs").Until(soon).Obj(), build.GroupMembership(w.Namespace, "carol", "carol", "deciders").Until(soon).Obj())
		expectReason(build.AccessPolicy(w.Namespace, "p").Obj(), v1alpha1.ReasonNobodyDecides)
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Pending, NotAllowed"))
		edit(build.GroupMembership(w.Namespace, "bob", "bob", "devs").Obj(), func(m *v1alpha1.GroupMembership) { m.Spec.ExpiresAt = nil })
		Eventually(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		expectReason(w.approve(r, "carol"), v1alpha1.ReasonNotADecider)
		edit(build.GroupMembership(w.Namespace, "carol", "carol", "deciders").Obj(), func(m *v1alpha1.GroupMembership) { m.Spec.ExpiresAt = nil })
		Eventually(phase(r)).Should(Equal("Active, InForce"))
		edit(build.GroupMembership(w.Namespace, "bob", "bob", "devs").Obj(), func(m *v1alpha1.GroupMembership) { m.Spec.ExpiresAt = &metav1.Time{Time: soon} })
		Eventually(phase(r)).Should(Equal("Withdrawn, NotAllowed"))
		Expect(w.mayEdit()()).To(BeFalse())
	})

	DescribeTable("[R4] ends at once when", func(end func(w *asking, r *v1alpha1.AccessRequest), becomes string) {
		w := newAsking(policy("p").Obj())
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Active, InForce"))
		Expect(w.mayEdit()()).To(BeTrue())
		end(w, r)
		if becomes != "" {
			Eventually(phase(r)).Should(Equal(becomes))
		}
		Expect(w.mayEdit()()).To(BeFalse())
	},
		Entry("the requester withdraws it", func(_ *asking, r *v1alpha1.AccessRequest) {
			edit(r, func(r *v1alpha1.AccessRequest) { r.Spec.Withdrawn = true })
		}, "Withdrawn, Withdrawn"),
		Entry("it is deleted", func(_ *asking, r *v1alpha1.AccessRequest) { remove(r) }, ""),
		Entry("the policy is deleted", func(w *asking, _ *v1alpha1.AccessRequest) { remove(build.AccessPolicy(w.Namespace, "p").Obj()) }, "Withdrawn, NotAllowed"),
		Entry("the policy is narrowed", func(w *asking, _ *v1alpha1.AccessRequest) {
			edit(build.AccessPolicy(w.Namespace, "p").Obj(), func(p *v1alpha1.AccessPolicy) { p.Spec.Scopes = []v1alpha1.Scope{{Workspace: "lab"}} })
		}, "Withdrawn, NotAllowed"),
		Entry("the policy allows less time", func(w *asking, _ *v1alpha1.AccessRequest) {
			edit(build.AccessPolicy(w.Namespace, "p").Obj(), func(p *v1alpha1.AccessPolicy) { p.Spec.MaxDuration = "PT5M" })
		}, "Withdrawn, NotAllowed"),
		Entry("the user is suspended", func(w *asking, _ *v1alpha1.AccessRequest) {
			edit(w.user("bob"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		}, "Active, UserSuspended"),
		Entry("what was made for it is deleted", func(w *asking, r *v1alpha1.AccessRequest) {
			made := &v1alpha1.RoleAssignment{}
			made.Namespace, made.Name = w.Namespace, observed(r).Status.GrantRef.Name
			remove(made)
		}, "Withdrawn, GrantDeleted"),
		Entry("the Organization is deleted", func(w *asking, _ *v1alpha1.AccessRequest) { remove(build.Organization(w.Namespace).Obj()) }, "Active, OrganizationNotFound"),
	)

	It("[R4] gives nothing once it is denied, whoever approves then", func() {
		w := newAsking(policy("p").DecidedBy(1, "alice", "carol").Obj())
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		denial := build.AccessDecision(r, "denial", w.subject("carol"), v1alpha1.VerdictDeny)
		create(denial)
		Eventually(phase(r)).Should(Equal("Denied, Denied"))
		remove(denial)
		w.approve(r, "alice")
		Consistently(phase(r)).Should(Equal("Denied, Denied"))
		Expect(w.mayEdit()()).To(BeFalse())
	})

	It("[R4] expires undecided", func() {
		w := newAsking(policy("p").DecidedBy(1, "alice").Obj())
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Pending, WaitsForDecision"))
		op.clock.StopAt(observed(r).Status.DecideBy.Time)
		Eventually(phase(r)).Should(Equal("Expired, NotDecided"))
		w.approve(r, "alice")
		Consistently(phase(r)).Should(Equal("Expired, NotDecided"))
		Expect(w.mayEdit()()).To(BeFalse())
	})

	It("[R4] stays over when its status is lost and what was made for it is gone", func() {
		w := newAsking(policy("p").Obj())
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Active, InForce"))
		edit(r, func(r *v1alpha1.AccessRequest) { r.Spec.Withdrawn = true })
		Eventually(phase(r)).Should(Equal("Withdrawn, Withdrawn"))
		op.Stop()
		lost := observed(r)
		lost.Status = v1alpha1.AccessRequestStatus{}
		Expect(k8sClient.Status().Update(ctx, lost)).To(Succeed())
		op.Start()
		Eventually(phase(r)).Should(Equal("Withdrawn, Withdrawn"))
		Expect(w.mayEdit()()).To(BeFalse())
	})

	It("[R1] is not approved while what binds names is missing, nor what was written meanwhile", func() {
		op.guard = installation.Guard{Problem: "validations[0] is missing"}
		w := newAsking(policy("p").Obj())
		r := w.request("r").Obj()
		create(r)
		Eventually(phase(r)).Should(Equal("Approved, InstallationWeakened"))
		Expect(w.mayEdit()()).To(BeFalse())
		op.guard = installation.Guard{Since: time.Now().Add(time.Minute)}
		op.clock.StopAt(time.Now().Add(2 * time.Minute))
		expectReason(r, v1alpha1.ReasonInstallationWeakened, "make another")
		remove(r)
		again := w.request("again").Obj()
		create(again)
		Eventually(phase(again)).Should(Equal("Active, InForce"))
	})
})

func stepsOf(r *v1alpha1.AccessRequest) (steps []string) {
	for _, step := range r.Status.Steps {
		steps = append(steps, step.Type)
	}
	return steps
}
