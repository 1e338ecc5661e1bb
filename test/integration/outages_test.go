package integration

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// keepIn has the suite's operator keep its tuples elsewhere until the spec is over.
func keepIn(kept storage) {
	GinkgoHelper()
	own := op.storage
	op.Stop()
	op.storage = kept
	op.Start()
	DeferCleanup(func() {
		op.stopIfRunning()
		op.storage = own
	})
}

var errOutage = status.Error(codes.Unavailable, "the spec has the store fail")

func refusesAll(context.Context, any, func(context.Context) (any, error)) (any, error) {
	return nil, errOutage
}

// versions are those of all objects of a namespace but some, and but Roles, whose counts others change.
func (w *world) versions(but ...string) map[string]string {
	GinkgoHelper()
	objects, err := everything()
	Expect(err).NotTo(HaveOccurred())
	found := map[string]string{}
	for _, object := range objects {
		_, isRole := object.(*v1alpha1.Role)
		if !isRole && object.GetNamespace() == w.Namespace && !contains(but, object.GetName()) {
			found[fmt.Sprintf("%T %s", object, object.GetName())] = object.GetResourceVersion()
		}
	}
	return found
}

// saysOutage says whether the Organization has the condition, and how many events there are about it.
func (w *world) saysOutage() (says bool, events int, err error) {
	organization := build.Organization(w.Namespace).Obj()
	if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(organization), organization); err != nil {
		return false, 0, err
	}
	var list eventsv1.EventList
	if err := k8sClient.List(ctx, &list); err != nil {
		return false, 0, err
	}
	for n := range list.Items {
		event := &list.Items[n]
		if event.Regarding.UID == organization.UID && event.Reason == v1alpha1.ReasonStoreUnavailable {
			events++
			if event.Series != nil {
				events += int(event.Series.Count)
			}
		}
	}
	return meta.IsStatusConditionTrue(organization.Status.Conditions, v1alpha1.ConditionStoreUnavailable), events, nil
}

