package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testLink is a link to a test, by words of its name.
var testLink = regexp.MustCompile(`\[([^\]]+)\]\(\.\./((?:test|internal)/[^)]+_test\.go)\)`)

// [F1] The table of what an installation may miss names tests that there are.
func TestTheTestsOfFaultsAreThere(t *testing.T) {
	page := filepath.Join(top, "docs/faults.md")
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(content)) {
		for _, link := range testLink.FindAllStringSubmatch(line, -1) {
			found++
			tests, err := os.ReadFile(filepath.Join(top, link[2]))
			if err != nil {
				t.Errorf("%s: %v", link[1], err)
			} else if !strings.Contains(string(tests), link[1]) || !strings.Contains(string(tests), "[F1]") {
				t.Errorf("%s has no test of row F1 with the words %q", link[2], link[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d tests were found", found)
	}
}
