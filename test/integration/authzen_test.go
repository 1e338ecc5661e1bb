package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const (
	evaluationPath  = "/access/v1/evaluation"
	evaluationsPath = "/access/v1/evaluations"

	yes = `{"decision":true}`
	no  = `{"decision":false}`
)

// asks is a user in AuthZEN's words.
func (w *world) asks(user string) entity { return entity{"type": "user", "id": w.subject(user)} }

func (w *world) project(workspace, project string) entity {
	return entity{"type": "project", "id": w.Namespace + "/" + workspace + "/" + project}
}

// thing is an object of the world's type, with these attributes.
func (w *world) thing(id string, scope, attributes map[string]any) entity {
	where := map[string]any{"organization": w.Namespace}
	maps.Copy(where, scope)
	properties := map[string]any{"scope": where}
	maps.Copy(properties, attributes)
	return entity{"type": w.Type, "id": id, "properties": properties}
}

// answers posts to AuthZEN as the suite, and returns code and body in one line.
func answers(path string, body any) string {
	GinkgoHelper()
	return answersTo(suiteKey, path, body)
}

func answersTo(key, path string, body any) string {
	GinkgoHelper()
	code, text, err := op.authZEN(key, path, body)
	Expect(err).NotTo(HaveOccurred())
	return fmt.Sprintf("%d %s", code, withoutIDs(strings.TrimSpace(string(text))))
}

// decisionID is what tells one decision from another, and is never the same.
var decisionID = regexp.MustCompile(`,?"decision_id":"[A-Z2-7]{26}"`)

func withoutIDs(text string) string {
	return strings.ReplaceAll(decisionID.ReplaceAllString(text, ""), `,"context":{}`, "")
}

func beAnswer(decision string) types.GomegaMatcher { return Equal("200 " + decision) }

func beVerdicts(verdicts ...string) types.GomegaMatcher {
	return beAnswer(`{"evaluations":[` + strings.Join(verdicts, ",") + `]}`)
}

// beMalformed matches an answer that says what to write.
func beMalformed(words string) types.GomegaMatcher {
	return And(HavePrefix("400 "), ContainSubstring(words))
}

