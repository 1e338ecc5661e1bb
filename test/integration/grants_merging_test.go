package integration

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// asking asks questions without pause, and counts the answers that are not yes.
type asking struct {
	asked, denied atomic.Int64
	firstError    atomic.Pointer[error]
	stop          chan struct{}
	done          sync.WaitGroup
}

// askWithoutPause begins to ask the store, one by one and many at once, and memory, through AuthZEN, where it knows the
// words; what it has found is looked at after End. It ends with the spec.
func askWithoutPause(questions ...question) *asking {
	GinkgoHelper()
	id, err := op.storeID()
	Expect(err).NotTo(HaveOccurred())
	a := &asking{stop: make(chan struct{})}
	keepAsking := func(ask func() (asked, allowed int, err error)) {
		a.done.Go(func() {
			for {
				select {
				case <-a.stop:
					return
				default:
				}
				asked, allowed, err := ask()
				if err != nil {
					a.firstError.CompareAndSwap(nil, &err)
				}
				a.denied.Add(int64(asked - allowed))
				a.asked.Add(int64(asked))
			}
		})
	}
	for _, q := range questions {
		keepAsking(func() (int, int, error) {
			var answer struct{ Allowed bool }
			err := op.call(http.MethodPost, "/stores/"+id+"/check", q.request(), &answer)
			return 1, map[bool]int{true: 1}[answer.Allowed], err
		})
		if evaluation, ok := evaluationOf(q); ok {
			keepAsking(func() (int, int, error) {
				allowed, err := op.evaluate(suiteKey, evaluation)
				return 1, map[bool]int{true: 1}[allowed], err
			})
		}
	}
	var checks []map[string]any
	for n := range 48 {
		check := questions[n%len(questions)].request()
		check["correlation_id"] = fmt.Sprint(n)
		checks = append(checks, check)
	}
	keepAsking(func() (_, allowed int, _ error) {
		var answer struct {
			Result map[string]struct{ Allowed bool }
		}
		err := op.call(http.MethodPost, "/stores/"+id+"/batch-check", map[string]any{"checks": checks}, &answer)
		for _, one := range answer.Result {
			if one.Allowed {
				allowed++
			}
		}
		return len(checks), allowed, err
	})
	DeferCleanup(a.End)
	return a
}

// End returns when nobody asks any more.
func (a *asking) End() {
	select {
	case <-a.stop:
	default:
		close(a.stop)
	}
	a.done.Wait()
}

// expectAllAllowed: each of at least so many questions was answered, with yes.
func (a *asking) expectAllAllowed(atLeast int) {
	GinkgoHelper()
	Eventually(a.asked.Load).Should(BeNumerically(">=", atLeast))
	a.End()
	AddReportEntry("questions", a.asked.Load())
	if err := a.firstError.Load(); err != nil {
		Expect(*err).NotTo(HaveOccurred())
	}
	Expect(a.denied.Load()).To(BeZero(), "wrong denials in %d questions", a.asked.Load())
}

