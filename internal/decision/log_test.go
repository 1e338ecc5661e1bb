package decision_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestTheLogSaysByWhatEachDecisionWasMade(t *testing.T) {
	t.Run("[D9]", func(t *testing.T) {
		w := searchWorld(t)
		w.logsDecisions("")
		const traceID = "0af7651916cd43dd8448eb211c80319c"
		header := headers(acmeKey)
		header.Set("X-Request-ID", "one\ntwo")
		header.Set("Traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
		const value = "a-value-of-an-attribute"
		answer := w.send(t, http.MethodPost, evaluation, header, all(alice, view, vision, `"context": {"color": "`+value+`"}`))
		found := id.FindStringSubmatch(answer.Body.String())
		entries := w.entries(t)
		if len(entries) != 1 || len(found) != 2 {
			t.Fatalf("%s, and in the log %v", answer.Body, entries)
		}
		delete(entries[0], "seconds")
		if want := map[string]any{
			"time": "2030-06-15T12:00:00Z", "kind": "evaluation", "decisionID": found[1], "requestID": "one\ntwo", "traceID": traceID, "caller": "shop",
			"subject": "alice", "permission": "App:View", "type": "project", "resource": "acme/prod/vision", "object": "project:acme/prod/vision",
			"result": "allowed", "by": []any{"RoleAssignment acme/a", "Role acme/editor"},
		}; !reflect.DeepEqual(entries[0], want) {
			t.Errorf("got  %v\nwant %v", entries[0], want)
		}

		w.decided.Reset()
		w.post(t, evaluation, all(`"subject": {"type": "user", "id": "dan"}`, view, vision))
		w.post(t, evaluation, all(bob, view, vision))
		w.post(t, evaluations, all(alice, view, foreign, `"context": {"color": "`+value+`"}`, `"evaluations": [{"subject": 1}, {"subject": 1}]`))
		w.post(t, evaluation, all(alice, view, vision, `"context": {"color": "`+value+`", "color": 1}`))
		w.post(t, evaluation, all(alice, view, `"resource": {"type": "organization", "id": "`+strings.Repeat("ü", 100_000)+`"}`))
		w.post(t, searchAction, all(bob, vision, `"context": {"color": "`+value+`"}`))
		w.post(t, searchAction, all(bob, foreign))
		entries = w.entries(t)
		for n, want := range []map[string]any{
			{"result": "allowed", "by": []any{"PermissionGrant acme/g", "GroupMembership acme/m"}},
			{"result": "denied"},
			{"result": "refused", "code": 400.0, "reason": "subject is not an object"},
			{"result": "refused", "code": 400.0},
			{"kind": "unanswered", "code": 400.0, "path": evaluation},
			{"result": "refused", "code": 403.0},
			{"kind": "search", "at": "acme/prod/vision"},
			{"kind": "search", "result": "refused", "code": 403.0},
		} {
			if n >= len(entries) {
				t.Fatalf("%d lines: %v", len(entries), entries)
			}
			for name, value := range want {
				if !reflect.DeepEqual(entries[n][name], value) {
					t.Errorf("line %d has %v, want %s %v", n, entries[n], name, value)
				}
			}
		}
		for _, secret := range []string{acmeKey, value} {
			if strings.Contains(w.decided.String()+w.logged.String(), secret) {
				t.Errorf("%s was logged:\n%s", secret, w.decided.String())
			}
		}
		before := w.decided.Len()
		w.options.Decisions = nil
		w.post(t, evaluation, all(alice, view, vision))
		if w.decided.Len() != before {
			t.Error("logged although it is off")
		}
	})
}

func TestSubjectsOfTheLogCanBePseudonyms(t *testing.T) {
	t.Run("[D9]", func(t *testing.T) {
		w := searchWorld(t)
		path := filepath.Join(t.TempDir(), "key")
		w.logsDecisions(path)
		subjects := func(key string) (subjects []any) {
			t.Helper()
			if key != "" {
				if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w.decided.Reset()
			for _, subject := range []string{alice, bob, alice} {
				w.expect(t, evaluation, all(subject, `"action": {"name": "App:Nothing"}`, vision), http.StatusOK, denied)
			}
			for _, entry := range w.entries(t) {
				subjects = append(subjects, entry["subject"])
			}
			return subjects
		}
		for _, key := range []string{"", "short"} {
			if got := subjects(key); !slices.Equal(got, []any{nil, nil, nil}) {
				t.Errorf("with the key %q: %v", key, got)
			}
		}
		if got := strings.Count(w.logged.String(), "the log of decisions is not complete"); got != 2 {
			t.Errorf("told %d times:\n%s", got, w.logged.String())
		}
		first := subjects(strings.Repeat("k", 32))
		if first[0] != first[2] || first[0] == first[1] || !strings.HasPrefix(fmt.Sprint(first[0]), "pseudonym:") || strings.Contains(w.decided.String(), "alice") {
			t.Errorf("pseudonyms: %v", first)
		}
		if second := subjects(strings.Repeat("j", 32)); second[0] == first[0] {
			t.Errorf("with another key: %v", second)
		}
	})
}

func TestACallerCanHearOfUnknownNames(t *testing.T) {
	w := searchWorld(t)
	w.known.Put(build.Group("acme", "devs").Obj())
	const typo, spaceship = `"action": {"name": "App:Veiw"}`, `"resource": {"type": "spaceship", "id": "1", "properties": {"scope": {"organization": "acme", "workspace": "nowhere"}}}`
	const nobody, nowhere = `"subject": {"type": "user", "id": "nobody"}`, `"resource": {"type": "project", "id": "acme/prod/nowhere"}`
	for body, want := range map[string]string{
		all(alice, view, vision):     allowed,
		all(bob, view, vision):       denied,
		all(nobody, view, vision):    `{"decision":false,"context":{"unknown":["subject.id"]}}`,
		all(alice, typo, vision):     `{"decision":false,"context":{"unknown":["action.name"]}}`,
		all(alice, view, nowhere):    `{"decision":false,"context":{"unknown":["resource.id"]}}`,
		all(nobody, typo, spaceship): `{"decision":false,"context":{"unknown":["subject.id","action.name","resource.type","resource.properties.scope"]}}`,
		all(alice, view, foreign):    `{"decision":false,"context":{"error":{"status":403,"message":"this key is not for the organization \"globex\""}}}`,
		all(alice, view, `"resource": {"type": "group", "id": "acme/devs"}`): denied,
	} {
		w.reportsUnknown(t, true)
		w.expect(t, evaluation, body, http.StatusOK, want)
		w.reportsUnknown(t, false)
		if _, text := w.post(t, evaluation, body); strings.Contains(text, "unknown") {
			t.Errorf("nobody wants to hear of it: %s", text)
		}
	}
}

func TestARequestIsASpanOfTheTraceThatItIsPartOf(t *testing.T) {
	w := searchWorld(t)
	spans := tracetest.NewSpanRecorder()
	w.options.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	header := headers(acmeKey)
	header.Set("Traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
	w.send(t, http.MethodPost, evaluation, header, all(alice, view, vision))
	w.send(t, http.MethodPost, evaluation, headers(acmeKey), "{}")
	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans", len(ended))
	}
	if got := ended[0].SpanContext().TraceID().String(); got != traceID || ended[0].Parent().SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("of the trace %s, below %s", got, ended[0].Parent().SpanID())
	}
	for n, code := range []int{http.StatusOK, http.StatusBadRequest} {
		if !slices.Contains(ended[n].Attributes(), attribute.Int("http.response.status_code", code)) {
			t.Errorf("%v", ended[n].Attributes())
		}
	}
}
