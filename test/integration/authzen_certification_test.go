package integration

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/util/cert"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/openapi"
)

// certified is a decision point as OpenID's certification scenario for AuthZEN 1.0 wants it filled: alice and bob, two records, and
// what they may do with them. The scenario knows no scope and no organization: the caller has one by default.
type certified struct {
	world  *world
	client *http.Client
	// described is what every request and every answer is held against.
	described *openapi.Description
	// requestID is sent along if it is not empty.
	requestID string
}

// newCertified runs an operator that serves AuthZEN over TLS to one caller.
func newCertified() *certified {
	GinkgoHelper()
	directory := GinkgoT().TempDir()
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(directory, "tls.crt"), certificate, 0o600)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(directory, "tls.key"), key, 0o600)).To(Succeed())
	pool := x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(certificate)).To(BeTrue())
	runOperator(operator.Options{
		Embedded: &operator.EmbeddedOptions{
			EmbeddedOptions: openfga.EmbeddedOptions{Path: filepath.Join(directory, "store.db")},
			API:             openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"},
		},
		Asking: operator.AskingOptions{TLSDirectory: directory},
	})
	c := &certified{world: newWorld(), client: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}}}
	DeferCleanup(c.client.CloseIdleConnections)
	c.described, err = openapi.Load(ctx, "../../docs/openapi.yaml")
	Expect(err).NotTo(HaveOccurred())
	w := c.world
	content, err := json.Marshal(map[string]any{"callers": []any{map[string]any{
		"name": "scenario", "key": suiteKey, "organizations": []string{w.Namespace}, "defaultScope": map[string]string{"organization": w.Namespace},
	}}})
	Expect(err).NotTo(HaveOccurred())
	own, err := os.ReadFile(op.keys)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.WriteFile, op.keys, own, os.FileMode(0o600))
	Expect(os.WriteFile(op.keys, content, 0o600)).To(Succeed())

	// What the scenario decides by properties is decided by them here: alice writes what is active, bob what is archived, and the
	// first as an admin. record-1 is alice's whether or not a request says that it is active, record-2 is no admin's without that.
	objects := []v1alpha1.Object{
		build.ResourceType(w.Namespace+"-record").OfType("record").Permits("read").
			Permits("write", build.String("status"), build.String("subject_role")).Permits("delete", build.Boolean("action_soft")).Obj(),
		build.User(w.Namespace, "alice-of-the-scenario").KnownAs("alice").Obj(),
		build.User(w.Namespace, "bob-of-the-scenario").KnownAs("bob").Obj(),
		w.grant("read").ToUser("alice-of-the-scenario").Grants("read").Obj(),
		w.grant("read-bob").ToUser("bob-of-the-scenario").Grants("read").Obj(),
		w.grant("first").ToUser("alice-of-the-scenario").Grants("write").OnResource("record", "record-1").Obj(),
		w.grant("soft").ToUser("alice-of-the-scenario").GrantsIf("delete", build.Equals("action_soft", "true")).Obj(),
		w.grant("active").ToUser("alice-of-the-scenario").GrantsIf("write", build.Equals("status", "active")).Obj(),
		w.grant("archived").ToUser("bob-of-the-scenario").GrantsIf("write", build.Equals("status", "archived")).Obj(),
		w.grant("admin").ToUser("bob-of-the-scenario").GrantsIf("write", build.Equals("subject_role", "admin")).OnResource("record", "record-2").Obj(),
	}
	for _, object := range objects {
		create(object)
	}
	for _, object := range objects[3:] {
		expectReason(object, v1alpha1.ReasonInForce)
	}
	return c
}

// send returns the status, the body as JSON if it is JSON, and the headers.
func (c *certified) send(method, path, contentType, body string) (int, map[string]any, http.Header) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, method, op.decisionURL+path, bytes.NewReader([]byte(body)))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Authorization", "Bearer "+suiteKey)
	request.Header.Set("Content-Type", contentType)
	if c.requestID != "" {
		request.Header.Set("X-Request-ID", c.requestID)
	}
	response, err := c.client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(c.described.Check(request, body, response, text)).To(Succeed(), "%s: %s", body, text)
	var answer map[string]any
	if response.StatusCode == http.StatusOK {
		Expect(response.Header.Get("Content-Type")).To(Equal("application/json"))
		Expect(json.Unmarshal(text, &answer)).To(Succeed())
	}
	return response.StatusCode, answer, response.Header
}

// ask expects an answer.
func (c *certified) ask(path, body string) map[string]any {
	GinkgoHelper()
	code, answer, _ := c.send(http.MethodPost, path, "application/json", body)
	Expect(code).To(Equal(http.StatusOK), body)
	return answer
}

// decides expects one decision.
func (c *certified) decides(want bool, body string) {
	GinkgoHelper()
	Expect(c.ask(evaluationPath, body)).To(HaveKeyWithValue("decision", want), body)
}

