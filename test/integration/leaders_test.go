package integration

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

// replicas run operators as programs, several at a time, one of which leads. None serves the webhook: which of
// them the API server calls is another matter.
type replicas struct {
	run func(arguments ...string) *controlplane.Process
	// lease is how long one leads after it was last heard.
	lease time.Duration
}

type replica struct {
	*controlplane.Process
	decisionURL, metricsAddress string
	// address is where it serves the embedded store, if that is its storage.
	address string
}

const (
	// patience is how long a spec waits for something, also where another operator has to lead first: the lease of one that was
	// killed runs out before that.
	patience = 2 * time.Minute
	// patientLease is one that no busy machine makes a leader lose, and readLease how long a replica answers after it has last
	// asked for a lease that the leader has granted.
	patientLease = 8 * time.Second
	readLease    = patientLease * 9 / 4
)

func newReplicas(kept storage) *replicas {
	GinkgoHelper()
	r := &replicas{run: insteadOfSuites(), lease: patientLease}
	withoutWebhook()
	op.storage = kept
	if kept.external != nil {
		op.address = kept.external.HTTPAddress
	}
	return r
}

// start runs one more on a storage.
func (r *replicas) start(on storage) *replica {
	GinkgoHelper()
	local := func() string { return fmt.Sprint("127.0.0.1:", freePort()) }
	decisions, metricsAddress, address := local(), local(), local()
	return &replica{
		Process: r.run(slices.Concat(on.arguments(address), r.leaseArguments(), []string{"--leader-elect=true", "--webhook-port=0",
			"--decision-address=" + decisions, "--decision-keys-file=" + op.keys, "--metrics-address=" + metricsAddress})...),
		decisionURL: "http://" + decisions, metricsAddress: metricsAddress, address: address,
	}
}

// leaseOptions are the same for each of them, also for those that only answer.
func (r *replicas) leaseOptions() operator.LeaseOptions {
	return operator.LeaseOptions{Duration: r.lease, RenewDeadline: r.lease * 3 / 4, RetryPeriod: r.lease / 16}
}

func (r *replicas) leaseArguments() []string {
	lease := r.leaseOptions()
	return []string{
		fmt.Sprint("--leader-elect-lease-duration=", lease.Duration), fmt.Sprint("--leader-elect-renew-deadline=", lease.RenewDeadline),
		fmt.Sprint("--leader-elect-retry-period=", lease.RetryPeriod),
	}
}

// leads returns when a replica leads, and the store holds what the cluster says; op asks it from then on.
func (r *replica) leads() {
	GinkgoHelper()
	op.decisionURL, op.metricsAddress = r.decisionURL, r.metricsAddress
	Eventually(op.synced).WithTimeout(patience).Should(Succeed(), func() string { return plane.LogTail("bailiwick") })
}

// bobMay expects of the store itself whether bob may do something in the workspace prod.
func (w *world) bobMay(permission string, want bool) {
	GinkgoHelper()
	Expect(op.check(question{User: objectid.User(w.subject("bob")), Permission: permission, Object: w.at("prod")})).To(Equal(want))
}

// leader is who holds the lease.
func leader() (string, error) {
	var lease coordinationv1.Lease
	key := types.NamespacedName{Namespace: "bailiwick-system", Name: "bailiwick.authz.bailiwick.dev"}
	if err := k8sClient.Get(ctx, key, &lease); err != nil {
		return "", err
	}
	return *lease.Spec.HolderIdentity, nil
}

// expectElectionSaid expects the event that names who leads now.
func expectElectionSaid() {
	GinkgoHelper()
	now, err := leader()
	Expect(err).NotTo(HaveOccurred())
	Eventually(func(g Gomega) {
		var said corev1.EventList
		g.Expect(k8sClient.List(ctx, &said, client.InNamespace("bailiwick-system"), client.MatchingFields{"reason": "LeaderElection"})).To(Succeed())
		g.Expect(said.Items).To(ContainElement(HaveField("Message", now+" became leader")))
	}).Should(Succeed())
}