// probe asks one of the operator's probes.
func probe(name string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+op.healthAddress+"/"+name, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

var _ = Describe("While the store does not answer", Label(slow), func() {
	// timeout is longer than a store takes on a busy machine that does answer.
	const timeout = 5 * time.Second
	var kept storage
	var w *world
	BeforeEach(func() {
		kept = newExternalStorage().through(timeout)
		keepIn(kept)
		w = newWorld()
	})

	// An outage begins and ends.
	type outage struct{ begin, end func() }

	DescribeTable("[K8] what waits for it says so, nothing else is written, and all is made up for", inRounds, func(of func() outage) {
		assigned := w.assignment("edited", "editor").ToUser("alice").InWorkspace("prod").Obj()
		revoked := w.assignment("revoked", "editor").ToUser("bob").InWorkspace("prod").Obj()
		taken := w.grant("taken").ToUser("bob").Grants(w.Delete).Obj()
		carol := w.user("carol")
		hers := w.grant("hers").ToUser("carol").Grants(w.View).InWorkspace("lab").Obj()
		create(assigned, revoked, taken, carol, hers)
		const others = 20
		for n := range others {
			create(w.assignment(nth("other", n), "editor").ToUser("alice").InProject("prod", "speech").Obj())
		}
		for n := range others {
			expectReason(w.assignment(nth("other", n), "").Obj(), v1alpha1.ReasonInForce)
		}
		for _, object := range []v1alpha1.Object{assigned, revoked, taken, hers} {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		waitUntilQuiet()
		touched := []string{"edited", "revoked", "taken", "carol", "made"}
		before, baseline := w.versions(touched...), w.versions(append(touched, hers.Name)...)
		apiWrites, roleWrites := op.requests.toAPI(), op.requests.toRoles()

		o := of()
		end := sync.OnceFunc(o.end)
		DeferCleanup(end)
		o.begin()
		made := w.assignment("made", "editor").ToUser("bob").InWorkspace("lab").Obj()
		create(made)
		expectReason(made, v1alpha1.ReasonStoreUnavailable, "goes on by itself")
		edit(assigned, func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Workspace = "lab" })
		expectReason(assigned, v1alpha1.ReasonStoreUnavailable)
		edit(carol, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(carol, v1alpha1.ReasonStoreUnavailable)
		for _, object := range []v1alpha1.Object{revoked, taken} {
			Expect(k8sClient.Delete(ctx, object)).To(Succeed())
			expectReason(object, v1alpha1.ReasonStoreUnavailable)
			Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			Expect(object.GetFinalizers()).To(ContainElement(v1alpha1.Finalizer))
		}
		told := func(g Gomega, want bool) {
			says, events, err := w.saysOutage()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(says).To(Equal(want))
			g.Expect(events).To(Equal(1))
		}
		Eventually(func(g Gomega) { told(g, true) }).Should(Succeed())
		waitUntilQuiet()

		By("with everything else as it was")
		Expect(w.versions(touched...)).To(Equal(before))
		// A status for each that waits, and a status and an event for the Organization. The role editor may
		// say once a second how many assignments name it.
		counts := op.requests.toRoles() - roleWrites
		Expect(op.requests.toAPI() - apiWrites - counts).To(BeNumerically("<=", len(touched)+2))
		Expect(measured("bailiwick_store_available")).To(BeZero())
		for _, name := range []string{"healthz", "readyz"} {
			Expect(probe(name)).To(Equal(http.StatusOK), name)
		}
		Expect(stamped()).To(BeTrue())
		Expect(judged()).To(BeTrue())

		By("with decisions that know all of it")
		for _, asked := range []struct {
			user, permission, object string
			want                     bool
		}{
			{"bob", w.View, w.at("prod"), false}, {"bob", w.Delete, w.at(), false}, {"carol", w.View, w.at("lab"), false},
			{"bob", w.View, w.at("lab"), true}, {"alice", w.View, w.at("prod"), false}, {"alice", w.View, w.at("lab"), true},
		} {
			q, _ := evaluationOf(question{User: objectid.User(w.subject(asked.user)), Permission: asked.permission, Object: asked.object})
			Expect(op.evaluate(suiteKey, q)).To(Equal(asked.want), "%v", asked)
		}

		end()
		expectReason(made, v1alpha1.ReasonInForce)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectReason(carol, v1alpha1.ReasonSuspended)
		remove(revoked, taken)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse(), "revoked meanwhile")
		Expect(w.may("bob", w.Delete, w.at())()).To(BeFalse(), "taken meanwhile")
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeFalse(), "suspended meanwhile")
		Expect(w.may("bob", w.View, w.at("lab"))()).To(BeTrue())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse(), "edited away meanwhile")
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeTrue())
		op.expectWhole()
		Eventually(func(g Gomega) { told(g, false) }).Should(Succeed())
		waitUntilQuiet()
		Expect(w.versions(append(touched, hers.Name)...)).To(Equal(baseline))
		Expect(measured("bailiwick_store_available")).To(BeEquivalentTo(1))
	},
		Entry("stopped", func() outage {
			return outage{kept.external.Stop, func() { kept.external.Restart(GinkgoTB()) }}
		}),
		Entry("hanging", func() outage {
			return outage{func() { kept.external.Pause(GinkgoTB()) }, func() { kept.external.Resume(GinkgoTB()) }}
		}),
		Entry("refusing every call", func() outage {
			return outage{func() { kept.between.disturb(refusesAll) }, func() { kept.between.disturb(nil) }}
		}),
	)

	It("[K8] a write that happens when it was given up, and the contrary done, changes nothing", inRounds, func() {
		held := kept.between.holdWrite()
		late := w.grant("late").ToUser("bob").Grants(w.Delete).InWorkspace("prod").Obj()
		create(late)
		Eventually(held.arrived).Should(BeClosed())
		expectReason(late, v1alpha1.ReasonInForce) // it was written again
		remove(late)
		w.bobMay(w.Delete, false)
		Expect(status.Code(held.release())).To(Equal(codes.Aborted))
		w.bobMay(w.Delete, false)
		op.expectWhole()
	})

	It("[K8] [K12] deadlines pass exactly, and what could not be written follows", inRounds, func() {
		noon := inAnHour()
		ends := w.temporary("ends").ToUser("alice").Grants(w.View).InWorkspace("prod").Until(noon).Obj()
		begins := w.temporary("begins").ToUser("bob").Grants(w.View).From(noon).For("PT1H").Obj()
		create(ends, begins)
		expectReason(ends, v1alpha1.ReasonInForce)
		expectReason(begins, v1alpha1.ReasonPending)
		phases := history(ends)
		kept.between.disturb(refusesAll)
		made := w.grant("made").ToUser("bob").Grants(w.Delete).Obj()
		create(made)
		expectReason(made, v1alpha1.ReasonStoreUnavailable)
		asking := func(user, place string) func() (bool, error) {
			return func() (bool, error) {
				return op.check(question{User: objectid.User(w.subject(user)), Permission: w.View, Object: place})
			}
		}
		expectFrom(noon, false, asking("alice", w.at("prod")))
		expectFrom(noon, true, asking("bob", w.at()))
		expectFrom(noon.Add(time.Hour), false, asking("bob", w.at()))
		kept.between.disturb(nil)
		for _, g := range []*v1alpha1.TemporaryPermissionGrant{ends, begins} {
			expectReason(g, v1alpha1.ReasonExpired)
		}
		expectReason(made, v1alpha1.ReasonInForce)
		Expect(phases()).To(HaveExactElements(v1alpha1.PhaseActive, v1alpha1.PhaseExpired))
		Expect(w.granted()).To(ConsistOf(containAll(w.subject("bob"), w.Delete)))
	})
})