// decidesAll expects these decisions, in their order.
func (c *certified) decidesAll(body string, want ...bool) {
	GinkgoHelper()
	answer := c.ask(evaluationsPath, body)
	Expect(answer).NotTo(HaveKey("decision"))
	var got []bool
	for _, one := range answer["evaluations"].([]any) {
		got = append(got, one.(map[string]any)["decision"].(bool))
	}
	Expect(got).To(Equal(want), body)
}

// refuses expects 400.
func (c *certified) refuses(path string, bodies ...string) {
	GinkgoHelper()
	for _, body := range bodies {
		code, _, _ := c.send(http.MethodPost, path, "application/json", body)
		Expect(code).To(Equal(http.StatusBadRequest), "%s %s", path, body)
	}
}

// finds returns the results of a search: ids, or names of actions. All are of the type.
func (c *certified) finds(path, resultType, body string) (found []string) {
	GinkgoHelper()
	for _, one := range c.ask(path, body)["results"].([]any) {
		result := one.(map[string]any)
		if resultType == "" {
			found = append(found, result["name"].(string))
			continue
		}
		Expect(result["type"]).To(Equal(resultType))
		found = append(found, result["id"].(string))
	}
	return found
}

const (
	subjectSearch  = "/access/v1/search/subject"
	resourceSearch = "/access/v1/search/resource"
	actionSearch   = "/access/v1/search/action"
)

