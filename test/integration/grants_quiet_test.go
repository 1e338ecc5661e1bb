package integration

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The operator, of grants,", func() {
	var (
		w      *world
		grants []v1alpha1.Object
	)
	BeforeEach(func() {
		w = newWorld()
		soon := time.Now().Truncate(time.Second).Add(time.Hour)
		create(build.User(w.Namespace, "away").KnownAs(w.subject("away")).Suspended().Obj())
		grants = []v1alpha1.Object{
			w.grant("user").ToUser("alice").Grants(w.View, w.Delete).Obj(),
			w.grant("same").ToUser("alice").Grants(w.View).GrantsIf(w.Edit, build.Equals("color", "red")).Obj(),
			w.grant("group").ToGroup("devs").Grants(w.View).InProject("prod", "vision").Obj(),
			w.grant("object").ToUser("bob").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").Obj(),
			w.grant("model").ToUser("bob").Grants(w.View).InWorkspace("prod").OnEvery(w.Type).Obj(),
			w.grant("partly").ToUser("bob").Grants(w.View, w.Namespace+":Nothing").GrantsIf(w.Edit, build.Equals("floor", "abc")).Obj(),
			w.grant("away").ToUser("away").Grants(w.View).Obj(),
			w.grant("waits").ToUser("carol").Grants(w.View).Obj(),
			w.temporary("active").ToUser("alice").Grants(w.Edit, build.Equals("floor", "4")).Until(soon).Obj(),
			w.temporary("pending").ToUser("alice").Grants(w.Edit).From(soon).For("PT8H").Obj(),
			w.temporary("expired").ToUser("alice").Grants(w.Edit).Until(soon.Add(-2 * time.Hour)).Obj(),
			w.temporary("restored").ToUser("bob").Grants(w.Edit).For("P1D").
				Annotated(v1alpha1.AnnotationGrantedAt, soon.Add(-9*time.Hour).UTC().Format(time.RFC3339)).Obj(),
			w.temporary("lost").ToUser("bob").Grants(w.Edit).InWorkspace("nowhere").For("PT8H").Obj(),
		}
		for _, g := range grants {
			create(g)
		}
		for n, want := range []string{
			v1alpha1.ReasonInForce, v1alpha1.ReasonInForce, v1alpha1.ReasonInForce, v1alpha1.ReasonInForce, v1alpha1.ReasonInForce,
			v1alpha1.ReasonPermissionsInvalid, v1alpha1.ReasonUserSuspended, v1alpha1.ReasonUserNotFound,
			v1alpha1.ReasonInForce, v1alpha1.ReasonPending, v1alpha1.ReasonExpired, v1alpha1.ReasonInForce, v1alpha1.ReasonScopeNotFound,
		} {
			expectReason(grants[n], want)
		}
		waitUntilQuiet()
	})

	It("[K10] writes nothing when they change in nothing that concerns it", func() {
		before := expectUnmoved(grants...)

		By("and writes when they do")
		edit(w.grant("user").Obj(), func(g *v1alpha1.PermissionGrant) { g.Spec.Permissions = g.Spec.Permissions[:1] })
		expectReason(w.grant("user").Obj(), v1alpha1.ReasonInForce)
		waitUntilQuiet()
		Expect(writtenNow().ToAPI).To(Equal(before.ToAPI+1), "its status")
		Expect(writtenNow().ToStore).To(BeNumerically(">", before.ToStore))
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
	})

	It("[K10] writes nothing to the store for what is said in other words", func() {
		before := writtenNow()
		edit(w.grant("same").Obj(), func(g *v1alpha1.PermissionGrant) {
			g.Spec.Permissions[0], g.Spec.Permissions[1] = g.Spec.Permissions[1], g.Spec.Permissions[0]
		})
		edit(w.temporary("active").Obj(), func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.Tags = map[string]v1alpha1.TagValue{"ticket": "7"} })
		expectReason(w.grant("same").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.temporary("active").Obj(), v1alpha1.ReasonInForce)
		waitUntilQuiet()
		Expect(writtenNow()).To(Equal(written{before.ToAPI + 2, before.ToStore}), "the generation that each status is about")
	})

	It("[K10] writes nothing when it starts and all is as it left it", func() {
		before, reconciled := writtenNow(), measured(reconciles)
		held, err := op.tuples()
		Expect(err).NotTo(HaveOccurred())
		op.Stop()
		op.Start()
		Eventually(func() float64 { return measured(reconciles) }).Should(BeNumerically(">=", reconciled+float64(len(grants))))
		waitUntilQuiet()
		Expect(writtenNow()).To(Equal(before))
		Expect(op.tuples()).To(ConsistOf(held))
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		Expect(w.may("bob", w.View, w.object("42", "prod", "vision"))()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"floor": 4})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"floor": 3})()).To(BeFalse())
	})

	It("writes to the API server once for a new one: its status", func() {
		const many = 10
		before, roles := writtenNow(), op.requests.toRoles()
		for n := range many {
			name := fmt.Sprint("new-", n)
			create(w.grant(name).ToUser("bob").Grants(w.View).OnResource(w.Type, name).Obj(),
				w.temporary(name).ToUser("bob").Grants(w.View).OnResource(w.Type, name).For("PT8H").Obj(),
				w.assignment(name, "editor").ToUser("bob").InWorkspace("prod").Obj())
		}
		for n := range many {
			name := fmt.Sprint("new-", n)
			expectReason(w.grant(name).Obj(), v1alpha1.ReasonInForce)
			expectReason(w.temporary(name).Obj(), v1alpha1.ReasonInForce)
			expectReason(w.assignment(name, "").Obj(), v1alpha1.ReasonInForce)
		}
		waitUntilQuiet()
		counted := op.requests.toRoles() - roles
		Expect(counted).To(BeNumerically(">=", 1), "the role's own count of its assignments, once a second")
		Expect(writtenNow().ToAPI-before.ToAPI-counted).To(BeEquivalentTo(3*many), "a status for each")
	})
})

