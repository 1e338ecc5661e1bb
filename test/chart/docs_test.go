package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
)

func TestHelmFindsNothingWrong(t *testing.T) {
	g := NewWithT(t)
	lint := action.NewLint()
	lint.Strict = true
	result := lint.Run([]string{chartPath}, nil)
	g.Expect(result.Errors).To(BeEmpty())
	for _, message := range result.Messages {
		g.Expect(message.Severity).To(BeNumerically("<", support.WarningSev), message.Error())
	}
	g.Expect(lint.Run([]string{chartPath}, map[string]any{"store": "embedded"}).Errors).NotTo(BeEmpty())
}

func TestEveryValueIsInTheSchemaAndInTheDocs(t *testing.T) {
	g := NewWithT(t)
	chart := load(g)
	var schema map[string]any
	g.Expect(json.Unmarshal(chart.Schema, &schema)).To(Succeed())
	defaults := map[string]string{}
	flatten(g, "", chart.Values, schema, defaults)

	docs, err := os.ReadFile(root + "/docs/install.md")
	g.Expect(err).NotTo(HaveOccurred())
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\| (?:`([^`]*)`)? ?\\| [^ ].* \\|$").FindAllSubmatch(docs, -1) {
		documented[string(row[1])] = string(row[2])
	}
	g.Expect(documented).To(Equal(defaults), "the rows of the table are | `value` | `default` | what it is |")
}

// flatten says of each value by its path what its default is. The schema has the same names, but for what
// may stand in a value that is empty.
func flatten(g Gomega, path string, value any, schema map[string]any, into map[string]string) {
	properties, _ := schema["properties"].(map[string]any)
	members, _ := value.(map[string]any)
	if len(members) == 0 || properties == nil {
		text := fmt.Sprint(value)
		if _, scalar := value.(string); !scalar {
			encoded, err := json.Marshal(value)
			g.Expect(err).NotTo(HaveOccurred())
			text = string(encoded)
		}
		if text == "{}" || text == "[]" {
			text = ""
		}
		into[strings.TrimPrefix(path, ".")] = text
		return
	}
	named := slices.DeleteFunc(keys(properties), func(name string) bool { return name == "global" })
	g.Expect(keys(members)).To(Equal(named), path)
	for name, member := range members {
		flatten(g, path+"."+name, member, properties[name].(map[string]any), into)
	}
}

func TestTheNotesSayWhatToDoNext(t *testing.T) {
	for _, c := range []struct {
		name, set string
		says      []string
		not       []string
	}{
		{"with the embedded store", ``, []string{
			"kubectl label namespace access pod-security.kubernetes.io/enforce=restricted",
			"kubectl rollout status deployment/bailiwick -n access",
			"--clusterrole=bailiwick-caller", "kubectl get configmap bailiwick-endpoints -n access",
		}, []string{"create secret", "bailiwick.dev/metrics"}},
		{"with an external store", external + "    tls: {caSecret: authority}\n", []string{
			"kubectl create secret generic bailiwick-openfga --from-file=key=openfga.key -n access",
			"kubectl create secret generic authority --from-file=ca.crt -n access",
			"--clusterrole=bailiwick-caller",
		}, []string{"keys.yaml"}},
		{"with keys, a certificate and a network policy", `{decisions: {keysSecret: bailiwick-keys, tlsSecret: bailiwick-tls}, networkPolicy: {enabled: true}}`, []string{
			"kubectl create secret generic bailiwick-keys --from-file=keys.yaml -n access",
			"kubectl create secret tls bailiwick-tls --cert=tls.crt --key=tls.key -n access",
			"bailiwick.dev/decisions=allowed",
		}, []string{"openfga"}},
		{"with SCIM", `scim: {enabled: true, keysSecret: senders}`, []string{
			"kubectl create secret tls bailiwick-scim-tls --cert=tls.crt --key=tls.key -n access",
			"kubectl create secret generic senders --from-file=keys.yaml -n access",
		}, []string{"bailiwick-keys"}},
		{"with an events sink", `events: {sinkURL: "https://events.example", caSecret: authority, tokenSecret: sink}`, []string{
			"kubectl create secret generic authority --from-file=ca.crt -n access",
			"kubectl create secret generic sink --from-file=token -n access",
		}, []string{"bailiwick-keys"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			it, err := render(g, load(g), "access", c.set)
			g.Expect(err).NotTo(HaveOccurred())
			for _, text := range c.says {
				g.Expect(it.Info.Notes).To(ContainSubstring(text))
			}
			for _, text := range c.not {
				g.Expect(it.Info.Notes).NotTo(ContainSubstring(text))
			}
		})
	}
}

func keys[V any](in map[string]V) []string { return slices.Sorted(maps.Keys(in)) }
