package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// receiver takes events, unless it is away.
type receiver struct {
	mu   sync.Mutex
	away bool
	// refused counts what came while it was away, taken are the steps that came, by what they are about and in their order.
	refused int
	taken   map[string][]string
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var event struct {
		Type    string `json:"type"`
		Subject string `json:"subject"`
		ID      string `json:"id"`
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.NewDecoder(request.Body).Decode(&event); r.away || err != nil {
		r.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.taken[event.Subject] = append(r.taken[event.Subject], strings.TrimPrefix(event.Type, "dev.bailiwick.authz.request."))
}

func (r *receiver) isAway(away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = away
}

func (r *receiver) hasRefused() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// steps are those of a request, where one that came several times in a row counts once.
func (r *receiver) steps(request string) func() []string {
	return func() []string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Compact(slices.Clone(r.taken[request]))
	}
}

var _ = Describe("The events of a request", func() {
	It("[R5] come to the sink in order, also across its outage and a restart", func() {
		sink := &receiver{taken: map[string][]string{}, away: true}
		served := httptest.NewServer(sink)
		DeferCleanup(served.Close)
		op.Stop()
		op.sink = served.URL
		DeferCleanup(func() {
			op.Stop()
			op.sink = ""
			op.Start()
		})
		op.Start()

		w := newAccessWorld()
		r := w.asked(w.Namespace)
		Eventually(sink.hasRefused).Should(BeNumerically(">", 0))
		Expect(w.decides(w.carol, r, "yes", v1alpha1.VerdictApprove)).To(Succeed())
		Eventually(accessPhase(r)).Should(Equal(v1alpha1.AccessActive), "whether anybody is told or not")
		op.Stop()
		op.Start()
		Expect(sink.steps(r.Name)()).To(BeEmpty())

		sink.isAway(false)
		Eventually(sink.steps(r.Name)).Should(Equal([]string{"requested", "decided", "approved", "active"}))
		Expect(changeAs(w.bob, r.DeepCopy(), func(r *v1alpha1.AccessRequest) { r.Spec.Withdrawn = true })).To(Succeed())
		Eventually(sink.steps(r.Name)).Should(Equal([]string{"requested", "decided", "approved", "active", "withdrawn"}))
	})
})
