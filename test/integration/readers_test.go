package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

// answer asks one replica.
func (r *replica) answer(q question) (bool, error) {
	evaluation, ok := evaluationOf(q)
	if !ok {
		return false, fmt.Errorf("AuthZEN has no words for %v", q)
	}
	asked := &operatorUnderTest{decisionURL: r.decisionURL}
	return asked.evaluate(suiteKey, evaluation)
}

// answers returns when a replica answers.
func (r *replica) answers(q question, want bool) {
	GinkgoHelper()
	Eventually(func() (bool, error) { return r.answer(q) }).WithTimeout(patience).Should(Equal(want), func() string { return plane.LogTail("bailiwick") })
}

// asked are a replica's answers to one question that is asked without a pause.
type asked struct {
	mu sync.Mutex
	// firstYes is when the first answer came that was yes, and lastYes when the last question was sent that was answered so.
	firstYes, lastYes time.Time
	count             int
}

// ask asks until the spec ends.
func (r *replica) ask(q question) *asked {
	a, stop := &asked{}, make(chan struct{})
	DeferCleanup(func() { close(stop) })
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			sent := time.Now()
			allowed, err := r.answer(q)
			if err != nil {
				continue // which is a refusal
			}
			a.mu.Lock()
			a.count++
			if allowed {
				a.lastYes = sent
			}
			if allowed && a.firstYes.IsZero() {
				a.firstYes = time.Now()
			}
			a.mu.Unlock()
		}
	}()
	return a
}

func (a *asked) said() (lastYes time.Time, count int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastYes, a.count
}

// expectNoYesAfter expects that no question was answered yes that was asked after something was gone.
func (a *asked) expectNoYesAfter(gone time.Time) {
	GinkgoHelper()
	last, _ := a.said()
	Expect(last).To(BeTemporally("<=", gone), "a yes to what was gone")
}

// expectYesBetween expects that some questions were answered yes, and none that was asked too late or answered too early.
func (a *asked) expectYesBetween(starts, ends time.Time) {
	GinkgoHelper()
	a.mu.Lock()
	defer a.mu.Unlock()
	Expect(a.firstYes).To(BeTemporally(">=", starts), "a yes before it begins")
	Expect(a.lastYes).To(And(BeTemporally(">", starts), BeTemporally("<=", ends)), "a yes after it has ended")
}

// crowd asks replicas in turn, without a pause; what one does not answer it asks once more, at another one.
type crowd struct {
	question question
	stop     chan struct{}
	asking   sync.WaitGroup

	mu         sync.Mutex
	replicas   []*replica
	count      int
	unanswered []string
}

func newCrowd(q question, replicas ...*replica) *crowd {
	c := &crowd{question: q, stop: make(chan struct{}), replicas: replicas}
	for n := range 4 {
		c.asking.Go(func() { c.ask(n) })
	}
	DeferCleanup(func() { c.end() })
	return c
}

func (c *crowd) ask(from int) {
	for n := from; ; n++ {
		select {
		case <-c.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		first, second := c.two(n)
		allowed, err := first.answer(c.question)
		if err != nil {
			var again error
			allowed, again = second.answer(c.question)
			err = errors.Join(err, again)
			if again == nil {
				err = nil
			}
		}
		c.mu.Lock()
		c.count++
		if err != nil || !allowed {
			c.unanswered = append(c.unanswered, fmt.Sprint(allowed, ": ", err))
		}
		c.mu.Unlock()
	}
}

// two are a replica to ask, and another one.
func (c *crowd) two(turn int) (first, second *replica) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replicas[turn%len(c.replicas)], c.replicas[(turn+1)%len(c.replicas)]
}

func (c *crowd) add(r *replica) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replicas = append(slices.Clone(c.replicas), r)
}

func (c *crowd) drop(r *replica) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replicas = slices.DeleteFunc(slices.Clone(c.replicas), func(other *replica) bool { return other == r })
}

// end returns how many questions were asked, and what became of those that were not answered rightly.
func (c *crowd) end() (count int, unanswered []string) {
	c.mu.Lock()
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.mu.Unlock()
	c.asking.Wait()
	return c.count, c.unanswered
}

// hangable is a way to the API server on which what is asked for may hang.
type hangable struct {
	kubeconfig string

	mu    sync.Mutex
	hangs func(*http.Request) bool
	// over is closed when nothing hangs any more.
	over        chan struct{}
	connections map[net.Conn]struct{}
}