var _ = Describe("An operator that starts", func() {

	It("[K10] [K12] denies from its first answer on what has ended while there was none, and takes it out of the store", func() {
		w, noon := newWorld(), inAnHour()
		ends := w.temporary("ends").ToUser("alice").Grants(w.View).Until(noon).Obj()
		beside := w.temporary("beside").ToUser("alice").Grants(w.Edit).Until(noon.Add(time.Hour)).Obj()
		onObject := w.temporary("object").ToUser("bob").Grants(w.View).OnResource(w.Type, "42").Until(noon).Obj()
		begins := w.temporary("begins").ToUser("bob").Grants(w.Delete).From(noon).For("PT1H").Obj()
		create(ends, beside, onObject, begins)
		for _, g := range []v1alpha1.Object{ends, beside, onObject} {
			expectReason(g, v1alpha1.ReasonInForce)
		}
		expectReason(begins, v1alpha1.ReasonPending)
		waitUntilQuiet()
		var histories []func() []v1alpha1.GrantPhase
		for _, g := range []*v1alpha1.TemporaryPermissionGrant{ends, onObject, begins, beside} {
			histories = append(histories, history(g))
		}
		op.Stop()
		op.StartAt(noon)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Expect(w.may("bob", w.View, w.object("42", "", ""))()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at())()).To(BeTrue())
		Expect(w.may("bob", w.Delete, w.at())()).To(BeTrue())
		Expect(w.granted()).To(ConsistOf(containAll(w.subject("alice"), w.Edit), containAll(w.subject("bob"), w.Delete)))
		expectReason(ends, v1alpha1.ReasonExpired)
		expectReason(onObject, v1alpha1.ReasonExpired)
		expectReason(begins, v1alpha1.ReasonInForce)
		expectReason(beside, v1alpha1.ReasonInForce)
		waitUntilQuiet()
		By("one status for each whose phase is another, and none for the others")
		active, expired := v1alpha1.PhaseActive, v1alpha1.PhaseExpired
		Expect(histories[0]()).To(HaveExactElements(active, expired))
		Expect(histories[1]()).To(HaveExactElements(active, expired))
		Expect(histories[2]()).To(HaveExactElements(v1alpha1.PhasePending, active))
		Expect(histories[3]()).To(HaveExactElements(active))
	})
})