var _ = Describe("AuthZEN", func() {
	var w *world
	// viewing is a question that is answered with true: alice is editor of the workspace prod.
	var viewing map[string]any
	but := func(changes map[string]any) map[string]any {
		changed := map[string]any{}
		for _, from := range []map[string]any{viewing, changes} {
			for name, value := range from {
				if changed[name] = value; value == nil {
					delete(changed, name)
				}
			}
		}
		return changed
	}

	BeforeEach(func() {
		w = newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		viewing = map[string]any{"subject": w.asks("alice"), "action": entity{"name": w.View}, "resource": w.project("prod", "vision")}
	})

	It("[N1] answers a question with a decision, whatever context comes with it", func() {
		Expect(answers(evaluationPath, viewing)).To(beAnswer(yes))
		Expect(answers(evaluationPath, but(map[string]any{"subject": w.asks("bob")}))).To(beAnswer(no))
		Expect(answers(evaluationPath, but(map[string]any{"context": map[string]any{"time": "1985-10-26T01:22-07:00", "ip": "192.168.1.1"}}))).To(beAnswer(yes))
		for range 5 {
			Expect(answers(evaluationPath, viewing)).To(beAnswer(yes), "the same again")
		}
	})

	It("[N1] takes every place by its path, and an object by its type, its id and its scope", func() {
		granted := w.grant("shared").ToUser("bob").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").Obj()
		create(granted)
		expectReason(granted, v1alpha1.ReasonInForce)
		vision := map[string]any{"workspace": "prod", "project": "vision"}
		for _, q := range []struct {
			user     string
			resource entity
			want     string
		}{
			{"alice", entity{"type": "organization", "id": w.Namespace}, no},
			{"alice", entity{"type": "workspace", "id": w.Namespace + "/prod"}, yes},
			{"alice", entity{"type": "workspace", "id": w.Namespace + "/lab"}, no},
			{"alice", w.project("prod", "speech"), yes},
			{"alice", w.project("lab", "vision"), no},
			{"alice", w.thing("any", vision, nil), yes}, // no grant names it
			{"alice", w.thing("any", map[string]any{"workspace": "prod"}, nil), yes},
			{"alice", w.thing("any", nil, nil), no},
			{"bob", w.thing("42", vision, nil), yes},
			{"bob", w.thing("43", vision, nil), no},
			{"bob", w.thing("42", map[string]any{"workspace": "prod"}, nil), no},
			{"bob", w.project("prod", "vision"), no},
		} {
			Expect(answers(evaluationPath, but(map[string]any{"subject": w.asks(q.user), "resource": q.resource}))).To(beAnswer(q.want), "%s at %v", q.user, q.resource)
		}
	})

	It("[N2] says what to write where something is missing or of another type", func() {
		for _, field := range []string{"subject", "action", "resource"} {
			Expect(answers(evaluationPath, but(map[string]any{field: nil}))).To(beMalformed(field + " is missing"))
			Expect(answers(evaluationPath, but(map[string]any{field: "text"}))).To(beMalformed(field + " is not an object"))
		}
		for path, change := range map[string]map[string]any{
			"subject.type is missing":  {"subject": entity{"id": "x"}},
			"subject.id is missing":    {"subject": entity{"type": "user"}},
			"action.name is missing":   {"action": entity{}},
			"resource.type is missing": {"resource": entity{"id": "x"}},
			"resource.id is missing":   {"resource": entity{"type": "project"}},
			"action.name is not a":     {"action": entity{"name": 123}},
			"context is not an object": {"context": []any{}},
			"as in acme/prod/vision":   {"resource": entity{"type": "project", "id": "vision"}},
			"properties.scope is miss": {"resource": entity{"type": w.Type, "id": "42"}},
		} {
			Expect(answers(evaluationPath, but(change))).To(beMalformed(path))
		}
	})

	It("[N3] takes JSON that says it is JSON", func() {
		send := func(contentType, body string) int {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, op.decisionURL+evaluationPath, strings.NewReader(body))
			Expect(err).NotTo(HaveOccurred())
			request.Header.Set("Content-Type", contentType)
			request.Header.Set("Authorization", "Bearer "+suiteKey)
			response, err := http.DefaultClient.Do(request)
			Expect(err).NotTo(HaveOccurred())
			defer response.Body.Close()
			if response.StatusCode == http.StatusOK {
				Expect(response.Header.Get("Content-Type")).To(Equal("application/json"))
			}
			return response.StatusCode
		}
		encoded, err := json.Marshal(viewing)
		Expect(err).NotTo(HaveOccurred())
		body := string(encoded)
		Expect(send("application/json", body)).To(Equal(http.StatusOK))
		Expect(send("application/json; charset=utf-8", body)).To(Equal(http.StatusOK))
		Expect(send("text/plain", body)).To(Equal(http.StatusBadRequest))
		Expect(send("", body)).To(Equal(http.StatusBadRequest))
		for _, malformed := range []string{"", "{", "[]", body + body, strings.Replace(body, `"subject":`, `"subject":{},"subject":`, 1), body[:len(body)-1]} {
			Expect(send("application/json", malformed)).To(Equal(http.StatusBadRequest), malformed)
		}
	})

	It("[N4] does not mind what it does not know", func() {
		Expect(answers(evaluationPath, but(map[string]any{"foo": "bar", "futureField": map[string]any{"nested": true}}))).To(beAnswer(yes))
		Expect(answers(evaluationPath, map[string]any{
			"subject":  entity{"type": "user", "id": w.subject("alice"), "properties": map[string]any{"department": "Sales"}, "x": 1},
			"action":   entity{"name": w.View, "properties": map[string]any{"method": "GET"}, "x": 1},
			"resource": entity{"type": "project", "id": w.Namespace + "/prod/vision", "properties": map[string]any{"owner": "bob"}, "x": 1},
		})).To(beAnswer(yes))
	})

	It("[N5] says in its answer which request that is to", func() {
		for _, key := range []string{suiteKey, "none"} {
			for _, id := range []string{"bfe9eb29-ab87-4ca3-be83-a1d5d8305716", ""} {
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, op.decisionURL+evaluationPath, strings.NewReader("{}"))
				Expect(err).NotTo(HaveOccurred())
				request.Header.Set("Authorization", "Bearer "+key)
				request.Header.Set("X-Request-ID", id)
				response, err := http.DefaultClient.Do(request)
				Expect(err).NotTo(HaveOccurred())
				Expect(response.Body.Close()).To(Succeed())
				Expect(response.Header.Get("X-Request-ID")).To(Equal(id))
			}
		}
	})

	It("[N6] answers several questions in their order, and takes from the top what they leave out", func() {
		alice, bob := map[string]any{"subject": w.asks("alice")}, map[string]any{"subject": w.asks("bob")}
		Expect(answers(evaluationsPath, but(map[string]any{"evaluations": []any{bob, alice, map[string]any{}, map[string]any{"resource": w.project("lab", "vision")}}}))).
			To(beVerdicts(no, yes, yes, no))
		Expect(answers(evaluationsPath, map[string]any{"evaluations": []any{viewing, but(bob)}})).To(beVerdicts(yes, no))
		granted := w.grant("red").ToUser("bob").GrantsIf(w.Edit, build.Equals("color", "red")).InWorkspace("lab").Obj()
		create(granted)
		expectReason(granted, v1alpha1.ReasonInForce)
		Expect(answers(evaluationsPath, map[string]any{
			"subject": w.asks("bob"), "action": entity{"name": w.Edit}, "resource": w.project("lab", "vision"),
			"context": map[string]any{"color": "red"},
			"evaluations": []any{
				map[string]any{}, map[string]any{"context": map[string]any{"color": "blue"}}, map[string]any{"context": map[string]any{}},
			},
		})).To(beVerdicts(yes, no, no), "an entity that is there replaces that from the top, whole")
	})

	It("[N7] stops at the first denial, or at the first permit, if it is told to", func() {
		alice, bob := map[string]any{"subject": w.asks("alice")}, map[string]any{"subject": w.asks("bob")}
		several := func(semantic any, items ...any) string {
			return answers(evaluationsPath, but(map[string]any{"options": map[string]any{"evaluations_semantic": semantic}, "evaluations": items}))
		}
		Expect(several("execute_all", alice, bob, alice)).To(beVerdicts(yes, no, yes))
		Expect(several("deny_on_first_deny", alice, bob, alice)).To(beVerdicts(yes, no))
		Expect(several("permit_on_first_permit", bob, alice, bob)).To(beVerdicts(no, yes))
		Expect(several("permit_on_first_permit", bob, bob)).To(beVerdicts(no, no))
		Expect(several("first_come", alice)).To(beMalformed("options.evaluations_semantic"))
		Expect(several(1, alice)).To(beMalformed("options.evaluations_semantic"))
	})

	It("[N8] takes a list that is empty or not there for one question", func() {
		Expect(answers(evaluationsPath, viewing)).To(beAnswer(yes))
		Expect(answers(evaluationsPath, but(map[string]any{"evaluations": []any{}}))).To(beAnswer(yes))
		Expect(answers(evaluationsPath, map[string]any{"evaluations": []any{}})).To(beMalformed("subject is missing"))
	})

	It("[N9] denies one of several questions that is wrong, and says why, and answers the others", func() {
		Expect(answers(evaluationsPath, but(map[string]any{"resource": nil, "evaluations": []any{
			map[string]any{"resource": viewing["resource"]}, map[string]any{},
		}}))).To(beVerdicts(yes, `{"decision":false,"context":{"error":{"status":400,"message":"resource is missing"}}}`))
	})

	It("[N10] says what it serves, to everyone, and that is all", func() {
		response, err := http.Get(op.decisionURL + "/.well-known/authzen-configuration")
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		Expect(response.StatusCode).To(Equal(http.StatusOK))
		Expect(response.Header.Get("Content-Type")).To(Equal("application/json"))
		Expect(io.ReadAll(response.Body)).To(MatchJSON(fmt.Sprintf(`{
			"policy_decision_point": %[1]q, "access_evaluation_endpoint": "%[1]s/access/v1/evaluation", "access_evaluations_endpoint": "%[1]s/access/v1/evaluations",
			"search_subject_endpoint": "%[1]s/access/v1/search/subject", "search_resource_endpoint": "%[1]s/access/v1/search/resource",
			"search_action_endpoint": "%[1]s/access/v1/search/action"}`, op.decisionURL)))
		Expect(answers("/access/v1/search/user", viewing)).To(HavePrefix("404 "))
	})

	It("[N11] answers those who show a key, by what their file says now", func() {
		const first, second = "the-first-key-of-the-shop-0123456789abc", "the-second-key-of-the-shop-0123456789abc"
		Expect(answersTo("", evaluationPath, viewing)).To(HavePrefix("401 "))
		Expect(answersTo(first, evaluationPath, viewing)).To(HavePrefix("401 "))
		op.admits(first, w.Namespace)
		Expect(answersTo(first, evaluationPath, viewing)).To(beAnswer(yes))
		op.admits(second, w.Namespace)
		Expect(answersTo(first, evaluationPath, viewing)).To(HavePrefix("401 "))
		Expect(answersTo(second, evaluationPath, viewing)).To(beAnswer(yes))
	})

	It("[N12] [K14] answers a key about its organizations only, whether or not others are there", func() {
		const key = "the-key-of-the-other-shop-0123456789abc"
		other := newWorld()
		op.admits(key, other.Namespace)
		refused := func(organization string) string {
			return fmt.Sprintf(`{"decision":false,"context":{"error":{"status":403,"message":"this key is not for the organization \"%s\""}}}`, organization)
		}
		Expect(answersTo(key, evaluationPath, viewing)).To(beAnswer(refused(w.Namespace)))
		Expect(answersTo(key, evaluationPath, but(map[string]any{"resource": entity{"type": "organization", "id": "nowhere"}}))).To(beAnswer(refused("nowhere")))
		Expect(answersTo(key, evaluationPath, but(map[string]any{"resource": w.thing(other.Namespace, nil, nil)}))).To(beAnswer(refused(w.Namespace)))
		Expect(answersTo(key, evaluationPath, but(map[string]any{"resource": entity{
			"type": "project", "id": w.Namespace + "/prod/vision", "properties": map[string]any{"scope": map[string]any{"organization": other.Namespace}},
		}}))).To(beMalformed("resource.properties.scope is for objects"))
		for _, path := range []string{"%s/../%s/prod", "%s/%%2e%%2e/%s", "%s#%s", "%s/prod:%s"} {
			Expect(answersTo(key, evaluationPath, but(map[string]any{"resource": entity{"type": "project", "id": fmt.Sprintf(path, other.Namespace, w.Namespace)}}))).
				NotTo(ContainSubstring(`"decision":true`))
		}
		Expect(answersTo(key, evaluationsPath, but(map[string]any{"evaluations": []any{map[string]any{}, map[string]any{"resource": other.project("prod", "vision")}}}))).
			To(beVerdicts(refused(w.Namespace), no))
	})

	It("[N15] tests conditions against properties and context, and keeps time by itself", func() {
		now := time.Now()
		lasting := w.grant("lasting").ToUser("bob").GrantsIf(w.Edit, build.Equals("color", "red"), build.In("floor", "3", "4")).InProject("lab", "vision").Obj()
		ended := w.temporary("ended").ToUser("bob").Grants(w.Delete).InProject("lab", "vision").From(now.Add(-2 * time.Hour)).Until(now.Add(-time.Hour)).Obj()
		create(lasting, ended)
		expectReason(lasting, v1alpha1.ReasonInForce)
		expectReason(ended, v1alpha1.ReasonExpired)
		ask := func(permission string, properties, environment map[string]any) string {
			return answers(evaluationPath, map[string]any{
				"subject": w.asks("bob"), "action": entity{"name": permission}, "context": environment,
				"resource": w.thing("1", map[string]any{"workspace": "lab", "project": "vision"}, properties),
			})
		}
		red, third := map[string]any{"color": "red"}, map[string]any{"floor": 3}
		both := map[string]any{"color": "red", "floor": 3}
		none := map[string]any{}
		Expect(ask(w.Edit, both, none)).To(beAnswer(yes))
		Expect(ask(w.Edit, none, both)).To(beAnswer(yes))
		Expect(ask(w.Edit, red, third)).To(beAnswer(yes))
		Expect(ask(w.Edit, both, both)).To(beAnswer(yes))
		Expect(ask(w.Edit, red, none)).To(beAnswer(no))
		for _, wrong := range []any{"3", 3.5, true, nil, []any{3}, map[string]any{"floor": 3}, "3\x00"} {
			Expect(ask(w.Edit, red, map[string]any{"floor": wrong})).To(beAnswer(no), "%v", wrong)
		}
		Expect(ask(w.Edit, red, map[string]any{"color": "blue", "floor": 3})).To(beMalformed("one value in resource.properties and another in context"))
		past := now.Add(-90 * time.Minute).UTC().Format(time.RFC3339)
		for _, name := range []string{"current_time", "time", "now"} {
			Expect(ask(w.Delete, none, map[string]any{name: past})).To(beAnswer(no), name)
		}
		Expect(ask(w.Delete, none, map[string]any{"permission": w.Edit, "permissions": map[string]any{w.Delete: true}, "rules": map[string]any{}})).To(beAnswer(no))
	})

	It("[N14] denies what it does not know", func() {
		for what, change := range map[string]map[string]any{
			"a user":       {"subject": entity{"type": "user", "id": "nobody@" + w.Namespace}},
			"a subject":    {"subject": entity{"type": "robot", "id": w.subject("alice")}},
			"a permission": {"action": entity{"name": w.Namespace + ":Fly"}},
			"control":      {"action": entity{"name": w.View + "\x00"}},
			"another case": {"action": entity{"name": strings.ToUpper(w.View)}},
			"a workspace":  {"resource": entity{"type": "workspace", "id": w.Namespace + "/nowhere"}},
			"a project":    {"resource": w.project("prod", "nowhere")},
			"a scope":      {"resource": w.thing("1", map[string]any{"workspace": "prod", "project": "nowhere"}, nil)},
			"a type":       {"resource": entity{"type": "spaceship", "id": "1", "properties": map[string]any{"scope": map[string]any{"organization": w.Namespace, "workspace": "prod"}}}},
			"a long name":  {"subject": entity{"type": "user", "id": strings.Repeat("x", 10_000)}},
		} {
			Expect(answers(evaluationPath, but(change))).To(beAnswer(no), what)
		}
	})

	It("[N16] [B4] tells what an admin may do with a group, and a member may not", func() {
		create(
			build.GroupMembership(w.Namespace, "a", "alice", "devs").As(v1alpha1.GroupAdmin).Obj(),
			build.GroupMembership(w.Namespace, "b", "bob", "devs").Obj(),
		)
		devs := map[string]any{"resource": entity{"type": "group", "id": w.Namespace + "/devs"}, "action": entity{"name": "can_run_reports"}}
		Eventually(func() string { return answers(evaluationPath, but(devs)) }).Should(beAnswer(yes))
		devs["subject"] = w.asks("bob")
		Expect(answers(evaluationPath, but(devs))).To(beAnswer(no))
	})

	It("[N16] sees an object as soon as it is ready, and no more when it is gone", func() {
		for n := range 10 {
			assigned := w.assignment(fmt.Sprint("b-", n), "editor").ToUser("bob").InProject("lab", "vision").Obj()
			question := but(map[string]any{"subject": w.asks("bob"), "resource": w.project("lab", "vision")})
			Expect(answers(evaluationPath, question)).To(beAnswer(no))
			create(assigned)
			expectReason(assigned, v1alpha1.ReasonInForce)
			Expect(answers(evaluationPath, question)).To(beAnswer(yes))
			remove(assigned)
		}
	})
})