var _ = Describe("While everything changes", Label(slow), func() {
	// What happened to how many writes.
	type tally struct{ done, notDone, unanswered atomic.Int64 }

	DescribeTable("[K8] a store that is no good in its writes comes to hold everything, whole", func(disturbed func(*tally) disturbance, few int) {
		kept := newExternalStorage().through(10 * time.Second)
		keepIn(kept)
		t := newTurmoil()
		rounds := faultRounds(1)
		AddReportEntry("rounds", rounds)
		count := &tally{}
		kept.between.disturb(ofWrites(disturbed(count)))
		for range rounds {
			changes := t.rage()
			changes.until(few)
			changes.end()
			t.expectRight()
		}
		AddReportEntry("writes", fmt.Sprintf("%d done, %d not done, %d done and not answered",
			count.done.Load(), count.notDone.Load(), count.unanswered.Load()))
		Expect(count.done.Load()).To(BeNumerically(">", 0))
	},
		Entry("slow: each takes seconds", func(count *tally) disturbance {
			return func(ctx context.Context, _ any, pass func(context.Context) (any, error)) (any, error) {
				slow := time.NewTimer(2 * time.Second)
				defer slow.Stop()
				select {
				case <-slow.C:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				count.done.Add(1)
				return pass(ctx)
			}
		}, 100),
		Entry("failing in half of them, and in half of these only to answer", func(count *tally) disturbance {
			choose := chooser(14)
			return func(ctx context.Context, _ any, pass func(context.Context) (any, error)) (any, error) {
				switch choose(4) {
				case 0:
					count.notDone.Add(1)
					return nil, errOutage
				case 1:
					count.unanswered.Add(1)
					if _, err := pass(ctx); err != nil {
						return nil, err
					}
					return nil, errOutage
				default:
					count.done.Add(1)
					return pass(ctx)
				}
			}
		}, 300),
	)
})
