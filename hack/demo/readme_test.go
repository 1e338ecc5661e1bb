package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	heading = regexp.MustCompile(`^\d+\. `)
	answer  = regexp.MustCompile(`^    -> (?:allowed|denied): (.+)$`)
	asked   = regexp.MustCompile(`^  ([A-Z].+\?)$`)
)

// What README.md shows of `make demo` is what it says.
func TestTheReadmeShowsTheDemo(t *testing.T) {
	readme := read(t, "../../README.md")
	_, rest, _ := strings.Cut(readme, "From `make demo`")
	_, rest, _ = strings.Cut(rest, "```text\n")
	shown, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("README.md shows nothing of the demo")
	}
	source := read(t, "steps.go")
	var told strings.Builder
	for n, step := range steps {
		fmt.Fprintf(&told, "\n%d. %s\n%s\n\n", n+1, step.title, paragraph(step.words))
	}
	headings := 0
	for section := range strings.SplitSeq("\n"+shown, "\n\n") {
		section = strings.TrimPrefix(section, "\n")
		if heading.MatchString(section) {
			headings++
			if !strings.Contains(told.String(), "\n"+section+"\n\n") {
				t.Errorf("the demo does not say\n%s", section)
			}
			continue
		}
		for line := range strings.Lines(section) {
			for _, form := range []*regexp.Regexp{answer, asked} {
				if words := form.FindStringSubmatch(strings.TrimSuffix(line, "\n")); words != nil && !strings.Contains(source, fmt.Sprintf("%q", words[1])) {
					t.Errorf("the demo does not say %q", words[1])
				}
			}
		}
	}
	if headings == 0 {
		t.Error("README.md shows no step of the demo")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
