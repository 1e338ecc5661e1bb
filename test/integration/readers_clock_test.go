package integration

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
)

// shiftedClock is the real one, but for what it is behind or ahead.
type shiftedClock struct {
	clock.RealClock

	by atomic.Int64
}

// Now implements clock.Clock.
func (c *shiftedClock) Now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// Since implements clock.Clock.
func (c *shiftedClock) Since(instant time.Time) time.Duration { return c.Now().Sub(instant) }

// startAt starts one more replica, in this process, whose clock is wrong.
func (r *replicas) startAt(on storage, by time.Duration) (*replica, *shiftedClock) {
	GinkgoHelper()
	shifted := &shiftedClock{}
	shifted.by.Store(int64(by))
	options := operator.Options{
		Asking:       operator.AskingOptions{DecisionAddress: "127.0.0.1:0", DecisionKeysFile: op.keys},
		CompareEvery: time.Hour, CountEvery: time.Second, Workers: 4, QPS: 1000,
		LeaderElect: true, Lease: r.leaseOptions(),
		MetricsAddress: "0", HealthAddress: "0", ShutdownTimeout: 20 * time.Second,
		Clock: shifted, Namespace: "bailiwick-system", Log: GinkgoLogr,
	}
	on.putInto(&options, shifted.Now)
	cluster, err := plane.UserConfig(operatorName, "system:serviceaccounts")
	Expect(err).NotTo(HaveOccurred())
	running, err := operator.New(ctx, cluster, options)
	Expect(err).NotTo(HaveOccurred())
	until, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- running.Run(until) }()
	DeferCleanup(func() {
		end()
		Expect(<-ended).To(Succeed())
	})
	return &replica{decisionURL: running.DecisionURL()}, shifted
}

var _ = Describe("Replicas whose clock is wrong", Label(slow), func() {
	It("[D5] keep a start and a deadline to within a second, or answer nothing", func() {
		kept := newExternalStorage()
		all := newReplicas(kept)
		right := all.start(kept)
		right.leads()
		behind, setBack := all.startAt(kept, -700*time.Millisecond)
		ahead, _ := all.startAt(kept, 700*time.Millisecond)
		wrong, _ := all.startAt(kept, -time.Minute)
		w := newWorld()
		bobs := question{User: objectid.User(w.subject("bob")), Permission: w.Edit, Object: w.at("prod")}
		keeping := []*replica{right, behind, ahead}
		asking := newCrowd([]*asked{{question: bobs}}, right, behind, ahead, wrong)
		for round := range faultRounds(1) {
			for _, r := range keeping {
				r.answers(bobs, false)
			}
			Eventually(func() error { _, err := wrong.answer(bobs); return err }).WithTimeout(patience).Should(MatchError(ContainSubstring("its clock differs from the leader's by")))

			var starts, ends time.Time
			// A machine on which it has ended before each of them has said yes is given more time.
			span, heard := 4*time.Second, false
			for ; !heard; span *= 2 {
				Expect(span).To(BeNumerically("<", patience/2), "somebody has never said yes")
				asking.forget()
				starts = time.Now().Add(span).Truncate(time.Second)
				ends = starts.Add(span)
				create(w.assignment(fmt.Sprintf("held-%d-%s", round, span), "editor").ToUser("bob").InWorkspace("prod").From(starts).Until(ends).Obj())
				Eventually(time.Now).Should(BeTemporally(">", ends.Add(2*time.Second)), "and later")
				for _, r := range keeping {
					r.answers(bobs, false)
				}
				byRight := asking.expectYesBetween(right, starts, ends)
				byAhead := asking.expectYesBetween(ahead, starts.Add(-time.Second), ends)
				byBehind := asking.expectYesBetween(behind, starts, ends.Add(time.Second))
				heard = byRight && byAhead && byBehind
				Expect(asking.by(wrong).count).To(BeZero(), "answers by a clock that is wrong by a minute")
			}

			By("and what has ended does not come back when a clock is set back")
			setBack.by.Store(-int64(time.Since(ends) + time.Second)) // to when it was in force
			Eventually(func() error { _, err := behind.answer(bobs); return err }).Should(MatchError(ContainSubstring("lease")))
			asking.expectYesBetween(behind, starts, ends.Add(time.Second))
			setBack.by.Store(int64(-700 * time.Millisecond))
		}
	})
})
