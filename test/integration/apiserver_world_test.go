package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
)

// line is a proxy between the suite's operator and the API server, in which faults can be made.
type line struct {
	server *http.Server
	url    string

	mu          sync.Mutex
	connections map[net.Conn]struct{}
	// mood is what happens to a request; true means that it has been answered.
	mood func(http.ResponseWriter, *http.Request) bool
	// faults are how many connections were cut, and requests not passed on or held up.
	faults atomic.Int64
}

// overLine restarts the suite's operator so that it reaches the API server over a line, until the spec ends.
func overLine() *line {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	l := &line{url: fmt.Sprint("http://", listener.Addr()), connections: map[net.Conn]struct{}{}}
	op.Stop()
	op.route = func(direct *rest.Config) *rest.Config {
		target, err := url.Parse(direct.Host)
		Expect(err).NotTo(HaveOccurred())
		transport, err := rest.TransportFor(direct)
		Expect(err).NotTo(HaveOccurred())
		proxy := &httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
			Transport:     transport,
			FlushInterval: -1, // watches
			ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		}
		l.server = &http.Server{
			ReadHeaderTimeout: time.Minute,
			ConnState:         l.note,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !l.disturbs(w, r) {
					proxy.ServeHTTP(w, r)
				}
			}),
		}
		go func() { _ = l.server.Serve(listener) }()
		return &rest.Config{Host: l.url, QPS: -1}
	}
	op.Start()
	DeferCleanup(func() {
		op.stopIfRunning()
		_ = l.server.Close()
		op.route = nil
	})
	return l
}

func (l *line) note(connection net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.connections[connection] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(l.connections, connection)
	case http.StateActive, http.StateIdle: // it is known
	}
}

// cut cuts all connections, watches with the rest.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for connection := range l.connections {
		l.faults.Add(1)
		_ = connection.Close()
	}
}

// behave sets what happens to requests from now on; nil is nothing.
func (l *line) behave(mood func(http.ResponseWriter, *http.Request) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mood = mood
}

func (l *line) disturbs(w http.ResponseWriter, r *http.Request) bool {
	l.mu.Lock()
	mood := l.mood
	l.mu.Unlock()
	// Where the webhook gets no answer to its questions it refuses, and that is not what the specs of a line are about.
	return mood != nil && !questions.MatchString(r.URL.Path) && mood(w, r)
}

// moody answers one request in three with an error that an API server has, and is slow with another.
func (l *line) moody() func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed(), 3))
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		kind := random.IntN(18)
		mu.Unlock()
		if kind < 12 {
			l.faults.Add(1)
		}
		switch kind {
		case 0, 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2, 3:
			w.WriteHeader(http.StatusInternalServerError)
		case 4:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 5:
			w.WriteHeader(http.StatusGatewayTimeout)
		case 6, 7, 8, 9, 10, 11:
			timer := time.NewTimer(200 * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
			}
			return false
		default:
			return false
		}
		return true
	}
}

// load is objects of a world that are created, edited and deleted without a pause, by whoever reaches the API
// server directly.
type load struct {
	*world
	random *rand.Rand
	next   int
	there  []*v1alpha1.RoleAssignment
	writes int
}

func newLoad(w *world) *load {
	return &load{world: w, random: rand.New(rand.NewPCG(seed(), 5))}
}

// change makes one change, as somebody with kubectl does.
func (l *load) change() error {
	l.writes++
	kind := l.random.IntN(4)
	if kind < 2 || len(l.there) < 5 {
		l.next++
		users, workspaces := []string{"alice", "bob"}, []string{"prod", "lab"}
		made := l.assignment(fmt.Sprint("load-", l.next), "editor").ToUser(users[l.random.IntN(2)]).InWorkspace(workspaces[l.random.IntN(2)]).Obj()
		if err := k8sClient.Create(ctx, made); err != nil {
			return err
		}
		l.there = append(l.there, made)
		return nil
	}
	n := l.random.IntN(len(l.there))
	chosen := l.there[n]
	if kind == 2 {
		l.there = slices.Delete(l.there, n, n+1)
		return client.IgnoreNotFound(k8sClient.Delete(ctx, chosen))
	}
	patch := client.MergeFrom(chosen.DeepCopy())
	chosen.Spec.Scope.Project = map[string]string{"": "vision", "vision": ""}[chosen.Spec.Scope.Project]
	return k8sClient.Patch(ctx, chosen, patch)
}

// expectNothingLost expects every object to have been observed, those that were deleted to be gone, and the store
// to hold exactly what there is.
func (l *load) expectNothingLost() {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		op.clock.pass(time.Second)
		var list v1alpha1.RoleAssignmentList
		g.Expect(k8sClient.List(ctx, &list, client.InNamespace(l.Namespace))).To(Succeed())
		ours := 0
		for _, assigned := range list.Items {
			if assigned.Spec.RoleRef.Name == "editor" {
				ours++
				g.Expect(assigned.DeletionTimestamp).To(BeNil(), assigned.Name)
			}
			g.Expect(assigned.Status.ObservedGeneration).To(Equal(assigned.Generation), assigned.Name)
			g.Expect(assigned.Status.InForce).To(BeTrue(), assigned.Name)
		}
		g.Expect(ours).To(Equal(len(l.there)))
	}).WithPolling(time.Second / 4).Should(Succeed())
	op.expectWhole()
}

// askingAlways asks the same question without a pause, and returns how to expect that it was always allowed.
func askingAlways(may func() (bool, error)) (expectAlways func()) {
	asked, cancel := context.WithCancel(ctx)
	DeferCleanup(cancel)
	var answers, wrong atomic.Int64
	var last atomic.Value
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for asked.Err() == nil {
			allowed, err := may()
			if err != nil || !allowed {
				wrong.Add(1)
				last.Store(fmt.Sprint(allowed, err))
			}
			answers.Add(1)
		}
	}()
	return func() {
		GinkgoHelper()
		Eventually(answers.Load).Should(BeNumerically(">", 20))
		cancel()
		<-ended
		Expect(wrong.Load()).To(BeZero(), "of %d answers; the last wrong one: %v", answers.Load(), last.Load())
	}
}

// bobViews is what nothing in a spec's load takes away.
func (w *world) bobViews() func() (bool, error) {
	GinkgoHelper()
	grant := w.grant("constant").ToUser("bob").Grants(w.View).Obj()
	create(grant)
	expectReason(grant, v1alpha1.ReasonInForce)
	q := question{User: objectid.User(w.subject("bob")), Permission: w.View, Object: w.at()}
	return func() (bool, error) { return op.check(q) }
}

// recount reads which objects there are, since a write that failed may have happened.
func (l *load) recount() error {
	var list v1alpha1.RoleAssignmentList
	if err := k8sClient.List(ctx, &list, client.InNamespace(l.Namespace)); err != nil {
		return err
	}
	l.there = nil
	for _, assigned := range list.Items {
		if assigned.Spec.RoleRef.Name == "editor" && assigned.DeletionTimestamp.IsZero() {
			l.there = append(l.there, assigned.DeepCopy())
		}
	}
	return nil
}