func newHangable() *hangable {
	GinkgoHelper()
	h := &hangable{kubeconfig: filepath.Join(GinkgoT().TempDir(), "kubeconfig"), over: make(chan struct{}), connections: map[net.Conn]struct{}{}}
	direct, err := plane.UserConfig(operatorName, "system:serviceaccounts")
	Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(direct.Host)
	Expect(err).NotTo(HaveOccurred())
	transport, err := rest.TransportFor(direct)
	Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	server := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: h.note, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		hangs, over := h.hangs != nil && h.hangs(r), h.over
		h.mu.Unlock()
		if hangs {
			select {
			case <-over:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	DeferCleanup(server.Close)
	Expect(os.WriteFile(h.kubeconfig, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: hangable, cluster: {server: "http://%s"}}]
contexts: [{name: hangable, context: {cluster: hangable}}]
current-context: hangable
`, listener.Addr()), 0o600)).To(Succeed())
	return h
}

func (h *hangable) note(connection net.Conn, state http.ConnState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if state == http.StateClosed {
		delete(h.connections, connection)
	} else {
		h.connections[connection] = struct{}{}
	}
}

// hang has requests hang from now on, and those that are under way end.
func (h *hangable) hang(which func(*http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hangs = which
	for connection := range h.connections {
		_ = connection.Close()
	}
}

// goOn ends that.
func (h *hangable) goOn() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hangs = nil
	close(h.over)
	h.over = make(chan struct{})
}

// startOver starts one more replica that reaches the API server in another way.
func (r *replicas) startOver(on storage, h *hangable) *replica {
	GinkgoHelper()
	direct := r.run
	defer func() { r.run = direct }()
	r.run = func(arguments ...string) *controlplane.Process {
		process, err := plane.Run(program, []string{"KUBECONFIG=" + h.kubeconfig}, append([]string{"--metrics-address=0", "--health-address=0"}, arguments...)...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(process.Kill)
		return process
	}
	return r.start(on)
}

// readers are the names of those who have asked for leases.
func readers() ([]string, error) {
	var found coordinationv1.LeaseList
	if err := k8sClient.List(ctx, &found, client.InNamespace("bailiwick-system"), client.HasLabels{"authz.bailiwick.dev/read-lease"}); err != nil {
		return nil, err
	}
	var names []string
	for _, lease := range found.Items {
		if strings.HasPrefix(lease.Name, "bailiwick-reader-") {
			names = append(names, lease.Name)
		}
	}
	return names, nil
}

var _ = Describe("Three replicas that answer decisions", Label(slow), func() {
	var (
		all      *replicas
		kept     storage
		way      *hangable
		leading  *replica
		readings []*replica
		w        *world
		held     *v1alpha1.RoleAssignment
		bobs     question
	)
	BeforeEach(func() {
		kept, way = newExternalStorage(), newHangable()
		all = newReplicas(kept)
		leading = all.start(kept)
		leading.leads()
		readings = []*replica{all.start(kept), all.startOver(kept, way)}
		w = newWorld()
		held = w.assignment("held", "editor").ToUser("bob").InWorkspace("prod").Obj()
		bobs = question{User: objectid.User(w.subject("bob")), Permission: w.Edit, Object: w.at("prod")}
		create(held)
		expectReason(held, v1alpha1.ReasonInForce)
		for _, r := range readings {
			r.answers(bobs, true)
		}
	})

	It("[D1] [D2] know of everything that is Ready, and of nothing that is gone", func() {
		everybody := append(readings, leading)
		w.holds("carol", w.Edit)
		theirs := w.editor("carol")
		remove(held)
		var longest, sum time.Duration
		const rounds = 20
		for n := range rounds {
			var assigned v1alpha1.Object = w.assignment(fmt.Sprint("round-", n), "editor").ToUser("bob").InWorkspace("prod").Obj()
			by := k8sClient
			if n%2 == 1 { // whoever leads has to find out whether its author could give it
				assigned, by = w.grant(fmt.Sprint("round-", n)).ToUser("bob").Grants(w.Edit).InWorkspace("prod").Obj(), theirs
			}
			Expect(by.Create(ctx, assigned)).To(Succeed())
			expectReason(assigned, v1alpha1.ReasonInForce)
			for _, r := range everybody {
				Expect(r.answer(bobs)).To(BeTrue(), "Ready")
			}
			began := time.Now()
			remove(assigned)
			took := time.Since(began)
			for _, r := range everybody {
				Expect(r.answer(bobs)).To(BeFalse(), "gone")
			}
			longest, sum = max(longest, took), sum+took
		}
		AddReportEntry("DELETE until gone, 3 replicas, mean", (sum / rounds).String())
		AddReportEntry("DELETE until gone, 3 replicas, longest", longest.String())
	})

	DescribeTable("[D2] one says no yes to what is gone", func(disturb func(), undo func()) {
		asked := readings[1].ask(bobs)
		Eventually(func() int { _, count := asked.said(); return count }).Should(BeNumerically(">", 10))
		disturb()
		remove(held)
		gone := time.Now()
		undo()
		readings[1].answers(bobs, false)
		asked.expectNoYesAfter(gone)
	},
		Entry("that stood still for as long as that took",
			func() { Expect(readings[1].Pause()).To(Succeed()) },
			func() { Expect(readings[1].Resume()).To(Succeed()) }),
		Entry("that stood still while the leader was killed as well",
			func() {
				Expect(readings[1].Pause()).To(Succeed())
				Expect(leading.Kill()).To(Succeed())
				readings[0].leads()
			},
			func() { Expect(readings[1].Resume()).To(Succeed()) }),
		Entry("that is cut off from the API server",
			func() { way.hang(func(*http.Request) bool { return true }) },
			func() { way.goOn() }),
		Entry("whose watch of a kind hangs",
			func() {
				way.hang(func(r *http.Request) bool {
					return strings.HasSuffix(r.URL.Path, "/roleassignments") && r.URL.Query().Get("watch") != ""
				})
			},
			func() { way.goOn() }),
		Entry("that is given back its watches only, since the leader before was killed",
			func() {
				way.hang(func(*http.Request) bool { return true })
				Expect(leading.Kill()).To(Succeed())
				readings[0].leads()
			},
			func() { way.goOn() }),
	)

	It("[D3] leave no question without its answer that is asked again at another one, while the leader is killed, all are replaced, the store is down and another organization rewritten", func() {
		other := newWorld()
		rewrite := func(called string) {
			GinkgoHelper()
			for n := range 20 {
				edited := other.assignment(fmt.Sprint(called, "-", n), "editor").ToUser("bob").InWorkspace("prod").Obj()
				create(edited)
				Expect(k8sClient.Delete(ctx, edited)).To(Succeed())
			}
		}
		asking := newCrowd(bobs, leading, readings[0], readings[1])
		replaceAfter := func(old *replica, ends func() error) {
			GinkgoHelper()
			fresh := all.start(kept)
			fresh.answers(bobs, true)
			asking.add(fresh)
			Expect(ends()).To(Succeed())
			asking.drop(old)
		}
		Expect(leading.Kill()).To(Succeed())
		replaceAfter(leading, func() error { return nil })
		for _, old := range readings {
			replaceAfter(old, old.Stop)
			rewrite(fmt.Sprint("while-replaced-", old.PID()))
		}
		kept.external.Stop()
		rewrite("while-down")
		kept.external.Restart(GinkgoTB())
		count, unanswered := asking.end()
		Expect(unanswered).To(BeEmpty())
		Expect(count).To(BeNumerically(">", 500))
		AddReportEntry("questions", count)
	})

	It("[D2] give their leases back when they end, and answer no more when they are evicted", func() {
		before, err := readers() // those that were killed left theirs
		Expect(err).NotTo(HaveOccurred())
		Expect(readings[0].Stop()).To(Succeed())
		Eventually(readers).Should(HaveLen(len(before) - 1))
		names, err := readers()
		Expect(err).NotTo(HaveOccurred())
		for _, name := range names {
			evicted := &coordinationv1.Lease{}
			evicted.Namespace, evicted.Name = "bailiwick-system", name
			Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, evicted))).To(Succeed())
		}
		Eventually(func() error { _, err := readings[1].answer(bobs); return err }).Should(MatchError(ContainSubstring("no lease to answer by")))
		remove(held)
		Expect(leading.answer(bobs)).To(BeFalse())
	})
})

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
		LeaderElect: true, Lease: operator.LeaseOptions{Duration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 500 * time.Millisecond},
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
		for _, r := range []*replica{right, behind, ahead} {
			r.answers(bobs, false)
		}
		Eventually(func() error { _, err := wrong.answer(bobs); return err }).WithTimeout(patience).Should(MatchError(ContainSubstring("its clock differs from the leader's by")))

		starts := time.Now().Add(4 * time.Second).Truncate(time.Second)
		ends := starts.Add(4 * time.Second)
		askedRight, askedBehind, askedAhead, askedWrong := right.ask(bobs), behind.ask(bobs), ahead.ask(bobs), wrong.ask(bobs)
		create(w.assignment("held", "editor").ToUser("bob").InWorkspace("prod").From(starts).Until(ends).Obj())
		for _, r := range []*replica{right, behind, ahead} {
			r.answers(bobs, true)
		}
		for _, r := range []*replica{right, ahead, behind} {
			r.answers(bobs, false)
		}
		Eventually(time.Now).Should(BeTemporally(">", ends.Add(2*time.Second)), "and later")
		askedRight.expectYesBetween(starts, ends)
		askedAhead.expectYesBetween(starts.Add(-time.Second), ends)
		askedBehind.expectYesBetween(starts, ends.Add(time.Second))
		_, count := askedWrong.said()
		Expect(count).To(BeZero(), "answers by a clock that is wrong by a minute")

		By("and what has ended does not come back when a clock is set back")
		setBack.by.Store(int64(-4 * time.Second))
		Eventually(func() error { _, err := behind.answer(bobs); return err }).Should(MatchError(ContainSubstring("lease")))
		askedBehind.expectYesBetween(starts, ends.Add(time.Second))
	})
})
