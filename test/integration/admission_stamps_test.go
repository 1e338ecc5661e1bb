package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// grantKinds are a grant of each kind to alice, of the same name.
func (w *world) grantKinds(name string) []v1alpha1.Object {
	return []v1alpha1.Object{
		w.grant(name).ToUser("alice").Grants(w.View).Obj(),
		w.temporary(name).ToUser("alice").Grants(w.View).For("PT8H").Obj(),
	}
}

// stampsOf is who made a grant, and when, as the API server has it.
func stampsOf(object client.Object) (creator string, at time.Time) {
	GinkgoHelper()
	read := object.DeepCopyObject().(client.Object)
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), read)).To(Succeed())
	at, err := time.Parse(time.RFC3339, read.GetAnnotations()[v1alpha1.AnnotationGrantedAt])
	Expect(err).NotTo(HaveOccurred())
	return read.GetAnnotations()[v1alpha1.AnnotationCreator], at
}

var _ = Describe("The stamps of a grant", func() {
	const ancient, future = "2020-01-01T00:00:00Z", "2900-01-01T00:00:00Z"
	plain := []string{"create", "get", "list", "update", "patch", "delete"}
	escalating := append([]string{"escalate"}, plain...)
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.holds("carol", w.View)
	})
	stamp := func(object client.Object, creator, at string) client.Object {
		object.SetAnnotations(map[string]string{v1alpha1.AnnotationCreator: creator, v1alpha1.AnnotationGrantedAt: at})
		return object
	}
	// expectStamps: the stamps are those of someone who has made the grant now.
	expectStamps := func(object client.Object, by string) {
		GinkgoHelper()
		creator, at := stampsOf(object)
		Expect(creator).To(Equal(by))
		Expect(at).To(BeTemporally("~", object.GetCreationTimestamp().Time, time.Hour))
	}

	It("[K16] say who made it and when, and are in its status", func() {
		carol := w.as("carol", plain...)
		for _, g := range w.grantKinds("g") {
			Expect(carol.Create(ctx, g)).To(Succeed())
			expectStamps(g, w.subject("carol"))
			expectReason(g, v1alpha1.ReasonInForce)
		}
		Expect(observed(w.grant("g").Obj()).Status.Creator).To(Equal(w.subject("carol")))
		Expect(observed(w.temporary("g").Obj()).Status.Creator).To(Equal(w.subject("carol")))
	})

	It("[K16] can't be forged by who may only create: a restore gets their own name, and now", func() {
		carol := w.as("carol", plain...)
		for _, at := range []string{ancient, future, "yesterday"} {
			for _, g := range w.grantKinds("g") {
				Expect(carol.Create(ctx, stamp(g, "alice", at))).To(Succeed())
				expectStamps(g, w.subject("carol"))
				expectReason(g, v1alpha1.ReasonInForce)
				Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
				remove(g)
			}
		}
	})

	It("[K16] are kept from a backup by who may escalate, unless they lie in the future", func() {
		restorer := w.as("restorer", escalating...)
		for _, g := range w.grantKinds("kept") {
			Expect(restorer.Create(ctx, stamp(g, "alice", ancient))).To(Succeed())
			creator, at := stampsOf(g)
			Expect(creator).To(Equal("alice"))
			Expect(at.UTC().Format(time.RFC3339)).To(Equal(ancient))
		}
		expectReason(w.temporary("kept").Obj(), v1alpha1.ReasonExpired)
		expectReason(w.grant("kept").Obj(), v1alpha1.ReasonInForce)
		remove(w.grant("kept").Obj())
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())

		for _, g := range w.grantKinds("future") {
			Expect(restorer.Create(ctx, stamp(g, "alice", future))).To(Succeed())
			expectStamps(g, "alice")
		}
		g := observed(w.temporary("future").Obj())
		Expect(g.Status.ExpiresAt.Time).To(BeTemporally("<=", g.CreationTimestamp.Add(8*time.Hour)))
	})

	It("[K16] are put back by an update that leaves them out, as are finalizers", func() {
		carol := w.as("carol", plain...)
		for _, g := range w.grantKinds("g") {
			Expect(carol.Create(ctx, g)).To(Succeed())
			creator, at := stampsOf(g)
			expectKept := func() {
				GinkgoHelper()
				nowCreator, nowAt := stampsOf(g)
				Expect(nowCreator).To(Equal(creator))
				Expect(nowAt).To(Equal(at))
				Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
				Expect(g.GetFinalizers()).To(ConsistOf(v1alpha1.Finalizer))
			}
			for name, who := range map[string]client.Client{"the creator": carol, "an administrator": k8sClient} {
				By(name)
				for _, patch := range []string{
					`{"metadata": {"annotations": null, "finalizers": null}}`,
					`{"metadata": {"annotations": {"authz.bailiwick.dev/creator": null}, "finalizers": []}}`,
					`{"metadata": {"annotations": {"authz.bailiwick.dev/granted-at": null}}}`,
				} {
					Expect(who.Patch(ctx, g, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
					expectKept()
				}
				Eventually(func() error {
					Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
					g.SetAnnotations(nil)
					g.SetFinalizers(nil)
					return who.Update(ctx, g)
				}).Should(Succeed())
				expectKept()
			}
		}
	})

	It("[K16] can't be changed by anyone, and the refusal says which", func() {
		carol, restorer := w.as("carol", plain...), w.as("restorer", escalating...)
		for _, g := range w.grantKinds("g") {
			Expect(carol.Create(ctx, g)).To(Succeed())
			for name, who := range map[string]client.Client{"the creator": carol, "who may escalate": restorer, "an administrator": k8sClient} {
				By(name)
				for annotation, value := range map[string]string{
					v1alpha1.AnnotationCreator: "alice", v1alpha1.AnnotationGrantedAt: ancient,
				} {
					patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"annotations": {"`+annotation+`": "`+value+`"}}}`))
					err := who.Patch(ctx, g, patch)
					Expect(err).To(MatchError(apierrors.IsForbidden, "IsForbidden"))
					Expect(err).To(MatchError(containAll(annotation, value, "can't be changed", "leave it")))
				}
			}
			expectStamps(g, w.subject("carol"))
		}
	})

	It("are not asked for on other kinds, which get a finalizer with their creation", func() {
		role := build.Role(w.Namespace, "ops").Obj()
		create(role)
		Expect(role.Finalizers).To(ConsistOf(v1alpha1.Finalizer))
		Expect(role.Annotations).To(BeEmpty())
		Expect(k8sClient.Patch(ctx, role, client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"finalizers": null}}`)))).To(Succeed())
		Expect(role.Finalizers).To(ConsistOf(v1alpha1.Finalizer))
	})
})