var _ = Describe("Grants to one subject at one scope", Label(slow), func() {
	questions := func() int { return 700 * faultRounds(1) }
	var w *world
	BeforeEach(func() { w = newWorld() })
	// kept makes grants that nobody touches afterwards, and returns what to ask for what they give.
	kept := func() []question {
		GinkgoHelper()
		grants := []v1alpha1.Object{
			w.grant("kept").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj(),
			w.temporary("kept").ToUser("alice").Grants(w.Edit, build.Equals("color", "red")).InWorkspace("prod").For("PT8H").Obj(),
			w.grant("kept-of-group").ToGroup("devs").Grants(w.View).InWorkspace("prod").Obj(),
		}
		for _, g := range grants {
			create(g)
			expectReason(g, v1alpha1.ReasonInForce)
		}
		return []question{
			{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at("prod", "vision")},
			{User: objectid.User(w.subject("alice")), Permission: w.Edit, Object: w.at("prod"), Attributes: attributes{"color": "red"}},
			{User: objectid.Group(w.Namespace, "devs") + "#member", Permission: w.View, Object: w.at("prod")},
		}
	}

	It("[K11] never disturb each other, whatever comes, goes and changes among them", func() {
		asked := askWithoutPause(kept()...)
		may := w.may("alice", w.Delete, w.at("prod"))
		comes := w.grant("comes").ToUser("alice").Grants(w.Delete, w.View).InWorkspace("prod")
		fleeting := w.temporary("comes").ToUser("alice").Grants(w.Delete).InWorkspace("prod").For("PT1H")
		ofGroup := w.grant("comes-to-group").ToGroup("devs").Grants(w.Delete, w.View).InWorkspace("prod")
		rounds := 0
		for ; rounds < 4 || asked.asked.Load() < int64(questions()); rounds++ {
			By(fmt.Sprint("round ", rounds))
			create(comes.Obj())
			expectReason(comes.Obj(), v1alpha1.ReasonInForce)
			Expect(may()).To(BeTrue())
			edit(comes.Obj(), func(g *v1alpha1.PermissionGrant) { g.Spec.Permissions = g.Spec.Permissions[1:] })
			expectReason(comes.Obj(), v1alpha1.ReasonInForce)
			Expect(may()).To(BeFalse())

			create(fleeting.Obj(), ofGroup.Obj())
			expectReason(fleeting.Obj(), v1alpha1.ReasonInForce)
			expectReason(ofGroup.Obj(), v1alpha1.ReasonInForce)
			Expect(may()).To(BeTrue())
			Expect(w.groupMay(w.Delete, w.at("prod"))()).To(BeTrue())
			edit(fleeting.Obj(), func(g *v1alpha1.TemporaryPermissionGrant) {
				g.Spec.Duration, g.Spec.ExpiresAt = nil, &metav1.Time{Time: time.Now().Add(-time.Minute)}
			})
			expectReason(fleeting.Obj(), v1alpha1.ReasonExpired)
			Expect(may()).To(BeFalse())

			remove(comes.Obj(), fleeting.Obj(), ofGroup.Obj())
			Expect(may()).To(BeFalse())
			Expect(w.groupMay(w.Delete, w.at("prod"))()).To(BeFalse())
		}
		AddReportEntry("rounds", rounds)
		asked.expectAllAllowed(questions())
		Expect(w.granted()).To(HaveLen(2), "one tuple for the user, one for the group")
	})

	It("[K11] never disturb each other when many of them change at once", Label(embeddedOnly), func() {
		asked := askWithoutPause(kept()...)
		const many = 12
		name := func(n int) string { return fmt.Sprint("g-", n) }
		for round := 0; round < 1 || asked.asked.Load() < int64(questions()); round++ {
			var create, change, end []func() error
			for n := range many {
				g := w.grant(name(n)).ToUser("alice").GrantsIf(w.Edit, build.Equals("floor", fmt.Sprint(n))).InWorkspace("prod").Obj()
				t := w.temporary(name(n)).ToUser("alice").Grants(w.Edit, build.Equals("floor", fmt.Sprint(n+many))).InWorkspace("prod").For("PT1H").Obj()
				create = append(create, func() error { return k8sClient.Create(ctx, g.DeepCopy()) }, func() error { return k8sClient.Create(ctx, t.DeepCopy()) })
				change = append(change, func() error { return k8sClient.Patch(ctx, g.DeepCopy(), replaceFloor(n+2*many)) })
				end = append(end, func() error { return k8sClient.Delete(ctx, g.DeepCopy()) }, func() error { return k8sClient.Delete(ctx, t.DeepCopy()) })
			}
			may := func(floor int) (bool, error) {
				return w.may("alice", w.Edit, w.at("prod"), attributes{"floor": floor})()
			}
			expectHeld := func(from, to int) {
				GinkgoHelper()
				for floor := range 3 * many {
					Expect(may(floor)).To(Equal(from <= floor && floor < to), "floor %d", floor)
				}
			}
			expectAll := func(reason string) {
				GinkgoHelper()
				for n := range many {
					expectReason(w.grant(name(n)).Obj(), reason)
					expectReason(w.temporary(name(n)).Obj(), reason)
				}
			}
			atOnce(create...)
			expectAll(v1alpha1.ReasonInForce)
			expectHeld(0, 2*many)
			atOnce(change...)
			expectAll(v1alpha1.ReasonInForce)
			expectHeld(many, 3*many)
			atOnce(end...)
			for n := range many {
				remove(w.grant(name(n)).Obj(), w.temporary(name(n)).Obj())
			}
			expectHeld(0, 0)
		}
		asked.expectAllAllowed(questions())
	})

	It("[K11] hold what the one that stays gives, while others that give the same come and go", func() {
		stays := w.grant("stays").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj()
		create(stays)
		expectReason(stays, v1alpha1.ReasonInForce)
		asked := askWithoutPause(question{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at("prod")})
		same := w.temporary("same").ToUser("alice").Grants(w.View).InWorkspace("prod").For("PT1H")
		for round := 0; round < 4 || asked.asked.Load() < int64(questions()); round++ {
			create(same.Obj())
			expectReason(same.Obj(), v1alpha1.ReasonInForce)
			remove(same.Obj())
		}
		By("and hand over to each other")
		other := w.grant("other").ToUser("alice").Grants(w.View).InWorkspace("prod")
		create(other.Obj())
		expectReason(other.Obj(), v1alpha1.ReasonInForce)
		remove(stays)
		asked.expectAllAllowed(questions())
		remove(other.Obj())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})
})

