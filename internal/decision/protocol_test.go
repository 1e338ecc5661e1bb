package decision_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

func TestWhatTwoReadersCouldReadDifferentlyIsRefused(t *testing.T) {
	w := newWorld(t)
	question := all(alice, view, vision)
	nested := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for body, words := range map[string]string{
		"":                             "the body is not JSON",
		"{":                            "the body is not JSON",
		question[:len(question)-1]:     "the body is not JSON",
		`{"subject": }`:                "the body is not JSON",
		all(alice, view, vision) + "}": "the body is more than one JSON object",
		question + question:            "more than one JSON object",
		question + "null":              "more than one JSON object",
		"[" + question + "]":           "the body is not a JSON object",
		"null":                         "the body is not a JSON object",
		`"text"`:                       "the body is not a JSON object",
		all(alice, view, vision, bob):  `an object has the name "subject" twice`,
		all(alice, view, vision, `"subj\u0065ct": {}`):                                                              `an object has the name "subject" twice`,
		all(`"subject": {"type": "user", "id": "alice", "id": "bob"}`, view, vision):                                `an object has the name "id" twice`,
		all(alice, view, vision, `"context": {"a": 1, "a": 1}`):                                                     `an object has the name "a" twice`,
		all(alice, view, vision, `"unknown": {"a": [{"b": 1, "b": 1}]}`):                                            `an object has the name "b" twice`,
		all(alice, view, vision, `"context": {"a": 1, }`):                                                           "not JSON",
		all(alice, view, vision, `"context": {"a": [1, ]}`):                                                         "not JSON",
		all(alice, view, vision, `"context": {"a": [1}`):                                                            "not JSON",
		all(alice, view, vision, `"context": {1: 1}`):                                                               "not JSON",
		all(alice, view, vision, `"context": {"a": NaN}`):                                                           "not JSON",
		all(alice, view, vision, `"context": {"a": 01}`):                                                            "not JSON",
		all("\"subject\": {\"type\": \"user\", \"id\": \"alice\xff\"}", view, vision):                               "not UTF-8",
		all(`"subject": {"type": "user", "id": "alice\ud800"}`, view, vision):                                       "not UTF-8",
		all(`"subject": {"type": "user", "id": "\udc00alice"}`, view, vision):                                       "not UTF-8",
		all(`"subject": {"type": "user", "id": "\ud83dx\ude00"}`, view, vision):                                     "not UTF-8",
		all(`"subject": {"type": "user", "id": "\ud83d\ud83d"}`, view, vision):                                      "not UTF-8",
		all(`"subject": {"type": "user", "id": "\ud83d"`):                                                           "not UTF-8",
		all(alice, view, vision, `"context": {"a": `+nested+`}`):                                                    "nested deeper than 32",
		all(alice, view, vision, `"context": {"a": `+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`): "nested deeper than 32",
	} {
		w.expectFailure(t, body, http.StatusBadRequest, words)
	}
	for body, user := range map[string]string{
		all(`"subject": {"type": "user", "id": "\ud83d\ude00"}`, view, vision):                                                             "user:%F0%9F%98%80",
		all(`"subject": {"type": "user", "id": "\\ud83d"}`, view, vision):                                                                  "user:%5Cud83d",
		all(`"subject": {"type": "user", "id": "\u0000\ufffd"}`, view, vision):                                                             "user:%00%EF%BF%BD",
		all(alice, view, vision, `"context": {"a": [9007199254740992, -9007199254740992, 9007199254740994, 1e21, 100000000000000000000]}`): "user:alice",
		"\n\t " + all(alice, view, vision) + " \n":                                                                                         "user:alice",
	} {
		w.asked = nil
		if code, text := w.post(t, evaluation, body); code != http.StatusOK || len(w.asked) != 1 || w.asked[0].User != user {
			t.Errorf("%s: %d %s, asks %+v", body, code, text, w.asked)
		}
	}
}

func TestRequestsAreForThoseWhoHaveAKey(t *testing.T) {
	w := newWorld(t)
	for name, authorization := range map[string][]string{
		"none": nil, "an unknown one": {"Bearer nobody-has-this-key-0123456789-0123456789"},
		"two": {"Bearer " + acmeKey, "Bearer " + acmeKey}, "another scheme": {"Basic " + acmeKey},
	} {
		header := headers(acmeKey)
		header["Authorization"] = authorization
		// Not even what is wrong with the body is said.
		answer := w.send(t, http.MethodPost, evaluation, header, "{")
		if answer.Code != http.StatusUnauthorized || answer.Header().Get("WWW-Authenticate") != `Bearer realm="bailiwick"` {
			t.Errorf("%s: %d %v", name, answer.Code, answer.Header())
		}
	}
	if err := os.WriteFile(w.keys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.expectFailure(t, all(alice, view, vision), http.StatusServiceUnavailable, "can't read the keys")
	if _, text := w.post(t, evaluation, "{}"); strings.Contains(text, w.keys) {
		t.Errorf("the answer says where the keys are: %s", text)
	}
	if len(w.asked) > 0 {
		t.Errorf("asks %+v", w.asked)
	}
}

func TestAKeyIsForItsOrganizations(t *testing.T) {
	w := newWorld(t)
	const refused = `{"decision":false,"context":{"error":{"status":403,"message":"this key is not for the organization \"globex\""}}}`
	for _, resource := range []string{
		foreign,
		`"resource": {"type": "organization", "id": "globex"}`,
		`"resource": {"type": "group", "id": "globex/acme"}`,
		`"resource": {"type": "flow", "id": "acme", "properties": {"scope": {"organization": "globex", "workspace": "acme"}}}`,
		// Also about what is denied for another reason.
		`"resource": {"type": "spaceship", "id": "acme", "properties": {"scope": {"organization": "globex"}}}`,
	} {
		w.expect(t, evaluation, all(alice, view, resource), http.StatusOK, refused)
	}
	for _, organization := range []string{"Acme", "acme ", "acm", "acme%2F", ".", "*"} {
		code, text := w.post(t, evaluation, all(alice, view, fmt.Sprintf(`"resource": {"type": "organization", "id": %q}`, organization)))
		if code != http.StatusOK || !strings.Contains(text, `"decision":false`) || !strings.Contains(text, `"status":403`) {
			t.Errorf("%q: %d %s", organization, code, text)
		}
	}
	w.expect(t, evaluations, all(alice, view, `"evaluations": [`+all(vision)+`, `+all(foreign)+`, `+all(vision)+`]`), http.StatusOK,
		`{"evaluations":[{"decision":true},`+refused+`,{"decision":true}]}`)
	if len(w.asked) != 2 {
		t.Errorf("asks %+v", w.asked)
	}
	if answer := w.send(t, http.MethodPost, evaluation, headers(everyKey), all(alice, view, foreign)); withoutIDs(t, strings.TrimSpace(answer.Body.String())) != allowed {
		t.Errorf("with a key for all: %d %s", answer.Code, answer.Body)
	}
}

func TestSeveralQuestionsAreAnsweredInTheirOrder(t *testing.T) {
	w := newWorld(t)
	list := func(items ...string) string { return `"evaluations": [` + strings.Join(items, ", ") + `]` }
	options := func(semantic string) string { return `"options": {"evaluations_semantic": "` + semantic + `"}` }
	verdicts := func(of ...string) string { return `{"evaluations":[` + strings.Join(of, ",") + `]}` }
	a, b := all(alice), all(bob)
	const missing = `{"decision":false,"context":{"error":{"status":400,"message":"subject is missing"}}}`
	for name, test := range map[string]struct {
		body, want string
		asks       int
	}{
		"no default":              {all(list(all(alice, view, vision), all(bob, view, vision))), verdicts(allowed, denied), 2},
		"defaults":                {all(view, vision, list(a, b, a)), verdicts(allowed, denied, allowed), 3},
		"a default is overridden": {all(alice, view, vision, list("{}", b)), verdicts(allowed, denied), 2},
		"one of them is wrong":    {all(view, vision, list(a, "{}", a)), verdicts(allowed, missing, allowed), 2},
		"one type is wrong": {all(view, vision, list(a, `{"subject": "alice"}`)),
			verdicts(allowed, `{"decision":false,"context":{"error":{"status":400,"message":"subject is not an object"}}}`), 1},
		// An entity is overridden whole: nothing of the default is left in it.
		"nothing is merged": {all(alice, view, vision, list(`{"resource": {"id": "acme/prod/speech"}}`)),
			verdicts(`{"decision":false,"context":{"error":{"status":400,"message":"resource.type is missing"}}}`), 0},
		"all":                    {all(view, vision, options("execute_all"), list(b, a, b)), verdicts(denied, allowed, denied), 3},
		"until a denial":         {all(view, vision, options("deny_on_first_deny"), list(a, b, a)), verdicts(allowed, denied), 2},
		"until something wrong":  {all(view, vision, options("deny_on_first_deny"), list(a, "{}", a)), verdicts(allowed, missing), 1},
		"without a denial":       {all(view, vision, options("deny_on_first_deny"), list(a, a)), verdicts(allowed, allowed), 2},
		"until a permit":         {all(view, vision, options("permit_on_first_permit"), list(b, "{}", a, b)), verdicts(denied, missing, allowed), 2},
		"without a permit":       {all(view, vision, options("permit_on_first_permit"), list(b, b)), verdicts(denied, denied), 2},
		"other options":          {all(view, vision, `"options": {"another": 1}`, list(a)), verdicts(allowed), 1},
		"no list":                {all(alice, view, vision), allowed, 1},
		"no list, with options":  {all(bob, view, vision, options("permit_on_first_permit")), denied, 1},
		"an empty list":          {all(alice, view, vision, list()), allowed, 1},
		"what they say besides":  {all(view, vision, list(all(alice, `"evaluations": 1`, `"options": 2`))), verdicts(allowed), 1},
		"one hundred of them":    {all(view, vision, list(strings.Split(strings.Repeat(";"+a, 100)[1:], ";")...)), verdicts(strings.Split(strings.Repeat(";"+allowed, 100)[1:], ";")...), 100},
		"a list beside the path": {all(alice, view, vision, `"Evaluations": [{}]`), allowed, 1},
	} {
		w.asked = nil
		code, got := w.post(t, evaluations, test.body)
		if code != http.StatusOK || got != test.want || len(w.asked) != test.asks {
			t.Errorf("%s: %s\ngot  %d %s, asked %d\nwant %s, asked %d", name, test.body, code, got, len(w.asked), test.want, test.asks)
		}
	}
	for body, words := range map[string]string{
		all(view, vision, `"evaluations": {}`):                    "evaluations is not a list",
		all(view, vision, list(a, `"alice"`)):                     "evaluations[1] is not an object",
		all(view, vision, list(strings.Repeat("{}, ", 100)+"{}")): "evaluations has 101 entries: the most is 100",
		all(view, vision, list(a), options("first_come")):         "options.evaluations_semantic is none of",
		all(view, vision, list(a), options("Execute_all")):        "options.evaluations_semantic is none of",
		all(view, vision, list(a), `"options": []`):               "options is not an object",
		all(view, vision, list()):                                 "subject is missing",
	} {
		if code, got := w.post(t, evaluations, body); code != http.StatusBadRequest || !strings.Contains(got, words) {
			t.Errorf("%.200s: %d %s, want %s", body, code, got, words)
		}
	}
	// A null that may be left out is.
	w.expect(t, evaluations, all(alice, view, vision, `"evaluations": null, "options": null, "context": null`), http.StatusOK, allowed)
	w.expect(t, evaluations, all(alice, view, vision, `"options": {"evaluations_semantic": null}`, list(`{"subject": null, "context": null}`, b)),
		http.StatusOK, verdicts(allowed, denied))
	// The endpoint for one question does not know the list.
	w.expect(t, evaluation, all(alice, view, vision, list(b)), http.StatusOK, allowed)
}

func TestAFaultOfTheStoreIsNoDecision(t *testing.T) {
	w := newWorld(t)
	for err, want := range map[error]int{
		fmt.Errorf("asking: %w: secret detail", store.ErrUnavailable): http.StatusServiceUnavailable,
		fmt.Errorf("asking: %w: secret detail", store.ErrRefused):     http.StatusInternalServerError,
		errors.New("secret detail"):                                   http.StatusServiceUnavailable,
		context.DeadlineExceeded:                                      http.StatusServiceUnavailable,
	} {
		w.check = func(_ context.Context, question store.Question) (bool, error) {
			if question.User == "user:bob" {
				return true, err // What comes with an error says nothing.
			}
			return true, nil
		}
		w.expectFailure(t, all(bob, view, vision), want, "the store")
		several := func(semantic, items string) (int, string) {
			return w.post(t, evaluations, all(view, vision, `"options": {"evaluations_semantic": "`+semantic+`"}`, `"evaluations": [`+items+`]`))
		}
		failed := fmt.Sprintf(`{"decision":false,"context":{"error":{"status":%d,`, want)
		for _, semantic := range []string{"execute_all", "deny_on_first_deny"} {
			code, text := several(semantic, all(alice)+`, `+all(bob))
			if code != http.StatusOK || !strings.HasPrefix(text, `{"evaluations":[`+allowed+`,`+failed) || strings.Contains(text, "secret") {
				t.Errorf("%v, %s: %d %s", err, semantic, code, text)
			}
			if code, text := several(semantic, all(bob)+`, `+all(bob)); code != want || strings.Contains(text, "decision") {
				t.Errorf("%v, %s, none answered: %d %s", err, semantic, code, text)
			}
		}
		if code, text := several("permit_on_first_permit", all(bob)+`, `+all(alice)+`, `+all(alice)); code != http.StatusOK || !strings.HasPrefix(text, `{"evaluations":[`+failed) ||
			strings.Count(text, `"decision"`) != 2 {
			t.Errorf("%v: %d %s", err, code, text)
		}
		// What came before it stands.
		w.expect(t, evaluations, all(view, vision, `"options": {"evaluations_semantic": "permit_on_first_permit"}`, `"evaluations": [`+all(alice)+`, `+all(bob)+`]`),
			http.StatusOK, `{"evaluations":[{"decision":true}]}`)
	}
}

func TestNothingIsAnsweredBeforeTheStoreIsInSync(t *testing.T) {
	w := newWorld(t)
	w.ready = false
	w.expectFailure(t, all(alice, view, vision), http.StatusServiceUnavailable, "this replica does not lead: ask again soon")
	if retry := w.send(t, http.MethodPost, evaluation, headers(acmeKey), all(alice, view, vision)).Header().Get("Retry-After"); retry != "1" {
		t.Errorf("asks to be asked again after %q", retry)
	}
	if len(w.asked) > 0 {
		t.Errorf("asks %+v", w.asked)
	}
}

func TestQuestionsAreAskedSomeAtATime(t *testing.T) {
	w := newWorld(t)
	var running, most atomic.Int64
	var full sync.Once
	together := make(chan struct{})
	w.check = func(context.Context, store.Question) (bool, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for {
			if seen := most.Load(); n <= seen || most.CompareAndSwap(seen, n) {
				break
			}
		}
		if n == 8 {
			full.Do(func() { close(together) })
		}
		<-together
		return true, nil
	}
	code, text := w.post(t, evaluations, all(alice, view, vision, `"evaluations": [`+strings.Repeat("{}, ", 15)+"{}]"))
	if code != http.StatusOK || strings.Count(text, allowed) != 16 || most.Load() != 8 {
		t.Errorf("%d %s, %d at once", code, text, most.Load())
	}
}

func TestRequestsHaveLimitsAndForms(t *testing.T) {
	w := newWorld(t)
	question := all(alice, view, vision)
	padded := func(size int) string { return question + strings.Repeat(" ", size-len(question)) }
	w.expect(t, evaluation, padded(256<<10), http.StatusOK, allowed)
	w.expectFailure(t, padded(256<<10+1), http.StatusRequestEntityTooLarge, "more than 262144 bytes")
	for contentType, want := range map[string]int{
		"application/json": http.StatusOK, "application/json; charset=utf-8": http.StatusOK, "Application/JSON": http.StatusOK,
		"application/json; charset=UTF-8": http.StatusOK, "application/json; charset=utf-16": http.StatusBadRequest, "application/json; charset=": http.StatusBadRequest,
		"": http.StatusBadRequest, "text/plain": http.StatusBadRequest, "application/jsonx": http.StatusBadRequest,
		"application/x-www-form-urlencoded": http.StatusBadRequest,
	} {
		header := headers(acmeKey)
		header.Set("Content-Type", contentType)
		if answer := w.send(t, http.MethodPost, evaluation, header, question); answer.Code != want {
			t.Errorf("%q: %d, want %d", contentType, answer.Code, want)
		}
	}
	for path, want := range map[string]int{
		"/access/v1/evaluation/": http.StatusNotFound, "/access/v1/search": http.StatusNotFound, "/access/v1/search/": http.StatusNotFound,
		"/access/v1/search/users": http.StatusNotFound, "/": http.StatusNotFound,
		"/.well-known/authzen-configuration": http.StatusMethodNotAllowed,
	} {
		if code, _ := w.post(t, path, question); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if answer := w.send(t, method, evaluation, headers(acmeKey), question); answer.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, answer.Code)
		}
	}
}

func TestAnswersNameTheirRequest(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		key, path, body string
		code            int
	}{
		{acmeKey, evaluation, all(alice, view, vision), http.StatusOK},
		{acmeKey, evaluations, all(alice, view, vision), http.StatusOK},
		{acmeKey, evaluation, "{}", http.StatusBadRequest},
		{"", evaluation, "{}", http.StatusUnauthorized},
		{acmeKey, "/nowhere", "{}", http.StatusNotFound},
	} {
		for _, id := range []string{"bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "any text: \"ü\"", ""} {
			header := headers(test.key)
			if id != "" {
				header.Set("X-Request-ID", id)
			}
			answer := w.send(t, http.MethodPost, test.path, header, test.body)
			_, there := answer.Header()["X-Request-Id"]
			if answer.Code != test.code || answer.Header().Get("X-Request-ID") != id || there != (id != "") {
				t.Errorf("%s %q: %d %v", test.path, id, answer.Code, answer.Header())
			}
		}
	}
}

func TestMetadataNamesWhatIsServed(t *testing.T) {
	w := newWorld(t)
	answer := w.send(t, http.MethodGet, "/.well-known/authzen-configuration", nil, "")
	var got map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/json" || len(got) != 6 ||
		got["policy_decision_point"] != "https://decisions.example" ||
		got["access_evaluation_endpoint"] != "https://decisions.example/access/v1/evaluation" ||
		got["access_evaluations_endpoint"] != "https://decisions.example/access/v1/evaluations" ||
		got["search_subject_endpoint"] != "https://decisions.example/access/v1/search/subject" ||
		got["search_resource_endpoint"] != "https://decisions.example/access/v1/search/resource" ||
		got["search_action_endpoint"] != "https://decisions.example/access/v1/search/action" {
		t.Errorf("%d %v", answer.Code, got)
	}
}

func TestMetadataAreWhereTheSpecificationPutsThem(t *testing.T) {
	w := newWorld(t)
	w.options.URL = "https://example.com/tenants/one"
	for _, path := range []string{"/.well-known/authzen-configuration/tenants/one", "/.well-known/authzen-configuration"} {
		answer := w.send(t, http.MethodGet, path, nil, "")
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"access_evaluation_endpoint":"https://example.com/tenants/one/access/v1/evaluation"`) ||
			!strings.Contains(answer.Body.String(), `"policy_decision_point":"https://example.com/tenants/one"`) {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
	}
	w.expect(t, "/tenants/one"+evaluation, all(alice, view, vision), http.StatusOK, allowed)
	w.expect(t, evaluation, all(alice, view, vision), http.StatusOK, allowed)
	for _, path := range []string{"/.well-known/authzen-configuration/tenants/two", "/tenants/one/.well-known/authzen-configuration", "/.well-known/authzen-configuration/"} {
		if answer := w.send(t, http.MethodGet, path, nil, ""); answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
}

func TestAnswersAreJSONAndNotKept(t *testing.T) {
	w := newWorld(t)
	answer := w.send(t, http.MethodPost, evaluation, headers(acmeKey), all(alice, view, vision))
	if answer.Header().Get("Content-Type") != "application/json" || answer.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", answer.Header())
	}
}

// counted is a counter, or how often a histogram was observed, with this value of its one label.
func counted(t *testing.T, name, value string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && metric.GetLabel()[0].GetValue() == value {
				return metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

func TestDecisionsAndRequestsAreCounted(t *testing.T) {
	w := newWorld(t)
	type count struct{ metric, value string }
	before := map[count]float64{}
	want := map[count]float64{
		{"bailiwick_decisions_total", "allowed"}: 2, {"bailiwick_decisions_total", "denied"}: 1, {"bailiwick_decisions_total", "refused"}: 2,
		{"bailiwick_decision_request_seconds", "200"}: 2, {"bailiwick_decision_request_seconds", "400"}: 1, {"bailiwick_decision_request_seconds", "404"}: 1,
	}
	for c := range want {
		before[c] = counted(t, c.metric, c.value)
	}
	w.post(t, evaluation, all(alice, view, vision))
	w.post(t, evaluations, all(alice, view, vision, `"evaluations": [{}, `+all(bob)+`, `+all(foreign)+`, {"subject": 1}]`))
	w.post(t, evaluation, "{}")
	w.post(t, "/nowhere", "{}")
	for c, n := range want {
		if got := counted(t, c.metric, c.value) - before[c]; got != n {
			t.Errorf("%v: %v, want %v", c, got, n)
		}
	}
}
