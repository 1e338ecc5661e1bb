package reconcile

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// phaseOf is the phase in an object's status.
func phaseOf(object v1alpha1.Object) v1alpha1.GrantPhase {
	GinkgoHelper()
	_, status := v1alpha1.WindowOf(observed(object))
	return status.Phase
}

func until(deadline time.Time) func(v1alpha1.Object) {
	return func(object v1alpha1.Object) {
		window, _ := v1alpha1.WindowOf(object)
		window.ExpiresAt = &metav1.Time{Time: deadline}
	}
}

func forGood(object v1alpha1.Object) {
	window, _ := v1alpha1.WindowOf(object)
	window.ExpiresAt = nil
}

var _ = Describe("What holds for a time", func() {
	var w *world
	var noon time.Time
	var may func() (bool, error)
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
		may = w.may("bob", w.View, w.at("prod"))
	})

	DescribeTable("[T1] begins and ends exactly when it says, and its status follows", func(made func() v1alpha1.Object) {
		object := made()
		window, _ := v1alpha1.WindowOf(object)
		window.StartsAt, window.ExpiresAt = &metav1.Time{Time: noon}, &metav1.Time{Time: noon.Add(time.Hour)}
		create(object)
		expectReason(object, v1alpha1.ReasonPending, "begins at "+noon.UTC().Format(time.RFC3339))
		Expect(phaseOf(object)).To(Equal(v1alpha1.PhasePending))
		expectFrom(noon, true, may)
		expectReason(object, v1alpha1.ReasonInForce, "until "+noon.Add(time.Hour).UTC().Format(time.RFC3339))
		Expect(phaseOf(object)).To(Equal(v1alpha1.PhaseActive))
		expectFrom(noon.Add(time.Hour), false, may)
		expectReason(object, v1alpha1.ReasonExpired)
		Expect(phaseOf(object)).To(Equal(v1alpha1.PhaseExpired))
		Expect(w.inStore()).NotTo(ContainElement(ContainSubstring("user:" + w.subject("bob"))))

		By("and again when its end is moved")
		edit(object, until(noon.Add(3*time.Hour)))
		expectReason(object, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
		edit(object, until(noon.Add(2*time.Hour)))
		expectFrom(noon.Add(2*time.Hour), false, may)
		edit(object, forGood)
		op.clock.StopAt(noon.AddDate(0, 0, 1))
		expectReason(object, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
		edit(object, until(noon))
		expectReason(object, v1alpha1.ReasonExpired)
		Expect(may()).To(BeFalse())
	},
		Entry("a role", func() v1alpha1.Object {
			return w.assignment("a", "editor").ToUser("bob").InWorkspace("prod").Obj()
		}),
		Entry("a permission", func() v1alpha1.Object {
			return w.grant("g").ToUser("bob").Grants(w.View).InWorkspace("prod").Obj()
		}),
		Entry("a member", func() v1alpha1.Object {
			create(w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj())
			return w.membership("m", "bob").Obj()
		}),
		Entry("an admin", func() v1alpha1.Object {
			may = w.may("bob", configurable[0], w.devs())
			return w.membership("m", "bob").As(v1alpha1.GroupAdmin).Obj()
		}),
	)

	It("[T1] ends for the store and for memory while no operator is at work", func() {
		a := w.assignment("a", "editor").ToUser("bob").InWorkspace("prod").Until(time.Now().Truncate(time.Second).Add(10 * time.Second)).Obj()
		create(a)
		expectReason(a, v1alpha1.ReasonInForce)
		known := op.engine.State()
		op.Stop()
		remembered := func() (bool, error) {
			return known.Decide(w.Namespace, entitlement.Question{
				Subject: w.subject("bob"), Permission: w.View, At: scope.Path{Organization: w.Namespace, Workspace: "prod"},
			}).Allowed, nil
		}
		expectFrom(a.Spec.ExpiresAt.Time, false, may, remembered)
		Expect(phaseOf(a)).To(Equal(v1alpha1.PhaseActive), "nobody has written it")
		op.Start()
		Expect(may()).To(BeFalse())
		expectReason(a, v1alpha1.ReasonExpired)
	})

	It("[T1] says that it has begun while it is protected", func() {
		create(w.user("carol"))
		begun := w.assignment("begun", "editor").ToUser("carol").InWorkspace("prod").From(noon).Obj()
		create(begun)
		expectReason(begun, v1alpha1.ReasonPending)
		op.clock.StopAt(noon)
		expectReason(begun, v1alpha1.ReasonInForce)
		Expect(k8sClient.Delete(ctx, begun)).To(Succeed())
		expectReason(begun, v1alpha1.ReasonRevocationProtected)
		Expect(phaseOf(begun)).To(Equal(v1alpha1.PhaseActive))
	})

	It("[T1] is over for the next operator, whenever it starts", func() {
		a := w.assignment("a", "editor").ToUser("bob").InWorkspace("prod").Until(noon).Obj()
		create(a)
		expectReason(a, v1alpha1.ReasonInForce)
		op.Stop()
		op.StartAt(noon.Add(time.Nanosecond))
		Expect(may()).To(BeFalse())
		expectReason(a, v1alpha1.ReasonExpired)
	})

	DescribeTable("[T1] has the deadline that it had when it comes back, or its status is lost", func(made func() v1alpha1.Object) {
		object := made()
		until(noon)(object)
		create(object)
		expectReason(object, v1alpha1.ReasonInForce)
		loseStatus := func() {
			GinkgoHelper()
			read := observed(object)
			patch := client.MergeFrom(read.DeepCopyObject().(client.Object))
			_, status := v1alpha1.WindowOf(read)
			*status, *read.CommonStatus() = v1alpha1.WindowStatus{}, v1alpha1.CommonStatus{}
			Expect(k8sClient.Status().Patch(ctx, read, patch)).To(Succeed())
		}
		restore := func() {
			GinkgoHelper()
			kept := observed(object)
			remove(object)
			kept.SetResourceVersion("")
			kept.SetUID("")
			kept.SetFinalizers(nil)
			kept.SetCreationTimestamp(metav1.Time{})
			create(kept)
		}
		loseStatus()
		expectReason(object, v1alpha1.ReasonInForce)
		op.clock.StopAt(noon.Add(-time.Minute))
		restore()
		expectReason(object, v1alpha1.ReasonInForce, noon.UTC().Format(time.RFC3339))
		Expect(may()).To(BeTrue())
		expectFrom(noon, false, may)
		for _, again := range []func(){loseStatus, restore, func() {
			op.Stop()
			loseStatus()
			op.Start()
		}} {
			again()
			expectReason(object, v1alpha1.ReasonExpired)
			Expect(phaseOf(object)).To(Equal(v1alpha1.PhaseExpired))
			Expect(may()).To(BeFalse())
		}
	},
		Entry("a role", func() v1alpha1.Object {
			return w.assignment("a", "editor").ToUser("bob").InWorkspace("prod").Obj()
		}),
		Entry("a permission", func() v1alpha1.Object {
			return w.grant("g").ToUser("bob").Grants(w.View).InWorkspace("prod").Obj()
		}),
		Entry("a member", func() v1alpha1.Object {
			create(w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj())
			return w.membership("m", "bob").Obj()
		}),
	)

	It("[T1] ends for the members of a group whose memberships stay, and comes back with it", func() {
		member := w.membership("m", "bob").Obj()
		assigned := w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Until(noon).Obj()
		create(member, assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectFrom(noon, false, may)
		expectReason(member, v1alpha1.ReasonInForce)
		edit[v1alpha1.Object](assigned, until(noon.Add(time.Hour)))
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(may()).To(BeTrue())
	})

	It("[T1] overlaps with what gives the same, and none ends with another", func() {
		forever := w.assignment("for-good", "editor").ToUser("bob").InWorkspace("prod").Obj()
		first := w.assignment("first", "editor").ToUser("bob").InWorkspace("prod").Until(noon).Obj()
		next := w.assignment("next", "editor").ToUser("bob").InWorkspace("prod").From(noon).Until(noon.Add(time.Hour)).Obj()
		create(forever, first, next)
		expectReason(forever, v1alpha1.ReasonInForce)
		remove(forever)
		Expect(may()).To(BeTrue())
		op.clock.StopAt(noon)
		Expect(may()).To(BeTrue())
		expectReason(first, v1alpha1.ReasonExpired)
		expectReason(next, v1alpha1.ReasonInForce)
		remove(first)
		Expect(may()).To(BeTrue())
		expectFrom(noon.Add(time.Hour), false, may)
	})

	It("[T1] makes an admin until its end of somebody who stays a member", func() {
		create(w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj())
		member := w.membership("member", "bob").Obj()
		admin := w.membership("admin", "bob").As(v1alpha1.GroupAdmin).Until(noon).Obj()
		create(member, admin)
		expectReason(member, v1alpha1.ReasonInForce)
		expectReason(admin, v1alpha1.ReasonInForce)
		w.expectConfigured("bob", configurable...)
		expectFrom(noon, false, w.may("bob", configurable[0], w.devs()))
		w.expectConfigured("bob")
		Expect(may()).To(BeTrue())
		remove(admin)
		Expect(may()).To(BeTrue())
		remove(member)
		Expect(may()).To(BeFalse())
	})

	It("[T1] gives an admin what each membership allows, as long as it lasts", func() {
		only := func(name, permission string, end time.Time) v1alpha1.Object {
			overrides := map[string]bool{}
			for _, other := range configurable {
				overrides[other] = other == permission
			}
			return w.membership(name, "bob").As(v1alpha1.GroupAdmin).Configured(v1alpha1.ConfigurableCustom, overrides).Until(end).Obj()
		}
		reports, accounts := only("reports", "can_run_reports", noon), only("accounts", "can_edit_accounts", noon.Add(time.Hour))
		create(reports, accounts)
		expectReason(reports, v1alpha1.ReasonInForce)
		expectReason(accounts, v1alpha1.ReasonInForce)
		w.expectConfigured("bob", "can_run_reports", "can_edit_accounts")
		op.clock.StopAt(noon)
		w.expectConfigured("bob", "can_edit_accounts")
		remove(reports)
		w.expectConfigured("bob", "can_edit_accounts")
		op.clock.StopAt(noon.Add(time.Hour))
		w.expectConfigured("bob")
	})

	It("[T2] is no last role: it can be deleted, and another one is protected beside it", func() {
		lasting := w.standing("bob")
		timed := w.assignment("timed", "editor").ToUser("bob").InWorkspace("prod").Until(noon).Obj()
		create(timed)
		expectReason(timed, v1alpha1.ReasonInForce)
		Expect(k8sClient.Delete(ctx, lasting)).To(Succeed())
		expectReason(lasting, v1alpha1.ReasonRevocationProtected, "last role")
		remove(timed)
		expectReason(lasting, v1alpha1.ReasonRevocationProtected)
		another := w.assignment("another", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(another)
		Eventually(func() error { return k8sClient.Get(ctx, client.ObjectKeyFromObject(lasting), lasting) }).Should(MatchError(apierrors.IsNotFound, "IsNotFound"))
	})

	It("[T1] ends earlier while it is paused, and not later", func() {
		a := w.assignment("a", "editor").ToUser("bob").InWorkspace("prod").Until(noon.Add(time.Hour)).Obj()
		create(a)
		expectReason(a, v1alpha1.ReasonInForce)
		edit(a, func(a *v1alpha1.RoleAssignment) {
			metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationPaused, "true")
		})
		edit(a, func(a *v1alpha1.RoleAssignment) { until(noon.Add(2 * time.Hour))(a) })
		op.clock.StopAt(noon.Add(-time.Minute))
		Expect(may()).To(BeTrue())
		edit(a, func(a *v1alpha1.RoleAssignment) { until(noon)(a) })
		expectFrom(noon, false, may)
	})
})
