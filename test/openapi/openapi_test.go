package openapi_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/test/openapi"
)

const described = "../../docs/openapi.yaml"

// It is what `make verify` runs.
func TestTheDescriptionIsValid(t *testing.T) {
	if _, err := openapi.Load(t.Context(), described); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(described)
	if err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{
		"operationId: metadata":                       "operationId: evaluate", // twice
		"components/responses/Unavailable":            "components/responses/Absent",
		"id: bob@acme.example}\n              action": "id: 3}\n              action", // in an example
	} {
		broken := filepath.Join(t.TempDir(), "openapi.yaml")
		if err := os.WriteFile(broken, []byte(strings.Replace(string(text), was, is, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openapi.Load(t.Context(), broken); err == nil {
			t.Errorf("valid with %s", is)
		}
	}
}

func TestWhatIsNotDescribedIsFound(t *testing.T) {
	d, err := openapi.Load(t.Context(), described)
	if err != nil {
		t.Fatal(err)
	}
	const (
		post, evaluation = http.MethodPost, "/access/v1/evaluation"
		question         = `{"subject": {"type": "user", "id": "a"}, "action": {"name": "b"}, "resource": {"type": "c", "id": "d"}, "context": null}`
		partial          = `{"subject": {"type": "user", "id": "a"}, "action": {"name": "b"}}`
		decided          = `{"decision":true,"context":{"decision_id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}}`
	)
	for _, test := range []struct {
		method, path, body string
		code               int
		answer, words      string
	}{
		{post, evaluation, question, 200, decided, ""},
		{post, "/decisions" + evaluation, question, 200, decided, ""},
		{post, evaluation, partial, 400, "resource is missing", ""},
		{post, evaluation, partial, 200, decided, "what the description refuses is answered"},
		{post, evaluation + "s", partial, 200, decided, ""},
		{post, evaluation, question, 200, `{"decision":true}`, "not as described"},
		{post, evaluation, question, 200, `{"decision":"true","context":{"decision_id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}}`, "not as described"},
		{post, evaluation, question, 200, `{"decision":true,"context":{"decision_id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ","why":"so"}}`, "not as described"},
		{post, evaluation, question, 418, "no", "not as described"},
		{post, "/access/v1/else", question, 404, "no", ""},
		{post, "/access/v1/else", question, 200, decided, "is not described"},
		{http.MethodGet, evaluation, "", 405, "no", ""},
		{http.MethodGet, "/.well-known/authzen-configuration/decisions", "", 200, "{}", "not as described"},
	} {
		request := httptest.NewRequestWithContext(t.Context(), test.method, test.path, nil)
		request.Header = http.Header{"Authorization": {"Bearer x"}, "Content-Type": {"application/json"}}
		answer := &http.Response{StatusCode: test.code, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
		if test.code == http.StatusOK {
			answer.Header.Set("Content-Type", "application/json")
		}
		err := d.Check(request, test.body, answer, []byte(test.answer))
		if (err == nil) != (test.words == "") || err != nil && !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s %s %s, %d %s: %v", test.method, test.path, test.body, test.code, test.answer, err)
		}
	}
}