var _ = Describe("Two operators with one store", Label(slow), func() {
	It("[K12] [K6] lose nothing, double nothing and keep every deadline when the one that leads is killed", func() {
		rounds := faultRounds(1)
		AddReportEntry("rounds", rounds)
		choose := chooser(13)
		kept := newExternalStorage()
		all := newReplicas(kept)
		first := all.start(kept)
		first.leads()
		t := newTurmoil()
		for round := range rounds {
			By(fmt.Sprint("round ", round))
			second := all.start(kept)
			held, err := leader()
			Expect(err).NotTo(HaveOccurred())
			var grants []*v1alpha1.TemporaryPermissionGrant
			var histories []func() []v1alpha1.GrantPhase
			var changes *rage
			var ids string
			// The deadlines are full seconds, the first of them soon after the leader is gone. A machine that has not got there by then
			// is given more time.
			for ahead := 8 * time.Second; ; ahead *= 2 {
				soon := time.Now().Truncate(time.Second).Add(ahead)
				ids, grants, histories = fmt.Sprintf("round-%d-%s", round, ahead), nil, nil
				for n := range 4 {
					g := t.temporary(nth(ids, n)).ToUser("alice").Grants(t.View).
						OnResource(t.Type, nth(ids, n)).Until(soon.Add(time.Duration(n*2) * time.Second)).Obj()
					create(g)
					Eventually(reason(g)).Should(BeElementOf(v1alpha1.ReasonInForce, v1alpha1.ReasonExpired))
					grants, histories = append(grants, g), append(histories, history(g))
				}
				changes = t.rage()
				changes.until(30 + choose(50))
				if time.Now().Before(soon) {
					break
				}
				changes.end()
			}
			Expect(first.Kill()).To(Succeed())
			for n, g := range grants {
				q := question{User: objectid.User(t.subject("alice")), Permission: t.View, Object: t.object(nth(ids, n), "", "")}
				deadline := g.Spec.ExpiresAt.Time
				Eventually(func(g Gomega) {
					before := time.Now()
					allowed, err := op.check(q)
					after := time.Now()
					g.Expect(err).NotTo(HaveOccurred())
					// The question was asked at some moment in between.
					if before.Before(deadline) && after.Before(deadline) {
						g.Expect(allowed).To(BeTrue(), "ended early")
						return
					}
					if !before.Before(deadline) {
						g.Expect(allowed).To(BeFalse(), "ended late")
					}
				}).Should(Succeed(), "%d", n)
			}
			changes.end()
			Eventually(leader).WithTimeout(patience).ShouldNot(Equal(held))
			second.leads()
			expectElectionSaid()
			t.expectRight()
			for n, g := range grants {
				expectReason(g, v1alpha1.ReasonExpired)
				Expect(histories[n]()).To(HaveExactElements(v1alpha1.PhaseActive, v1alpha1.PhaseExpired), "written once")
			}
			first = second
		}
	})

	DescribeTable("[K12] [K6] what the one that led before has on its way never happens when it goes on after a pause", inRounds, func(prepare, isRight func(*world), late func(*world), turn func(*world)) {
		kept := newExternalStorage()
		all := newReplicas(kept)
		slow := kept.through(time.Minute)
		first := all.start(slow)
		first.leads()
		second := all.start(kept)
		w := newWorld()
		prepare(w)

		By("a write on its way from the one that leads, which then stands still")
		held := slow.between.holdWrite()
		late(w)
		Eventually(held.arrived).Should(BeClosed())
		Expect(first.Pause()).To(Succeed())

		By("another one leads, and does the contrary")
		second.leads()
		turn(w)
		isRight(w)

		By("the write arrives, and who sent it goes on")
		Expect(status.Code(held.release())).To(Equal(codes.Aborted))
		isRight(w)
		Expect(first.Resume()).To(Succeed())
		Eventually(first.Done()).WithTimeout(patience).Should(BeClosed())
		Expect(held.done.Load()).To(BeZero(), "writes of the one that led before, after the pause")
		isRight(w)
		op.expectWhole()
	},
		Entry("a grant that is deleted meanwhile",
			func(*world) {},
			func(w *world) {
				w.bobMay(w.Delete, false)
			},
			func(w *world) { create(w.grant("late").ToUser("bob").Grants(w.Delete).InWorkspace("prod").Obj()) },
			func(w *world) {
				expectReason(w.grant("late").Obj(), v1alpha1.ReasonInForce)
				remove(w.grant("late").Obj())
			}),
		Entry("the end of an assignment that is made again meanwhile",
			func(w *world) {
				assigned := w.assignment("again", "editor").ToUser("bob").InWorkspace("prod").Obj()
				create(assigned)
				expectReason(assigned, v1alpha1.ReasonInForce)
			},
			func(w *world) {
				w.bobMay(w.Edit, true)
			},
			func(w *world) {
				Expect(k8sClient.Delete(ctx, w.assignment("again", "editor").Obj())).To(Succeed())
			},
			func(w *world) {
				remove(w.assignment("again", "editor").Obj())
				assigned := w.assignment("again", "editor").ToUser("bob").InWorkspace("prod").Obj()
				create(assigned)
				expectReason(assigned, v1alpha1.ReasonInForce)
			}),
		Entry("what a role no longer gives",
			func(w *world) {
				assigned := w.assignment("held", "editor").ToUser("bob").InWorkspace("prod").Obj()
				create(assigned)
				expectReason(assigned, v1alpha1.ReasonInForce)
			},
			func(w *world) {
				w.bobMay(w.Delete, false)
			},
			func(w *world) {
				edit(build.Role(w.Namespace, "editor").Obj(), func(r *v1alpha1.Role) { toGrant(w.View, w.Delete)(&r.Spec) })
			},
			func(w *world) {
				role := build.Role(w.Namespace, "editor").Obj()
				edit(role, func(r *v1alpha1.Role) { toGrant(w.View, w.Edit)(&r.Spec) })
				expectReason(role, v1alpha1.ReasonValid)
			}),
	)
})
