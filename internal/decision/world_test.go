package decision_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/openapi"
)

const (
	acmeKey  = "the-key-of-a-caller-for-acme-0123456789"
	everyKey = "the-key-of-a-caller-for-all-0123456789"
)

var now = time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC)

// world is a decision point before a store that a test makes up.
type world struct {
	options decision.Options
	keys    string
	ready   bool
	// notHere is why memory may not answer, and late why it may not any more when the answer is known.
	notHere, late error
	known         *state.State

	mu sync.Mutex
	// check answers questions; asked are all that it was asked.
	check  func(context.Context, store.Question) (bool, error)
	asked  []store.Question
	logged strings.Builder
	// decided is the log of decisions.
	decided bytes.Buffer
}

// logsDecisions has decisions logged, with pseudonyms if there is a file with a key for them.
func (w *world) logsDecisions(pseudonymKeyFile string) {
	w.options.Decisions = decision.NewLog(&w.decided, pseudonymKeyFile, w.options.Clock, w.options.Log)
}

// entries are the lines of the log of decisions.
func (w *world) entries(t *testing.T) (entries []map[string]any) {
	t.Helper()
	for line := range strings.Lines(w.decided.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if len(line) > 4000 {
			t.Errorf("a line has %d bytes", len(line))
		}
		entries = append(entries, entry)
	}
	return entries
}

// Check implements decision.Store.
func (w *world) Check(ctx context.Context, question store.Question) (bool, error) {
	w.mu.Lock()
	w.asked = append(w.asked, question)
	w.mu.Unlock()
	return w.check(ctx, question)
}

// Enter implements decision.Memory.
func (w *world) Enter(string) (decision.Reading, error) {
	return reading{w.remembered(), w}, w.notHere
}

type reading struct {
	decision.State

	world *world
}

// Leave implements decision.Reading.
func (r reading) Leave() error { return r.world.late }

// writeKeys writes a file with both callers.
func writeKeys(tb testing.TB) string {
	tb.Helper()
	return writeCallers(tb, fmt.Sprintf(`{"callers": [{"name": "shop", "key": %q, "organizations": ["acme"]}, {"name": "every", "key": %q, "organizations": ["*"]}]}`, acmeKey, everyKey))
}

// reportsUnknown has acme's caller hear of unknown names, or not.
func (w *world) reportsUnknown(t *testing.T, reports bool) {
	t.Helper()
	path := writeCallers(t, fmt.Sprintf(`{"callers": [{"name": "shop", "key": %q, "organizations": ["acme"], "reportUnknown": %t}]}`, acmeKey, reports))
	w.options.Callers.Keys = apikeys.Open(path, w.options.Log)
}

func writeCallers(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// newWorld allows alice everything, and nobody else anything. There are objects of the types flow and
// authentik_flows.flow.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ready: true, keys: writeKeys(t), notHere: errors.New("this replica does not lead")}
	w.check = func(_ context.Context, question store.Question) (bool, error) {
		return question.User == "user:alice", nil
	}
	log := funcr.NewJSON(func(line string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.logged.WriteString(line + "\n")
	}, funcr.Options{})
	file := apikeys.Open(w.keys, log)
	w.options = decision.Options{
		URL: "https://decisions.example", Callers: decision.Callers{Keys: file}, Memory: w, Store: w, Ready: func() bool { return w.ready },
		HasType: func(name string) bool { return name == "flow" || name == "authentik_flows.flow" },
		Clock:   clocktesting.NewFakePassiveClock(now), Log: log,
	}
	return w
}

// send sends a request as it is.
func (w *world) send(t *testing.T, method, path string, header http.Header, body string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	request.Header = header
	recorder := httptest.NewRecorder()
	decision.New(w.options).ServeHTTP(recorder, request)
	asDescribed(t, request, body, recorder)
	return recorder
}

var description = sync.OnceValues(func() (*openapi.Description, error) {
	return openapi.Load(context.Background(), "../../docs/openapi.yaml")
})

// asDescribed holds a request and its answer against docs/openapi.yaml.
func asDescribed(t *testing.T, request *http.Request, body string, recorder *httptest.ResponseRecorder) {
	t.Helper()
	described, err := description()
	if err == nil {
		err = described.Check(request, body, recorder.Result(), recorder.Body.Bytes())
	}
	if err != nil {
		t.Errorf("%s %s %.300s: %v", request.Method, request.URL, body, err)
	}
}

// ask asks a handler one question.
func ask(t *testing.T, handler http.Handler, key, body string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, evaluation, strings.NewReader(body))
	request.Header = headers(key)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	asDescribed(t, request, body, recorder)
	return recorder
}

func headers(key string) http.Header {
	return http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
}

// post asks with the key for acme.
func (w *world) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	answer := w.send(t, http.MethodPost, path, headers(acmeKey), body)
	return answer.Code, withoutIDs(t, strings.TrimSpace(answer.Body.String()))
}

// id is that of a decision in an answer.
var id = regexp.MustCompile(`,?"decision_id":"([A-Z2-7]{26})"`)

// withoutIDs takes the ids of decisions from an answer, each of which must be another one.
func withoutIDs(t *testing.T, text string) string {
	t.Helper()
	seen := map[string]bool{}
	for _, found := range id.FindAllStringSubmatch(text, -1) {
		if seen[found[1]] {
			t.Errorf("two decisions have the id %s: %s", found[1], text)
		}
		seen[found[1]] = true
	}
	if json.Valid([]byte(text)) && len(seen) != strings.Count(text, `"decision":`)+strings.Count(text, `"page":`) {
		t.Errorf("not every decision has an id: %s", text)
	}
	return strings.ReplaceAll(id.ReplaceAllString(text, ""), `,"context":{}`, "")
}

func (w *world) expect(t *testing.T, path, body string, code int, text string) {
	t.Helper()
	gotCode, got := w.post(t, path, body)
	if gotCode != code || got != text {
		t.Errorf("%s %s\ngot  %d %s\nwant %d %s", path, body, gotCode, got, code, text)
	}
}

// expectFailure wants no decision, and these words.
func (w *world) expectFailure(t *testing.T, body string, code int, words string) {
	t.Helper()
	for _, path := range []string{evaluation, evaluations} {
		gotCode, got := w.post(t, path, body)
		if gotCode != code || !strings.Contains(got, words) || strings.Contains(got, "decision") && json.Valid([]byte(got)) {
			t.Errorf("%s %.300s\ngot  %d %s\nwant %d with %s", path, body, gotCode, got, code, words)
		}
	}
}

const (
	evaluation  = "/access/v1/evaluation"
	evaluations = "/access/v1/evaluations"

	allowed = `{"decision":true}`
	denied  = `{"decision":false}`

	alice   = `"subject": {"type": "user", "id": "alice"}`
	bob     = `"subject": {"type": "user", "id": "bob"}`
	view    = `"action": {"name": "App:View"}`
	vision  = `"resource": {"type": "project", "id": "acme/prod/vision"}`
	foreign = `"resource": {"type": "project", "id": "globex/prod/vision"}`
)

// all is a JSON object of these members.
func all(members ...string) string { return "{" + strings.Join(members, ", ") + "}" }
