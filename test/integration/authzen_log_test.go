package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The log of decisions", Label(slow), func() {
	// The operator is a program of its own, so that standard output and standard error are two streams.
	It("[D9] is the whole of standard output, names what gave a decision, and has no key and no value; subjects can be pseudonyms", func() {
		w := newWorld()
		granted := w.grant("red").ToUser("alice").GrantsIf(w.Edit, build.Equals("color", "red")).InWorkspace("prod").Obj()
		create(granted)
		expectReason(granted, v1alpha1.ReasonInForce)
		directory := GinkgoT().TempDir()
		stream, diagnostics, pseudonymKey := filepath.Join(directory, "out"), filepath.Join(directory, "err"), filepath.Join(directory, "key")
		const shop, value, material = "the-key-of-a-shop-0123456789abcdefghijk", "a-value-that-is-nobodys-business", "the-key-of-pseudonyms-0123456789abcdef"
		op.admits(shop, w.Namespace)
		// The shell has the operator's command line as its arguments.
		begin := programIn(newStorage(), "/bin/sh", "-c", fmt.Sprintf(
			`[ ! -e %[3]s ] || set -- "$@" --decision-log-pseudonym-key-file=%[3]s; exec "$@" --decision-log >>%[1]s 2>>%[2]s`, stream, diagnostics, pseudonymKey), "sh")
		start := func() (stop func()) {
			GinkgoHelper()
			process := begin()
			Eventually(op.synced).Should(Succeed())
			return func() {
				GinkgoHelper()
				Expect(process.Stop()).To(Succeed())
			}
		}
		asked := map[string]any{
			"subject": w.asks("alice"), "action": entity{"name": w.Edit}, "context": map[string]any{"note": value},
			"resource": w.thing("7", map[string]any{"workspace": "prod"}, map[string]any{"color": "red", "note": value}),
		}
		lines := func() (entries []map[string]any) {
			GinkgoHelper()
			text, err := os.ReadFile(stream)
			Expect(err).NotTo(HaveOccurred())
			for line := range strings.Lines(string(text)) {
				var entry map[string]any
				Expect(json.Unmarshal([]byte(line), &entry)).To(Succeed(), "nothing else is on that stream: %s", line)
				if entry["caller"] != "suite" { // which asks until the operator is ready
					entries = append(entries, entry)
				}
			}
			return entries
		}

		stop := start()
		code, text, err := op.authZEN(shop, evaluationPath, asked)
		Expect(err).NotTo(HaveOccurred())
		Expect(code).To(Equal(200))
		var answer struct {
			Decision bool              `json:"decision"`
			Context  map[string]string `json:"context"`
		}
		Expect(json.Unmarshal(text, &answer)).To(Succeed())
		Expect(answer.Decision).To(BeTrue())
		asked["subject"] = w.asks("bob")
		Expect(answersTo(shop, evaluationPath, asked)).To(beAnswer(no))
		asked["context"] = value
		Expect(answersTo(shop, evaluationPath, asked)).To(beMalformed("context is not an object"))
		Expect(answersTo(shop+"-wrong", evaluationPath, asked)).To(HavePrefix("401 "))
		asked["context"], asked["subject"] = map[string]any{"note": value}, map[string]any{"type": "user"}
		Expect(answersTo(shop, "/access/v1/search/subject", asked)).To(HavePrefix("200 "))
		Eventually(lines).Should(HaveLen(5))
		entries := lines()
		Expect(entries[0]).To(And(
			HaveKeyWithValue("kind", "evaluation"), HaveKeyWithValue("result", "allowed"), HaveKeyWithValue("caller", "shop"),
			HaveKeyWithValue("decisionID", answer.Context["decision_id"]), HaveKeyWithValue("subject", w.subject("alice")), HaveKeyWithValue("permission", w.Edit),
			HaveKeyWithValue("by", []any{"PermissionGrant " + w.Namespace + "/red"}),
		))
		Expect(entries[1]).To(And(HaveKeyWithValue("result", "denied"), HaveKeyWithValue("subject", w.subject("bob")), Not(HaveKey("by"))))
		Expect(entries[2]).To(And(HaveKeyWithValue("kind", "unanswered"), HaveKeyWithValue("code", 400.0)))
		Expect(entries[3]).To(And(HaveKeyWithValue("kind", "unanswered"), HaveKeyWithValue("code", 401.0), Not(HaveKey("caller"))))
		Expect(entries[4]).To(And(HaveKeyWithValue("kind", "search"), HaveKeyWithValue("results", 1.0)))

		stop()
		Expect(os.WriteFile(pseudonymKey, []byte(material), 0o600)).To(Succeed())
		stop = start()
		asked["subject"] = w.asks("alice")
		for range 2 {
			Expect(answersTo(shop, evaluationPath, asked)).To(beAnswer(yes))
		}
		asked["subject"] = w.asks("bob")
		Expect(answersTo(shop, evaluationPath, asked)).To(beAnswer(no))
		Eventually(lines).Should(HaveLen(8))
		pseudonyms := lines()[5:]
		Expect(pseudonyms[0]["subject"]).To(And(HavePrefix("pseudonym:"), Equal(pseudonyms[1]["subject"])))
		Expect(pseudonyms[2]["subject"]).To(And(HavePrefix("pseudonym:"), Not(Equal(pseudonyms[0]["subject"]))))
		stop()

		all, err := os.ReadFile(stream)
		Expect(err).NotTo(HaveOccurred())
		own, err := os.ReadFile(diagnostics)
		Expect(err).NotTo(HaveOccurred())
		Expect(own).NotTo(BeEmpty(), "the operator's own log")
		for _, never := range []string{shop, material, value} {
			Expect(string(all)).NotTo(ContainSubstring(never))
			Expect(string(own)).NotTo(ContainSubstring(never))
		}
		_, since, _ := strings.Cut(string(all), "pseudonym:")
		Expect(since).NotTo(Or(ContainSubstring(w.subject("alice")), ContainSubstring(w.subject("bob"))))
	})
})
