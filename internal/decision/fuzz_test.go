package decision_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// Whatever a caller sends, it is answered or malformed; what the store is asked is about the caller's
// organization and nothing else; and it is what any other reader of the same JSON would have asked.
func FuzzACallerAsksAboutItsOrganizationsOnly(f *testing.F) {
	for _, resource := range []string{
		vision, foreign, `"resource": {"type": "group", "id": "acme/devs"}`,
		`"resource": {"type": "flow", "id": "../globex", "properties": {"scope": {"organization": "acme", "workspace": "a/b", "project": ".."}, "color": "red"}}`,
		`"resource": {"type": "workspace", "id": "acme/../globex/prod"}`,
		`"resource": {"type": "organization", "id": "globex", "id": "acme"}`,
		`"resource": {"type": "organization", "id": "acm\u0065"}`,
		`"resource": {"type": "project", "id": "acme/prod/vision", "properties": {"scope": {"organization": "globex"}}}`,
	} {
		f.Add(all(alice, view, resource))
		f.Add(all(alice, view, resource, `"context": {"a": [1e3, null, {"b": "\ud83d\ude00"}], "c": -0.0, "d": 1e20, "e": 1e300}`))
		f.Add(all(alice, view, resource, `"evaluations": [{}, `+all(bob)+`, `+all(foreign)+`, {"resource": 1}]`, `"options": {"evaluations_semantic": "deny_on_first_deny"}`))
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t)
		w.options.HasType = func(string) bool { return true }
		w.check = func(context.Context, store.Question) (bool, error) { return true, nil }
		code, text := w.post(t, evaluations, body)
		if code != http.StatusOK && code != http.StatusBadRequest {
			t.Fatalf("%d %s", code, text)
		}
		for _, asked := range w.asked {
			_, path, _ := strings.Cut(asked.Object, ":")
			if organization, _, _ := strings.Cut(path, "/"); organization != "acme" && !strings.Contains(path, "~") {
				t.Errorf("asks about %s", asked.Object)
			}
			if asked.Parent != "" && !strings.HasPrefix(asked.Parent, "organization:acme") && !strings.HasPrefix(asked.Parent, "workspace:acme/") && !strings.HasPrefix(asked.Parent, "project:acme/") {
				t.Errorf("says that it is in %s", asked.Parent)
			}
		}
		if code == http.StatusOK {
			var standard any
			decoder := json.NewDecoder(strings.NewReader(body))
			decoder.UseNumber() // else it would write another number than it read
			if err := decoder.Decode(&standard); err != nil {
				t.Fatalf("%q was read, and is no JSON: %v", body, err)
			}
			again, err := json.Marshal(standard)
			if err != nil {
				t.Fatal(err)
			}
			before := w.asked
			w.asked = nil
			if _, same := w.post(t, evaluations, string(again)); same != text || len(before) == 1 && !reflect.DeepEqual(w.asked, before) {
				t.Errorf("%q is %s, asking %+v; written anew it is %s, asking %+v", body, text, before, same, w.asked)
			}
		}
	})
}