var _ = Describe("A grant that was made without the webhook", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[K16] begins with its creation, has no creator, and gets one later from nobody but who may escalate", func() {
		again := withoutWebhook()
		carol := w.as("carol", "create", "patch", "get")
		for _, g := range w.grantKinds("g") {
			create(g)
			Expect(g.GetAnnotations()).To(BeEmpty())
			expectReason(g, v1alpha1.ReasonInForce)
			Eventually(func() []string {
				Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
				return g.GetFinalizers()
			}).Should(ConsistOf(v1alpha1.Finalizer), "by the operator")
		}
		fleeting := observed(w.temporary("g").Obj())
		Expect(fleeting.Status.Creator).To(BeEmpty())
		Expect(fleeting.Status.StartsAt.Time).To(BeTemporally("==", fleeting.CreationTimestamp.Time))
		Expect(fleeting.Status.ExpiresAt.Time).To(BeTemporally("==", fleeting.CreationTimestamp.Add(8*time.Hour)))

		again()
		forged := client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"annotations": {"authz.bailiwick.dev/creator": "alice"}}}`))
		for _, g := range w.grantKinds("g") {
			Expect(carol.Patch(ctx, g, forged)).To(MatchError(containAll(v1alpha1.AnnotationCreator, "can't be set later", "escalate")))
			Expect(k8sClient.Patch(ctx, g, forged)).To(Succeed())
		}
		Eventually(func() string { return observed(w.temporary("g").Obj()).Status.Creator }).Should(Equal("alice"))
	})

	It("[K16] can't be made by anyone while the webhook is installed and does not answer", func() {
		op.Stop()
		for _, g := range w.grantKinds("g") {
			Expect(k8sClient.Create(ctx, g)).To(MatchError(ContainSubstring("grants.stamp.authz.bailiwick.dev")))
		}
		user := build.User(w.Namespace, "carol").KnownAs(w.subject("carol")).Obj()
		create(user)
		Expect(user.Finalizers).To(BeEmpty())
		op.Start()
		expectReason(user, v1alpha1.ReasonValid)
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		Expect(user.Finalizers).To(ConsistOf(v1alpha1.Finalizer), "by the operator")
		for _, g := range w.grantKinds("g") {
			create(g)
			expectReason(g, v1alpha1.ReasonInForce)
			Expect(g.GetAnnotations()).To(HaveKeyWithValue(v1alpha1.AnnotationCreator, "admin"))
		}
	})
})
