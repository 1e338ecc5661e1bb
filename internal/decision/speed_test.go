package decision_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// BenchmarkBesideOpenFGA asks AuthZEN and OpenFGA's own HTTP API the same questions, in turn, of the same
// store, and reports the median of both and their ratio. Run it with
// go test ./internal/decision -run '^$' -bench . -benchtime 5000x.
func BenchmarkBesideOpenFGA(b *testing.B) {
	embedded, err := openfga.Embedded(b.Context(), openfga.EmbeddedOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = embedded.Close() })
	fill(b, embedded)
	direct := serveOpenFGA(b, embedded)
	authZEN := serveAuthZEN(b, embedded)
	for name, q := range map[string]struct {
		object, resource, want string
		context                string
	}{
		"RoleAtAProject": {
			"project:acme/prod/p7", `{"type": "project", "id": "acme/prod/p7"}`, "true", `{}`},
		"HeldTwoLevelsAbove": {
			"project:acme/lab/p1", `{"type": "project", "id": "acme/lab/p1"}`, "true", `{}`},
		"Denied": {
			"project:acme/prod/p8", `{"type": "project", "id": "acme/prod/p8"}`, "false", `{}`},
		"AnObjectWithAttributes": {
			"resource:acme/prod/p7/flow/42", `{"type": "flow", "id": "42", "properties": {"scope": {"organization": "acme", "workspace": "prod", "project": "p7"}}}`,
			"true", `{"color": "red", "size": 3}`},
	} {
		permission := map[bool]string{true: "App:Audit", false: "App:View"}[name == "HeldTwoLevelsAbove"]
		checkBody := fmt.Sprintf(`{"tuple_key": {"user": "user:u7", "relation": "can", "object": %q}, "context": {"permission": %q, "attributes": %s, "current_time": %q}}`,
			q.object, permission, q.context, time.Now().UTC().Format(time.RFC3339))
		evaluationBody := fmt.Sprintf(`{"subject": {"type": "user", "id": "u7"}, "action": {"name": %q}, "resource": %s, "context": %s}`, permission, q.resource, q.context)
		b.Run(name, func(b *testing.B) {
			var ours, theirs []time.Duration
			for b.Loop() {
				theirs = append(theirs, timed(b, direct, checkBody, `"allowed":`+q.want))
				ours = append(ours, timed(b, authZEN, evaluationBody, `"decision":`+q.want))
			}
			p50 := func(took []time.Duration) float64 {
				slices.Sort(took)
				return float64(took[len(took)/2].Microseconds())
			}
			b.ReportMetric(p50(theirs), "openfga-p50-µs")
			b.ReportMetric(p50(ours), "authzen-p50-µs")
			b.ReportMetric(p50(ours)/p50(theirs), "ratio")
		})
	}
}

// fill writes 10 projects in each of two workspaces, and at each a role with 100 users, of whom u7 is in
// that of p7, and 20 grants with a condition. u7 also has a role at the organization.
func fill(b *testing.B, s store.Store) {
	b.Helper()
	var tuples []store.Tuple
	plain := func(object, relation, user string) {
		tuples = append(tuples, store.Tuple{Key: store.Key{Object: object, Relation: relation, User: user}})
	}
	giving := func(object, relation, user string, permission string) {
		context, err := structpb.NewStruct(map[string]any{"permissions": map[string]any{permission: true}, "rules": map[string]any{}})
		if err != nil {
			b.Fatal(err)
		}
		tuples = append(tuples, store.Tuple{Key: store.Key{Object: object, Relation: relation, User: user}, Context: context})
	}
	plain("binding:organization/acme/auditor", "assignee", "user:u7")
	giving("organization:acme", "role", "binding:organization/acme/auditor#slot_0", "App:Audit")
	for _, workspace := range []string{"prod", "lab"} {
		plain("workspace:acme/"+workspace, "parent", "organization:acme")
		for n := range 10 {
			project := fmt.Sprintf("acme/%s/p%d", workspace, n)
			plain("project:"+project, "parent", "workspace:acme/"+workspace)
			binding := fmt.Sprintf("binding:project/acme/editor/%s/p%d", workspace, n)
			giving("project:"+project, "role", binding+"#slot_0", "App:View")
			for u := range 100 {
				if user := fmt.Sprintf("user:u%d", u); user != "user:u7" || workspace+project == "prodacme/prod/p7" {
					plain(binding, "assignee", user)
				}
			}
			for u := range 20 {
				giving("project:"+project, "grant_a", fmt.Sprintf("user:g%d", u), "App:View")
			}
		}
	}
	plain("resource:acme/prod/p7/flow/42", "parent", "project:acme/prod/p7")
	for batch := range slices.Chunk(tuples, store.MaxTuplesPerWrite) {
		if err := s.Write(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// serveOpenFGA returns where the store's own API is asked.
func serveOpenFGA(b *testing.B, embedded *openfga.EmbeddedStore) string {
	b.Helper()
	api, err := embedded.Listen(openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx := b.Context() // It ends before what is cleaned up.
	go func() { ended <- api.Start(ctx) }()
	b.Cleanup(func() {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	return fmt.Sprintf("http://%s/stores/%s/check", api.HTTPAddress(), embedded.StoreID())
}

func serveAuthZEN(b *testing.B, s decision.Store) string {
	b.Helper()
	file := apikeys.Open(writeKeys(b), logr.Discard())
	server := httptest.NewServer(decision.New(decision.Options{
		Callers: decision.Callers{Keys: file}, Memory: &world{notHere: errors.New("the store is asked")}, Store: s, Ready: func() bool { return true }, HasType: func(string) bool { return true }, Clock: clock.RealClock{},
	}))
	b.Cleanup(server.Close)
	return server.URL + evaluation
}

// timed is how long an answer took.
func timed(b *testing.B, url, body, want string) time.Duration {
	b.Helper()
	began := time.Now()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		b.Fatal(err)
	}
	request.Header = headers(acmeKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	took := time.Since(began)
	if err != nil || !strings.Contains(string(answer), want) {
		b.Fatalf("%s: %s, %v", body, answer, err)
	}
	return took
}
