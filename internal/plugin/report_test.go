package plugin

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

var at = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func printing(output string) (*plugin, *bytes.Buffer) {
	var out bytes.Buffer
	return &plugin{
		Options: Options{Clock: clocktesting.NewFakePassiveClock(at), Streams: genericiooptions.IOStreams{Out: &out, ErrOut: &bytes.Buffer{}}},
		output:  output,
	}, &out
}

// evil is what a user may be able to write into a resource's id.
const evil = "acme/doc/</td><script>alert(1)</script>|`\"=1\n| x |"

func reviewed() []review {
	end := metav1.NewTime(at.Add(time.Hour))
	return []review{{Organization: "acme", At: at, Without: []string{"bob"}, Unread: []string{"Role"}, Holds: []query.Holding{
		{User: "alice", Permission: "View", At: evil, Via: []query.Object{{Kind: "PermissionGrant", Name: "a"}}, Until: &end, Confirmed: true},
		{User: "=cmd()", Permission: "View", At: "acme", Via: []query.Object{{Kind: "PermissionGrant", Name: "b"}}},
	}}}
}

func TestAReviewAsCSVIsReadBackAndIsNoFormula(t *testing.T) {
	p, out := printing(outputCSV)
	if err := p.printReviews(reviewed()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[0][1] != "User" || rows[1][3] != evil || rows[1][7] != "2030-01-01T13:00:00Z" {
		t.Errorf("got %q", rows)
	}
	if rows[2][1] != "'=cmd()" {
		t.Errorf("a spreadsheet would compute %q", rows[2][1])
	}
}

func TestAReviewAsAPageShowsNamesAsText(t *testing.T) {
	p, out := printing(outputHTML)
	if err := p.printReviews(reviewed()); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	if strings.Contains(page, "<script>alert") || !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("a name of a resource is markup in the page")
	}
	for _, want := range []string{
		"script-src &#39;sha256-" + strings.ReplaceAll(digest(reportScript), "+", "&#43;"), "default-src &#39;none&#39;",
		"<script>" + reportScript + "</script>", "<style>" + reportStyle + "</style>",
		"This review is not complete: its author may not read Role.", "Users who hold nothing: bob.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestAReviewAsMarkdownKeepsItsCells(t *testing.T) {
	p, out := printing(outputMarkdown)
	if err := p.printReviews(reviewed()); err != nil {
		t.Fatal(err)
	}
	var rows int
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "| ") {
			rows++
			if got := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); got != len(reviewColumns)+1 {
				t.Errorf("%d cells in %q", got-1, line)
			}
		}
	}
	if rows != 4 || strings.Contains(out.String(), "<script>") {
		t.Errorf("got %s", out.String())
	}
}

func TestATreeIsDrawnWithWhatIsNotInForce(t *testing.T) {
	p, out := printing(outputTable)
	root := &query.Place{At: "acme", Held: []query.Holder{{
		Subject: query.Object{Kind: "User", Name: "alice"}, Role: "admin", By: query.Object{Kind: "RoleAssignment", Name: "a"}, InForce: true,
	}}, Below: []*query.Place{{At: "acme/prod", Below: []*query.Place{{At: "acme/prod/vision", Held: []query.Holder{{
		Subject: query.Object{Kind: "Group", Name: "devs"}, Permissions: []string{"View"}, By: query.Object{Kind: "PermissionGrant", Name: "b"}, Reason: "GroupNotFound",
	}}}}}}}
	if err := p.printTree(root); err != nil {
		t.Fatal(err)
	}
	want := `acme
├─ User alice: Role admin, by RoleAssignment a
└─ prod
   └─ vision
      └─ Group devs: View, by PermissionGrant b (not in force: GroupNotFound)
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}

	p, out = printing(outputMermaid)
	if err := p.printTree(root); err != nil {
		t.Fatal(err)
	}
	want = `flowchart LR
  n0["acme"]
  n1["User alice"]
  n1 -->|"admin"| n0
  n2["acme/prod"]
  n0 --> n2
  n3["acme/prod/vision"]
  n2 --> n3
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

func TestNoNameIsSyntaxInADiagram(t *testing.T) {
	var out bytes.Buffer
	if err := mermaidRoles(&out, []query.Inheritance{{Role: "a\"]\n  click n0 href \"javascript:alert(1)\"", Inherits: []string{"b"}}}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(strings.TrimSpace(line), "click") {
			t.Errorf("a name has become a statement:\n%s", out.String())
		}
	}
	if strings.Count(out.String(), `"`) != 6 {
		t.Errorf("a quotation mark has got out:\n%s", out.String())
	}
}

func TestAnExplanationIsDrawnFromTheUserToThePermission(t *testing.T) {
	var out bytes.Buffer
	q := query.Question{User: "alice", Permission: "View"}
	q.At.Organization = "acme"
	err := mermaidAnswer(&out, q, query.Answer{Verdict: query.Yes, Ways: []query.Way{{At: "acme", Via: []query.Object{{Kind: "RoleAssignment", Name: "a"}, {Kind: "Role", Name: "admin"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`flowchart LR`, `  n0["User alice"]`, `  n1["View at acme: yes"]`, `  n2["Role admin"]`, `  n0 --> n2`,
		`  n3["RoleAssignment a"]`, `  n2 --> n3`, `  n3 --> n1`, ``,
	}, "\n")
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

func TestPeopleAreToldWhatTheyWaitForOnceTheyDo(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "after a while": 2 * slow} {
		synctest.Test(t, func(t *testing.T) {
			var told bytes.Buffer
			done := (&plugin{Options: Options{Progress: &told}}).sayWhenSlow("Reading acme ...")
			<-time.After(wait)
			done()
			if got := told.Len() > 0; got != (wait > slow) {
				t.Errorf("%s: told %q", name, told.String())
			}
		})
	}
}
