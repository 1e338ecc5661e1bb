package docs

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := pages(t)
	links := 0
	for _, page := range all {
		for _, link := range page.links {
			links++
			if err := follow(all, page, link); err != nil {
				t.Errorf("%s: %v", page.path, err)
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

func TestEveryPageIsInTheIndex(t *testing.T) {
	all := pages(t)
	reached := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if reached[path] {
			return
		}
		reached[path] = true
		for _, link := range all[path].links {
			target, _, _ := strings.Cut(link, "#")
			visit(filepath.Join(filepath.Dir(path), target))
		}
	}
	visit("docs/README.md")
	for path := range all {
		if !reached[path] {
			t.Errorf("no link leads from docs/README.md to %s", path)
		}
	}
}

func TestALinkThatLeadsNowhereIsFound(t *testing.T) {
	here := readPage("docs/here.md", []byte("# One\n## `Two`, and *three*!\n## One\n"))
	all := map[string]page{"docs/here.md": here}
	for link, want := range map[string]string{
		"#one":                  "",
		"#one-1":                "",
		"#two-and-three":        "",
		"here.md#one":           "",
		"../README.md":          "",
		"../config/samples":     "",
		"https://example.com/#": "",
		"#four":                 "no heading",
		"here.md#four":          "no heading",
		"gone.md":               "no such file",
		"../README.md#one":      "not a page",
		"/docs/kinds/role.md":   "relative",
		"../../README.md":       "leaves the repository",
		"http://example.com":    "https",
	} {
		err := follow(all, here, link)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", link, err, want)
		}
	}
}

// follow says what is wrong with a link. Those to other places are not fetched.
func follow(all map[string]page, from page, link string) error {
	target, err := url.Parse(link)
	if err != nil {
		return err
	}
	switch {
	case target.Scheme == "https":
		return nil
	case target.Scheme != "":
		return fmt.Errorf("%s: write https", link)
	case strings.HasPrefix(target.Path, "/"):
		return fmt.Errorf("%s: a link must be relative, so that it works in every copy", link)
	}
	path := from.path
	if target.Path != "" {
		path = filepath.Join(filepath.Dir(from.path), target.Path)
	}
	if slices.Contains(strings.Split(path, "/"), "..") {
		return fmt.Errorf("%s leaves the repository", link)
	}
	page, known := all[path]
	if !known {
		if _, err := os.Stat(filepath.Join(top, path)); err != nil {
			return errors.Join(fmt.Errorf("%s: no such file", link), err)
		}
		if target.Fragment != "" {
			return fmt.Errorf("%s is not a page that has headings", link)
		}
		return nil
	}
	if target.Fragment != "" && !page.anchors[target.Fragment] {
		return fmt.Errorf("%s: no heading has this anchor", link)
	}
	return nil
}
