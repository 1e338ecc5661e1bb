package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

// hangable is a way to the API server on which what is asked for may hang, and what watches show may come late.
type hangable struct {
	kubeconfig string

	mu    sync.Mutex
	hangs func(*http.Request) bool
	// over is closed when nothing hangs any more.
	over        chan struct{}
	connections map[net.Conn]struct{}
	// lateness is by how much the next thing that a watch shows comes late; nil is not at all.
	lateness func() time.Duration
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
		ModifyResponse: func(response *http.Response) error {
			if isWatch(response.Request) {
				response.Body = h.late(response.Body)
			}
			return nil
		},
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

// anyRequest and isWatch are what may hang.
func anyRequest(*http.Request) bool { return true }

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") != "" }

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

// delay has what watches show come late from now on; nil ends that.
func (h *hangable) delay(lateness func() time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lateness = lateness
}

// due is when what a watch shows now is passed on.
func (h *hangable) due() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lateness == nil {
		return time.Now()
	}
	return time.Now().Add(h.lateness())
}

// late passes on what a watch shows, in its order, as late as it is to come.
func (h *hangable) late(from io.ReadCloser) io.ReadCloser {
	type piece struct {
		content []byte
		due     time.Time
	}
	shown, passOn := io.Pipe()
	pieces := make(chan piece, 1000)
	go func() {
		defer close(pieces)
		for {
			content := make([]byte, 32<<10)
			n, err := from.Read(content)
			if n > 0 {
				pieces <- piece{content[:n], h.due()}
			}
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer passOn.Close()
		for p := range pieces { // also when nobody reads them any more
			<-time.After(time.Until(p.due))
			_, _ = passOn.Write(p.content)
		}
	}()
	return lateBody{shown, from}
}

// lateBody is what is passed on of another body.
type lateBody struct {
	*io.PipeReader

	from io.Closer
}

// Close implements io.Closer.
func (b lateBody) Close() error {
	_ = b.PipeReader.Close()
	return b.from.Close()
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

// readers are the versions of the Leases of those who have asked to answer, by their names.
func readers() (map[string]string, error) {
	var found coordinationv1.LeaseList
	if err := k8sClient.List(ctx, &found, client.InNamespace("bailiwick-system"), client.HasLabels{"authz.bailiwick.dev/read-lease"}); err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, lease := range found.Items {
		if strings.HasPrefix(lease.Name, "bailiwick-reader-") {
			versions[lease.Name] = lease.ResourceVersion
		}
	}
	return versions, nil
}

// member is a replica with a way of its own to the API server.
type member struct {
	*replica

	way *hangable
}

// trio are three replicas with an external store, and an organization that they are asked about.
type trio struct {
	*replicas
	*world

	kept    storage
	members []*member
	leading *member
	// bobs is whether bob may edit in prod, and alices whether alice may delete there.
	bobs, alices *asked
}

// newTrio returns when one leads, and all know that bob may.
func newTrio() *trio {
	GinkgoHelper()
	return newTrioOf(patientLease)
}

// newTrioOf has the one that leads do so for longer after it was last heard.
func newTrioOf(lease time.Duration) *trio {
	GinkgoHelper()
	t := &trio{kept: newExternalStorage()}
	t.replicas = newReplicas(t.kept)
	t.lease = lease
	t.leading = t.add()
	t.leading.leads()
	t.add()
	t.add()
	t.world = newWorld()
	t.bobs = &asked{question: question{User: objectid.User(t.subject("bob")), Permission: t.Edit, Object: t.at("prod")}}
	t.alices = &asked{question: question{User: objectid.User(t.subject("alice")), Permission: t.Delete, Object: t.at("prod")}}
	t.bobs.begin(t.edits("held"))
	t.expect(t.bobs, true)
	return t
}

// add starts one more.
func (t *trio) add() *member {
	GinkgoHelper()
	way := newHangable()
	m := &member{t.startOver(t.kept, way), way}
	t.members = append(t.members, m)
	DeferCleanup(func() {
		way.goOn()
		_ = m.Resume()
		_ = m.Stop() // else whoever leads next would wait for its leases
	})
	return m
}

// replace starts one more in the place of another, which ends is to end when the new one answers.
func (t *trio) replace(old *member, in *crowd, ends func() error) {
	GinkgoHelper()
	fresh := t.add()
	fresh.answers(t.bobs.question, t.bobs.holds())
	in.add(fresh.replica)
	Expect(ends()).To(Succeed())
	in.drop(old.replica)
	t.members = slices.DeleteFunc(t.members, func(m *member) bool { return m == old })
}

// elect returns when one of them leads.
func (t *trio) elect() {
	GinkgoHelper()
	Eventually(func() (err error) {
		for _, m := range t.members {
			t.leading, op.decisionURL, op.metricsAddress = m, m.decisionURL, m.metricsAddress
			if err = op.synced(); err == nil {
				return nil
			}
		}
		return err
	}).WithTimeout(patience).Should(Succeed(), func() string { return plane.LogTail("bailiwick") })
}

// others are those that don't lead.
func (t *trio) others() []*member {
	return slices.DeleteFunc(slices.Clone(t.members), func(m *member) bool { return m == t.leading })
}

// all are those that are asked.
func (t *trio) all() (all []*replica) {
	for _, m := range t.members {
		all = append(all, m.replica)
	}
	return all
}

// expect waits until each of them answers.
func (t *trio) expect(about *asked, want bool) {
	GinkgoHelper()
	for _, r := range t.all() {
		r.answers(about.question, want)
	}
}

// edits lets bob edit in prod, and deletes lets alice delete there.
func (t *trio) edits(name string) *v1alpha1.RoleAssignment {
	return t.assignment(name, "editor").ToUser("bob").InWorkspace("prod").Obj()
}

func (t *trio) deletes(name string) *v1alpha1.PermissionGrant {
	return t.grant(name).ToUser("alice").Grants(t.Delete).InWorkspace("prod").Obj()
}