// What the scenario sends is in its words. Each part is one level.
var _ = Describe("AuthZEN's certification scenario", func() {
	var c *certified
	// with is a request of these members.
	with := func(members ...string) string { return "{" + strings.Join(members, ", ") + "}" }
	subject := func(id, properties string) string {
		return `"subject": {"type": "user", "id": "` + id + `"` + properties + `}`
	}
	action := func(name, properties string) string { return `"action": {"name": "` + name + `"` + properties + `}` }
	record := func(id, properties string) string {
		return `"resource": {"type": "record", "id": "` + id + `"` + properties + `}`
	}
	having := func(properties string) string { return `, "properties": {` + properties + `}` }
	const (
		anyUser, anyRecord = `"subject": {"type": "user"}`, `"resource": {"type": "record"}`
		moment             = `"context": {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}`
	)
	alice, bob := subject("alice", ""), subject("bob", "")
	admin := subject("bob", having(`"role": "admin"`))
	read, write := action("read", ""), action("write", "")
	first, second := record("record-1", ""), record("record-2", "")
	active, archived := record("record-1", having(`"status": "active"`)), record("record-2", having(`"status": "archived"`))

	BeforeEach(func() { c = newCertified() })

	It("[D6] Basic: single decisions, with and without properties, and what is malformed", func() {
		By("Core")
		c.decides(true, with(alice, read, first))
		c.decides(true, with(alice, write, first))
		c.decides(true, with(bob, read, first))
		c.decides(false, with(bob, write, first))
		c.decides(true, with(alice, read, first, moment))
		c.decides(true, with(subject("alice", having(`"department": "Sales", "role": "manager"`)), action("read", having(`"method": "GET"`)),
			record("record-1", having(`"status": "active", "owner": "bob"`))))
		c.decides(true, with(alice, read, first, `"foo": "bar"`, `"futureField": {"nested": true}`))
		for range 5 {
			c.decides(true, with(alice, read, first))
		}
		c.refuses(evaluationPath, with(read, first), with(alice, first), with(alice, read),
			with(`"subject": {"id": "alice"}`, read, first), with(anyUser, read, first), with(alice, `"action": {}`, first),
			with(alice, read, `"resource": {"id": "record-1"}`), with(alice, read, anyRecord),
			`{"subject": `, "", with(`"subject": "alice"`, read, first), with(alice, `"action": {"name": 123}`, first))
		code, _, _ := c.send(http.MethodPost, evaluationPath, "text/plain", with(alice, read, first))
		Expect(code).To(Equal(http.StatusBadRequest))
		c.requestID = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"
		_, _, header := c.send(http.MethodPost, evaluationPath, "application/json", with(alice, read, first))
		Expect(header.Get("X-Request-ID")).To(Equal(c.requestID))

		By("Properties")
		c.decides(false, with(alice, write, archived))
		c.decides(true, with(admin, write, archived))
		c.decides(true, with(alice, write, record("record-2", having(`"status": "active"`))))
		c.decides(false, with(alice, write, second))
		c.decides(true, with(admin, write, second))
		c.decides(false, with(bob, write, second))
		c.decides(true, with(alice, action("delete", having(`"soft": true`)), first))
		c.decides(false, with(alice, action("delete", having(`"soft": false`)), first))
		c.decides(false, with(alice, action("delete", ""), first))
	})

	It("[D6] Batch: several decisions in their order, with what they leave out from the top", func() {
		several := func(items ...string) string { return `"evaluations": [` + strings.Join(items, ", ") + `]` }
		By("Core")
		c.decidesAll(with(alice, read, several(with(first), with(second))), true, true)
		c.decidesAll(with(bob, first, several(with(read), with(write))), true, false)
		c.decidesAll(with(several(with(alice, read, first), with(bob, write, first))), true, false)
		c.decidesAll(with(alice, read, moment, several(with(first), with(second, `"context": {"time": "2025-06-27T19:00-07:00", "source": "batch-override"}`))), true, true)
		c.decidesAll(with(alice, read, `"options": {"evaluations_semantic": "execute_all"}`, several(with(first), "{}")), true, false)
		for _, body := range []string{with(alice, read, first), with(alice, read, first, several())} {
			Expect(c.ask(evaluationsPath, body)).To(And(HaveKeyWithValue("decision", true), HaveLen(2)))
		}
		By("Properties")
		c.decidesAll(with(alice, write, several(with(active), with(archived))), true, false)
		c.decidesAll(with(write, archived, several(with(alice), with(admin))), false, true)
		c.decidesAll(with(alice, write, active, several("{}", with(archived))), true, false)
	})

	It("[D6] [D7] Search: subjects, resources and actions, in pages", func() {
		By("Core")
		both := ContainElements("alice", "bob")
		Expect(c.finds(subjectSearch, "user", with(anyUser, read, first))).To(both)
		Expect(c.finds(subjectSearch, "user", with(anyUser, read, first, moment))).To(both)
		Expect(c.finds(subjectSearch, "user", with(alice, read, first))).To(both)
		Expect(c.finds(subjectSearch, "user", with(anyUser, write, first))).To(ConsistOf("alice"))
		for _, body := range []string{with(alice, read, anyRecord), with(alice, read, anyRecord, moment), with(alice, read, first), with(alice, read, second)} {
			Expect(c.finds(resourceSearch, "record", body)).To(ConsistOf("record-1"), body)
		}
		Expect(c.finds(actionSearch, "", with(alice, first))).To(ConsistOf("read", "write"))
		Expect(c.finds(actionSearch, "", with(alice, first, moment))).To(ConsistOf("read", "write"))

		answer := c.ask(subjectSearch, with(anyUser, read, first, `"page": {"limit": 1}`))
		Expect(answer["results"]).To(HaveLen(1))
		token := answer["page"].(map[string]any)["next_token"].(string)
		Expect(token).NotTo(BeEmpty())
		answer = c.ask(subjectSearch, with(anyUser, read, first, `"page": {"token": "`+token+`"}`))
		Expect(answer["results"]).To(HaveLen(1))
		Expect(answer["page"]).To(HaveKeyWithValue("next_token", ""))

		nobody, nothing := subject("nonexistent-user", ""), `"resource": {"type": "spaceship", "id": "record-1"}`
		for path, bodies := range map[string][]string{
			subjectSearch:  {with(`"subject": {"type": "spaceship"}`, read, first), with(anyUser, read, nothing), with(anyUser, action("fly", ""), first)},
			resourceSearch: {with(alice, read, `"resource": {"type": "spaceship"}`), with(nobody, read, anyRecord), with(alice, action("fly", ""), anyRecord)},
			actionSearch:   {with(nobody, first), with(alice, nothing), with(`"subject": {"type": "spaceship", "id": "alice"}`, first)},
		} {
			for _, body := range bodies {
				Expect(c.ask(path, body)["results"]).To(Equal([]any{}), "%s %s", path, body)
			}
		}
		c.refuses(subjectSearch, with(anyUser, first), with(anyUser, read, anyRecord))
		c.refuses(resourceSearch, with(read, anyRecord), with(anyUser, read, anyRecord))
		c.refuses(actionSearch, with(alice), with(anyUser, first))

		By("Properties")
		Expect(c.finds(subjectSearch, "user", with(anyUser, write, archived))).To(ConsistOf("bob"))
		Expect(c.finds(resourceSearch, "record", with(admin, write, anyRecord))).To(ConsistOf("record-2"))
		Expect(c.finds(actionSearch, "", with(admin, archived))).To(ContainElement("write"))
	})

	It("[D6] Discovery: the metadata are of the URL that is asked, and https", func() {
		code, metadata, _ := c.send(http.MethodGet, "/.well-known/authzen-configuration", "application/json", "")
		Expect(code).To(Equal(http.StatusOK))
		Expect(op.decisionURL).To(HavePrefix("https://"))
		want := map[string]any{"policy_decision_point": op.decisionURL}
		for name, path := range map[string]string{
			"access_evaluation_endpoint": evaluationPath, "access_evaluations_endpoint": evaluationsPath,
			"search_subject_endpoint": subjectSearch, "search_resource_endpoint": resourceSearch, "search_action_endpoint": actionSearch,
		} {
			want[name] = op.decisionURL + path
		}
		Expect(metadata).To(Equal(want))
	})
})
