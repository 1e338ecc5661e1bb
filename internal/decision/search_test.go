package decision_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const (
	searchSubject  = "/access/v1/search/subject"
	searchResource = "/access/v1/search/resource"
	searchAction   = "/access/v1/search/action"

	nothing = `{"results":[],"page":{"next_token":"","count":0}}`
)

// searchWorld has bob, who may view what is red or of size 3 in the lab, and flow 7 there; dan may view everything through a group.
func searchWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.notHere, w.ready = nil, false
	w.remembered()
	w.known.Put(
		build.ResourceType("app").OfType("flow").Permits("App:View", build.String("color"), build.Number("size"), build.String("subject_role")).Permits("App:Edit").Obj(),
		build.User("acme", "bob").KnownAs("bob").Obj(), build.User("acme", "dan").KnownAs("dan").Obj(),
		build.User("acme", "eve").KnownAs("eve").Suspended().Obj(),
		build.Group("acme", "devs").Obj(), build.GroupMembership("acme", "m", "dan", "devs").Obj(),
		build.PermissionGrant("acme", "g").ToGroup("devs").Grants("App:View", "App:Edit").Obj(),
		build.PermissionGrant("acme", "h").ToUser("bob").GrantsIf("App:View", build.Equals("color", "red"), build.NotEquals("size", "3")).InWorkspace("lab").Obj(),
		build.PermissionGrant("acme", "i").ToUser("bob").GrantsIf("App:View", build.Equals("subject_role", "boss")).Obj(),
		build.TemporaryPermissionGrant("acme", "j").ToUser("bob").Grants("App:View").InWorkspace("lab").OnResource("flow", "7").
			From(now.Add(-time.Hour)).Until(now.Add(time.Hour)).Obj(),
		build.PermissionGrant("acme", "k").ToUser("eve").Grants("App:View").Obj(),
	)
	return w
}

func TestSearchesFindWhatDecisionsAllow(t *testing.T) {
	w := searchWorld(t)
	const prod, lab = `"resource": {"type": "workspace", "id": "acme/prod"}`, `"resource": {"type": "workspace", "id": "acme/lab"}`
	const anybody, flows = `"subject": {"type": "user"}`, `"resource": {"type": "flow", "properties": {"scope": {"organization": "acme"}}}`
	const bobsFlow = `{"type":"flow","id":"7","properties":{"scope":{"organization":"acme","workspace":"lab"}}}`
	for _, test := range []struct{ path, body, want string }{
		{searchSubject, all(anybody, view, prod), `{"results":[{"type":"user","id":"alice"},{"type":"user","id":"dan"}],"page":{"next_token":"","count":2}}`},
		{searchSubject, all(anybody, view, lab), `{"results":[{"type":"user","id":"dan"}],"page":{"next_token":"","count":1},"context":{"valid_until":"2030-06-15T13:00:00Z"}}`},
		{searchSubject, all(anybody, view, lab, `"context": {"color": "red", "size": 2}`),
			`{"results":[{"type":"user","id":"bob"},{"type":"user","id":"dan"}],"page":{"next_token":"","count":2},"context":{"valid_until":"2030-06-15T13:00:00Z"}}`},
		{searchSubject, all(`"subject": {"type": "spaceship"}`, view, prod), nothing},
		{searchSubject, all(anybody, view, `"resource": {"type": "workspace", "id": "acme/nowhere"}`), nothing},
		{searchSubject, all(anybody, view, `"resource": {"type": "spaceship", "id": "1", "properties": {"scope": {"organization": "acme"}}}`), nothing},
		{searchAction, all(bob, lab), nothing},
		{searchAction, all(`"subject": {"type": "user", "id": "dan"}`, lab), `{"results":[{"name":"App:Edit"},{"name":"App:View"}],"page":{"next_token":"","count":2}}`},
		{searchAction, all(bob, lab, `"context": {"color": "red", "size": 2}`), `{"results":[{"name":"App:View"}],"page":{"next_token":"","count":1}}`},
		{searchAction, all(`"subject": {"type": "user", "id": "nobody"}`, lab), nothing},
		{searchResource, all(alice, view, `"resource": {"type": "project", "properties": {"scope": {"organization": "acme"}}}`),
			`{"results":[{"type":"project","id":"acme/prod/vision"}],"page":{"next_token":"","count":1},"context":{"valid_until":"2030-06-15T13:00:00Z"}}`},
		{searchResource, all(alice, view, `"resource": {"type": "project", "properties": {"scope": {"organization": "acme", "workspace": "lab"}}}`),
			`{"results":[],"page":{"next_token":"","count":0},"context":{"valid_until":"2030-06-15T13:00:00Z"}}`},
		{searchResource, all(alice, view, `"resource": {"type": "spaceship", "properties": {"scope": {"organization": "acme"}}}`), nothing},
		{searchResource, all(bob, view, flows), `{"results":[` + bobsFlow + `],"page":{"next_token":"","count":1},"context":{"residual":[` +
			`{"scope":{"organization":"acme","workspace":"lab"},"conditions":[{"attribute":"color","type":"String","operator":"In","values":["red"]},{"attribute":"size","type":"Number","operator":"NotEquals","values":[3]}]}` +
			`],"scopes":[{"organization":"acme","workspace":"lab"}],"valid_until":"2030-06-15T13:00:00Z"}}`},
		{searchResource, all(bob, view, flows, `"context": {"color": "blue"}`), `{"results":[` + bobsFlow + `],"page":{"next_token":"","count":1},"context":{"valid_until":"2030-06-15T13:00:00Z"}}`},
		{searchResource, all(`"subject": {"type": "user", "id": "bob", "properties": {"role": "boss"}}`, view, flows),
			`{"results":[` + bobsFlow + `],"page":{"next_token":"","count":1},"context":{"residual":[{"scope":{"organization":"acme"},"conditions":[]}],"scopes":[{"organization":"acme"},{"organization":"acme","workspace":"lab"},{"organization":"acme","workspace":"prod"},{"organization":"acme","project":"vision","workspace":"prod"}],"valid_until":"2030-06-15T13:00:00Z"}}`},
		{searchResource, all(bob, view, `"resource": {"type": "flow", "properties": {"scope": {"organization": "globex"}}}`),
			`{"results":[],"page":{"next_token":"","count":0},"context":{"error":{"status":403,"message":"this key is not for the organization \"globex\""}}}`},
	} {
		w.expect(t, test.path, test.body, http.StatusOK, test.want)
	}
	if len(w.asked) > 0 {
		t.Errorf("asks the store %+v", w.asked)
	}
}

