package docs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// notRun begins the mark of a block that is not run, and says why.
const notRun = "not run: "

// step is something of a page that is run.
type step struct {
	line    int
	command string
	// shown is what the page says that it prints, if it does.
	shown *string
	// mayFail: the page shows what it prints, which says enough.
	mayFail bool
}

// stepsOf makes steps of the blocks of a page: commands, transcripts, and objects. A block of text or JSON
// right behind one of commands is what they print.
func stepsOf(p page) ([]step, error) {
	var steps []step
	for _, block := range p.blocks {
		if strings.HasPrefix(block.mark, notRun) {
			continue
		}
		var found []step
		var err error
		switch block.language {
		case "sh":
			found = []step{{line: block.line, command: block.text}}
		case "console":
			found, err = transcript(block)
		case "yaml":
			found, err = object(block)
		case "text", "json":
			if block.isOutput {
				steps[len(steps)-1].shown = &block.text
			}
		default:
			if block.mark != "" {
				err = fmt.Errorf("line %d: a block of %q has no mark", block.line, block.language)
			}
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, found...)
	}
	return steps, nil
}

// transcript makes a step of each command behind a dollar, with what stands below it.
func transcript(block block) ([]step, error) {
	var steps []step
	for line := range strings.Lines(block.text) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case isCommand:
			steps = append(steps, step{line: block.line, command: command, shown: new(string), mayFail: true})
		case len(steps) == 0:
			return nil, fmt.Errorf("line %d: a console begins with a command behind `$ `", block.line)
		default:
			*steps[len(steps)-1].shown += line
		}
	}
	for i := range steps {
		// Where nothing is shown, nothing is promised but that it works.
		if strings.TrimSpace(*steps[i].shown) == "" {
			steps[i].shown, steps[i].mayFail = nil, false
		}
	}
	return steps, nil
}

// object makes a step of each object in a block. Ours must become Ready, unless the mark says what they are.
func object(block block) ([]step, error) {
	var steps []step
	for document := range strings.SplitSeq(block.text, "\n---\n") {
		read := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &read.Object); err != nil {
			return nil, fmt.Errorf("line %d: %w", block.line, err)
		}
		if read.GetKind() == "" {
			return nil, fmt.Errorf("line %d: this is no object: mark it as `%s` and why", block.line, notRun)
		}
		expected := ""
		if read.GroupVersionKind().Group == v1alpha1.GroupVersion.Group {
			expected = "status=True"
		}
		verb := "accept"
		switch reason, marked := strings.CutPrefix(block.mark, "reason="); {
		case marked:
			expected = "reason=" + reason
		case block.mark == "refused":
			verb = "refuse"
		case block.mark != "":
			return nil, fmt.Errorf("line %d: the mark %q is none", block.line, block.mark)
		}
		steps = append(steps, step{
			line:    block.line,
			command: fmt.Sprintf("cat >\"$outputs/object\" <<'END OF OBJECT'\n%s\nEND OF OBJECT\n%s \"$outputs/object\" '%s' >\"$outputs/answer\" 2>&1 || { cat \"$outputs/answer\"; exit 1; }", document, verb, expected),
		})
	}
	return steps, nil
}

// TestWhatIsNotRunSaysWhy: a block runs, unless its mark says why not. Those that don't are listed with -v.
func TestWhatIsNotRunSaysWhy(t *testing.T) {
	left, all := 0, 0
	for path, page := range pages(t) {
		for _, block := range page.blocks {
			if !slices.Contains([]string{"sh", "console", "yaml"}, block.language) {
				continue
			}
			all++
			why, marked := strings.CutPrefix(block.mark, strings.TrimSpace(notRun))
			if !marked {
				continue
			}
			left++
			t.Logf("%s: line %d:%s", path, block.line, why)
			if len(strings.Fields(why)) < 3 {
				t.Errorf("%s: line %d: it does not say why it is not run", path, block.line)
			}
		}
	}
	if left > all/2 {
		t.Errorf("%d of %d blocks are not run: these are too many", left, all)
	}
}

func TestStepsSayWhatIsExpected(t *testing.T) {
	p := readPage("here.md", []byte(strings.Join([]string{
		"```sh", "one", "```", "```text", "output", "```", "",
		"```console", "$ two", "shown", "$ three", "", "```",
		"```json", "{}", "```",
		"```sh not run: there is none", "four", "```",
		"```yaml reason=Pending", "kind: One", "---", "kind: Two", "```",
		"```yaml refused", "kind: Three", "```", "",
	}, "\n")))
	steps, err := stepsOf(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 6 {
		t.Fatalf("got %d steps: %+v", len(steps), steps)
	}
	if steps[0].shown == nil || *steps[0].shown != "output\n" || steps[0].mayFail {
		t.Errorf("got %+v", steps[0])
	}
	if steps[1].shown == nil || *steps[1].shown != "shown\n" || !steps[1].mayFail {
		t.Errorf("got %+v", steps[1])
	}
	if steps[2].shown != nil || steps[2].mayFail {
		t.Errorf("got %+v", steps[2])
	}
	if !strings.Contains(steps[4].command, "accept") || !strings.Contains(steps[4].command, "reason=Pending") || !strings.Contains(steps[5].command, "refuse ") {
		t.Errorf("got %+v", steps[4:])
	}
	for _, wrong := range []string{"```console\nno command\n```\n", "```yaml\n- a list\n```\n", "```yaml\na: map\n```\n", "```yaml fine\nkind: X\n```\n", "```go skip\nx\n```\n"} {
		if _, err := stepsOf(readPage("here.md", []byte(wrong))); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestWhatIsPrintedIsComparedWithWhatIsShown(t *testing.T) {
	for _, c := range []struct {
		shown, printed string
		want           bool
	}{
		{"a  b\n", "a b\n", true},
		{"a\n", "a\nb\n", false},
		{"a\nb\n", "a\n", false},
		{"a\n[...]\nc\n", "a\nb\nx\nc\n", true},
		{"a\n[...]\nc\n", "a\nc\n", true},
		{"a\n[...]\nc\n", "a\nb\n", false},
		{"a [...] c\n", "a b x c\n", true},
		{"a [...] c\n", "a b\nx c\n", false},
		{"at 2026-11-22T07:42:41Z (5s ago)\n", "at 2030-01-01T00:00:00Z (1d3h ago)\n", true},
		{"yes\n", "no\n", false},
		{"a.c\n", "abc\n", false},
	} {
		if got := matches(c.shown, c.printed); got != c.want {
			t.Errorf("%q and %q: got %t", c.shown, c.printed, got)
		}
	}
}