var _ = Describe("Roles and memberships of one user", Label(slow), func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[K11] [T1] for good and for a time never disturb each other, whichever comes, goes or is moved", func() {
		soon := time.Now().Add(time.Hour)
		assigned := w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		// Of each two, one stays while the other is made and deleted, in turns.
		role := func(name string) *build.RoleAssignmentBuilder {
			return w.assignment(name, "editor").ToUser("alice").InWorkspace("lab")
		}
		member := func(name string) *build.GroupMembershipBuilder {
			return w.membership(name, "bob").As(v1alpha1.GroupAdmin)
		}
		forGood := []v1alpha1.Object{role("for-good").Obj(), member("for-good").Obj()}
		timed := []v1alpha1.Object{role("timed").Until(soon).Obj(), member("timed").Until(soon).Obj()}
		all := func(objects []v1alpha1.Object, do func(v1alpha1.Object)) {
			GinkgoHelper()
			for _, object := range objects {
				do(object.DeepCopyObject().(v1alpha1.Object))
			}
		}
		begin := func(object v1alpha1.Object) {
			GinkgoHelper()
			create(object)
			expectReason(object, v1alpha1.ReasonInForce)
		}
		end := func(object v1alpha1.Object) {
			GinkgoHelper()
			remove(object)
		}
		all(timed, begin)
		asked := askWithoutPause(
			question{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at("lab")},
			question{User: objectid.User(w.subject("bob")), Permission: w.View, Object: w.at("prod")},
			question{User: objectid.User(w.subject("bob")), Permission: configurable[0], Object: w.devs()},
		)
		for range 3 {
			all(forGood, begin)
			all(timed, end)
			all(timed, begin)
			all(forGood, end)
			edit(role("timed").Obj(), func(a *v1alpha1.RoleAssignment) { a.Spec.ExpiresAt = &metav1.Time{Time: soon.Add(time.Hour)} })
			edit(member("timed").Obj(), func(m *v1alpha1.GroupMembership) { m.Spec.ExpiresAt = nil })
			expectReason(role("timed").Obj(), v1alpha1.ReasonInForce)
			edit(member("timed").Obj(), func(m *v1alpha1.GroupMembership) { m.Spec.ExpiresAt = &metav1.Time{Time: soon} })
			edit(role("timed").Obj(), func(a *v1alpha1.RoleAssignment) { a.Spec.ExpiresAt = &metav1.Time{Time: soon} })
			expectReason(member("timed").Obj(), v1alpha1.ReasonInForce)
		}
		asked.expectAllAllowed(200)
		all(timed, end)
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("bob", configurable[0], w.devs())()).To(BeFalse())
	})
})

var _ = Describe("Roles and memberships that end", Label(slow), func() {

	It("[K11] [T1] follow each other without a gap, and take nothing from what stays", func() {
		w := newWorld()
		noon := inAnHour()
		first := w.assignment("first", "editor").ToUser("alice").InWorkspace("lab").Until(noon).Obj()
		next := w.assignment("next", "editor").ToUser("alice").InWorkspace("lab").From(noon).Until(noon.Add(2 * time.Hour)).Obj()
		team := w.assignment("team", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		guest := w.membership("guest", "alice").Until(noon).Obj()
		member := w.membership("member", "bob").Obj()
		admin := w.membership("admin", "bob").As(v1alpha1.GroupAdmin).Until(noon).Obj()
		create(first, next, team, guest, member, admin)
		for _, object := range []v1alpha1.Object{first, team, guest, member, admin} {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		expectReason(next, v1alpha1.ReasonPending)
		lab := w.may("alice", w.View, w.at("lab"))
		asked := askWithoutPause(
			question{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at("lab")},
			question{User: objectid.User(w.subject("bob")), Permission: w.View, Object: w.at("prod")},
		)
		expectFrom(noon, false, w.may("alice", w.View, w.at("prod")), w.may("bob", configurable[0], w.devs()))
		for _, object := range []v1alpha1.Object{first, guest, admin} {
			expectReason(object, v1alpha1.ReasonExpired)
		}
		expectReason(next, v1alpha1.ReasonInForce)
		remove(first, guest, admin)
		edit(next, func(a *v1alpha1.RoleAssignment) { a.Spec.ExpiresAt = &metav1.Time{Time: noon.Add(3 * time.Hour)} })
		expectReason(next, v1alpha1.ReasonInForce)
		edit(next, func(a *v1alpha1.RoleAssignment) { a.Spec.ExpiresAt = &metav1.Time{Time: noon.Add(time.Hour)} })
		expectReason(next, v1alpha1.ReasonInForce, noon.Add(time.Hour).UTC().Format(time.RFC3339))
		asked.expectAllAllowed(200)
		expectFrom(noon.Add(time.Hour), false, lab)
		expectReason(next, v1alpha1.ReasonExpired)

		By("and stay over when the clock is set back")
		for _, behind := range []func(){
			func() { op.clock.StopAt(noon) },
			func() {
				op.Stop()
				op.StartAt(noon)
			},
		} {
			behind()
			Expect(lab()).To(BeFalse())
			waitUntilQuiet()
			Expect(lab()).To(BeFalse())
			expectReason(next, v1alpha1.ReasonExpired)
		}
	})
})

// replaceFloor is a patch of a grant's condition on its first permission.
func replaceFloor(floor int) client.Patch {
	return client.RawPatch(types.JSONPatchType, fmt.Appendf(nil, `[{"op": "replace", "path": "/spec/permissions/0/conditions/floor/value", "value": "%d"}]`, floor))
}