func TestSearchesComeInPages(t *testing.T) {
	w := searchWorld(t)
	const body = `"subject": {"type": "user"}, "action": {"name": "App:View"}, "resource": {"type": "workspace", "id": "acme/prod"}`
	var seen []string
	page := func(given string) (next string) {
		t.Helper()
		code, text := w.post(t, searchSubject, all(body, `"page": {`+given+`}`))
		var answer struct {
			Results []struct {
				ID string `json:"id"`
			} `json:"results"`
			Page struct {
				Next  string `json:"next_token"`
				Count int    `json:"count"`
			} `json:"page"`
		}
		if err := json.Unmarshal([]byte(text), &answer); code != http.StatusOK || err != nil || answer.Page.Count != len(answer.Results) {
			t.Fatalf("%d %s, %v", code, text, err)
		}
		for _, result := range answer.Results {
			seen = append(seen, result.ID)
		}
		return answer.Page.Next
	}
	token := page(`"limit": 1`)
	if token == "" || page(`"limit": 1, "token": "`+token+`"`) != "" || !slices.Equal(seen, []string{"alice", "dan"}) {
		t.Errorf("in pages: %v", seen)
	}
	seen = nil
	if page(`"token": "`+token+`"`) != "" || !slices.Equal(seen, []string{"dan"}) {
		t.Errorf("the token knows its limit: %v", seen)
	}
	seen = nil
	if first := page(`"limit": 0`); len(seen) > 0 || first == "" {
		t.Errorf("a page of none: %v", seen)
	}
	for given, words := range map[string]string{
		`"token": "` + token + `", "limit": 2`:         "page.token is of another search",
		`"token": "x` + token + `"`:                    "page.token can't be read",
		`"token": "e30"`:                               "page.token is of another search",
		`"token": 1`:                                   "page.token is not a text",
		`"limit": -1`:                                  "page.limit is not a number of results",
		`"limit": 1.5`:                                 "page.limit is not a number",
		`"limit": "1"`:                                 "page.limit is not a number",
		`"token": "eyJsIjoxMDAxfQ"`:                    "page.token can't be read",
		`"token": "` + token + `"}, "context": {"a":1`: "page.token is of another search",
	} {
		if code, text := w.post(t, searchSubject, all(body, `"page": {`+given+`}`)); code != http.StatusBadRequest || !strings.Contains(text, words) {
			t.Errorf("%s: %d %s", given, code, text)
		}
	}
	if code, text := w.post(t, searchAction, all(alice, `"resource": {"type": "workspace", "id": "acme/prod"}, "page": {"token": "`+token+`"}`)); code != http.StatusBadRequest {
		t.Errorf("at another endpoint: %d %s", code, text)
	}
}

