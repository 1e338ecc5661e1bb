package integration

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// requests counts what the operator asks of the API server that is not a read, as far as the present spec is
// concerned. What earlier specs have left behind lives on: its deadlines come, and client-go writes an event
// again up to two minutes after it failed, and once more six minutes after the last of a series.
type requests struct {
	mu sync.Mutex
	// earlier are the namespaces of specs that have ended.
	earlier map[string]bool
	writes  int64
	// roles are those of the writes that are to Roles.
	roles int64
	// last are the last ones, for whoever has to find out why there is one too many.
	last []string
}

// questions to the API server, about who someone is and what they may do, are posted, and write nothing.
var questions = regexp.MustCompile("^/apis/auth(entication|orization).k8s.io/")

// endpoints says where applications ask, which here is at another port after each start.
const endpoints = "/configmaps/bailiwick-endpoints"

// generated matches the namespaces that newNamespace makes. What has none is called after them.
var generated = regexp.MustCompile(generatedPrefix + "[a-z0-9]{5}")

const generatedPrefix = "org-"

// through counts on the way to next.
func (r *requests) through(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		path := request.URL.Path
		if request.Method != http.MethodGet && !questions.MatchString(path) && !strings.HasSuffix(path, endpoints) {
			if err := r.note(request); err != nil {
				return nil, err
			}
		}
		return next.RoundTrip(request)
	})
}

// note counts a request. Events about what has no namespace are in namespace default, and name it in their body.
func (r *requests) note(request *http.Request) error {
	about := request.URL.Path
	if strings.Contains(about, "/namespaces/default/events") && request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return err
		}
		event, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		about += " " + string(event)
	}
	if strings.Contains(about, "WebhookConfiguration") {
		return nil // specs take the configurations away, and put them back
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if names := generated.FindAllString(about, -1); len(names) > 0 && !slices.ContainsFunc(names, r.isPresent) {
		return nil
	}
	r.writes++
	if strings.Contains(request.URL.Path, "/roles/") {
		r.roles++
	}
	const kept = 30
	r.last = append(r.last, request.Method+" "+request.URL.Path)
	r.last = r.last[max(0, len(r.last)-kept):]
	return nil
}

func (r *requests) isPresent(namespace string) bool { return !r.earlier[namespace] }

// leave has what concerns these namespaces count no more.
func (r *requests) leave(namespaces []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, namespace := range namespaces {
		r.earlier[namespace] = true
	}
	r.last = nil
}

// toAPI is how many there have been, and toRoles how many of them to Roles.
func (r *requests) toAPI() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes
}

func (r *requests) toRoles() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roles
}

// lastOnes are the last ones of the present spec.
func (r *requests) lastOnes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.last)
}

var _ = JustAfterEach(func() {
	if CurrentSpecReport().Failed() && op != nil {
		AddReportEntry("what the operator wrote last to the API server", strings.Join(op.requests.lastOnes(), "\n"))
	}
})

var _ = Describe("What specs count", func() {
	It("is what the operator writes about their own namespaces", func() {
		counted := requests{earlier: map[string]bool{}}
		send := counted.through(roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil }))
		ask := func(method, path, body string) int64 {
			GinkgoHelper()
			before := counted.toAPI()
			request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
			Expect(err).NotTo(HaveOccurred())
			_, err = send.RoundTrip(request)
			Expect(err).NotTo(HaveOccurred())
			return counted.toAPI() - before
		}
		const (
			roles  = "/apis/authz.bailiwick.dev/v1alpha1/namespaces/org-aaaaa/roles/editor/status"
			named  = "/apis/authz.bailiwick.dev/v1alpha1/organizations/org-aaaaa/status"
			events = "/apis/events.k8s.io/v1/namespaces/default/events"
			about  = `{"regarding": {"kind": "Organization", "name": "org-aaaaa"}}`
		)
		for _, present := range []int64{1, 0} {
			Expect(ask(http.MethodPatch, roles, "")).To(Equal(present))
			Expect(ask(http.MethodPatch, named, "")).To(Equal(present))
			Expect(ask(http.MethodPost, events, about)).To(Equal(present))
			Expect(counted.toRoles()).To(BeEquivalentTo(1))
			counted.leave([]string{"org-aaaaa"})
		}
		Expect(ask(http.MethodGet, "/api/v1/namespaces/org-bbbbb/secrets/s", "")).To(BeZero())
		Expect(ask(http.MethodPut, "/api/v1/namespaces/org-bbbbb/secrets/s", "")).To(BeEquivalentTo(1))
		Expect(ask(http.MethodPut, "/api/v1/namespaces/bailiwick-system/secrets/s", "")).To(BeEquivalentTo(1))
		Expect(ask(http.MethodPost, events, strings.ReplaceAll(about, "aaaaa", "bbbbb"))).To(BeEquivalentTo(1))
	})
})