func TestASearchWithoutWhatItNeedsIsMalformed(t *testing.T) {
	w := searchWorld(t)
	const place = `"resource": {"type": "workspace", "id": "acme/prod"}`
	for _, test := range []struct{ path, body, words string }{
		{searchSubject, all(view, place), "subject is missing"},
		{searchSubject, all(`"subject": {"id": "alice"}`, view, place), "subject.type is missing"},
		{searchSubject, all(alice, place), "action is missing"},
		{searchSubject, all(alice, view), "resource is missing"},
		{searchSubject, all(alice, view, `"resource": {"type": "workspace"}`), "resource.id is missing"},
		{searchResource, all(view, place), "subject is missing"},
		{searchResource, all(`"subject": {"type": "user"}`, view, place), "subject.id is missing"},
		{searchResource, all(alice, place), "action is missing"},
		{searchResource, all(alice, view), "resource is missing"},
		{searchResource, all(alice, view, `"resource": {"type": "flow"}`), "resource.properties.scope is missing"},
		{searchResource, all(alice, view, `"resource": {"type": "flow", "properties": {"scope": {"workspace": "prod"}}}`), "scope.organization is missing"},
		{searchAction, all(alice), "resource is missing"},
		{searchAction, all(`"subject": {"type": "user"}`, place), "subject.id is missing"},
		{searchAction, all(alice, place, `"page": 3`), "page is not an object"},
	} {
		if code, text := w.post(t, test.path, test.body); code != http.StatusBadRequest || !strings.Contains(text, test.words) {
			t.Errorf("%s %s: %d %s", test.path, test.body, code, text)
		}
	}
	w.notHere, w.ready = errors.New("this replica does not lead"), true
	w.check = nil
	if code, text := w.post(t, searchAction, all(alice, place)); code != http.StatusServiceUnavailable || !strings.Contains(text, "does not lead") {
		t.Errorf("no store lists completely: %d %s", code, text)
	}
}

func TestAResidualHasAMost(t *testing.T) {
	w := searchWorld(t)
	for n := range 1001 {
		w.known.Put(build.PermissionGrant("acme", fmt.Sprint("many-", n)).ToUser("bob").GrantsIf("App:View", build.Equals("size", "4")).
			InWorkspace("lab").OnResource("flow", fmt.Sprint(n)).Obj())
	}
	const in = `"resource": {"type": "flow", "properties": {"scope": {"organization": "acme", "workspace": "%s"}}}`
	if code, text := w.post(t, searchResource, all(bob, view, fmt.Sprintf(in, "lab"))); code != http.StatusBadRequest || !strings.Contains(text, "narrow resource.properties.scope") {
		t.Errorf("%d %.200s", code, text)
	}
	if code, text := w.post(t, searchResource, all(bob, view, fmt.Sprintf(in, "prod"))); code != http.StatusOK {
		t.Errorf("%d %.200s", code, text)
	}
}

// BenchmarkSearch looks through all of 20,000 users for those who may do something, page by page: some have it at a project, all
// have it at the organization through each of their 3 groups. Run it with go test ./internal/decision -run '^$' -bench Search.
func BenchmarkSearch(b *testing.B) {
	known := large()
	for g := range manyGroups {
		known.Put(build.RoleAssignment("acme", fmt.Sprint("all-", g)).Gives("r0").ToGroup(fmt.Sprint("g", g)).Obj())
	}
	for _, permission := range []string{"App:R1P1", "App:R0P0"} {
		q := entitlement.Question{Permission: permission, At: scope.Path{Organization: "acme", Workspace: "w1", Project: "p1"}}
		b.Run(permission, func(b *testing.B) {
			for b.Loop() {
				count := 0
				for after, more := "", true; more; {
					var page []string
					page, more, _ = known.Subjects("acme", q, after, 1000)
					count += len(page)
					if len(page) > 0 {
						after = page[len(page)-1]
					}
				}
				b.ReportMetric(float64(count), "found")
			}
		})
	}
}
