package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reason is a constant of the API, with its doc comment.
type reason struct {
	name, meaning string
}

// remedy is what the page of a kind says about a reason.
type remedy struct {
	kind string
	// entry tells the outcome of one entry of status.permissions from that of the whole object.
	entry               bool
	ready, meaning, act string
}

// reasonsPage has every reason of the API with what each kind's page says about it. A reason that no
// page has a remedy for is an error, and so is one that the API does not have.
func reasonsPage(root string, kinds []string) (string, error) {
	reasons, err := readReasons(filepath.Join(root, "api/v1alpha1/status.go"))
	if err != nil {
		return "", err
	}
	remedies := map[string][]remedy{}
	for _, kind := range kinds {
		path := filepath.Join(root, "docs/kinds", strings.ToLower(kind)+".md")
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		for name, found := range readRemedies(kind, string(text)) {
			remedies[name] = append(remedies[name], found...)
		}
	}
	if err := compare(reasons, remedies); err != nil {
		return "", err
	}

	slices.SortFunc(reasons, func(a, b reason) int { return strings.Compare(a.name, b.name) })
	var page strings.Builder
	page.WriteString("# Reasons\n\n" + notice + "\n")
	page.WriteString("Every reason that the status of an object can give, on `Ready` or, for one entry of it, in `status.permissions`, and what to do about it. `kubectl get` shows the reason, the condition's message says more: `kubectl describe`.\n\n")
	page.WriteString("`Reconciling` waits for something that can come by itself; `Stalled` needs an edit.\n")
	for _, reason := range reasons {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n\n", reason.name, reason.meaning)
		page.WriteString("| on | Ready | meaning | what to do |\n|---|---|---|---|\n")
		for _, remedy := range remedies[reason.name] {
			on := fmt.Sprintf("[%s](../kinds/%s.md)", remedy.kind, strings.ToLower(remedy.kind))
			if remedy.entry {
				on += ", an entry"
			}
			fmt.Fprintf(&page, "| %s | %s | %s | %s |\n", on, remedy.ready, remedy.meaning, remedy.act)
		}
	}
	return page.String(), nil
}

func compare(reasons []reason, remedies map[string][]remedy) error {
	known := map[string]bool{}
	for _, reason := range reasons {
		known[reason.name] = true
		if len(remedies[reason.name]) == 0 {
			return fmt.Errorf("no page in docs/kinds says what to do about the reason %s", reason.name)
		}
		for _, remedy := range remedies[reason.name] {
			if remedy.act == "" {
				return fmt.Errorf("the page of %s does not say what to do about the reason %s", remedy.kind, reason.name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(remedies)) {
		if !known[name] {
			return fmt.Errorf("the page of %s has a reason %s, which the API does not have", remedies[name][0].kind, name)
		}
	}
	return nil
}

// readReasons finds the constants whose names begin with Reason.
func readReasons(path string) ([]reason, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var reasons []reason
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			constant := spec.(*ast.ValueSpec)
			identifier := constant.Names[0].Name
			if !strings.HasPrefix(identifier, "Reason") {
				continue
			}
			name, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				return nil, err
			}
			meaning, documented := strings.CutPrefix(oneLine(constant.Doc.Text()), identifier+": ")
			if !documented {
				return nil, fmt.Errorf("%s: the comment of %s does not begin with its name and a colon", path, identifier)
			}
			reasons = append(reasons, reason{name: name, meaning: strings.ToUpper(meaning[:1]) + meaning[1:]})
		}
	}
	return reasons, nil
}

var (
	// A table of Markdown: its header, the line below, its rows.
	table = regexp.MustCompile(`(?m)^(\|.*\|)\n\|[-|]+\|\n((?:\|.*\|\n)+)`)
	// A link to a page beside this one, or to a heading of the same page.
	nearLink = regexp.MustCompile(`\]\(([a-z]*\.md)?(#[^)]*)?\)`)
	// A | that ends a cell.
	cellEnd = regexp.MustCompile(`\s+\|\s*`)
)

// readRemedies finds, on the page of a kind, the tables whose first column is of reasons.
func readRemedies(kind, page string) map[string][]remedy {
	remedies := map[string][]remedy{}
	for _, match := range table.FindAllStringSubmatch(page, -1) {
		header := cells(match[1])
		if header[0] != "reason" {
			continue
		}
		for line := range strings.Lines(match[2]) {
			row := map[string]string{}
			for i, text := range cells(line) {
				row[header[i]] = nearLink.ReplaceAllStringFunc(text, func(link string) string { return fromReference(kind, link) })
			}
			_, whole := row["Ready"]
			name := strings.Trim(row["reason"], "`")
			remedies[name] = append(remedies[name], remedy{kind: kind, entry: !whole, ready: row["Ready"], meaning: row["meaning"], act: row["what to do"]})
		}
	}
	return remedies
}

func cells(line string) []string {
	return cellEnd.Split(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "| "), " |"), -1)
}

// fromReference makes a link on the page of a kind one from docs/reference.
func fromReference(kind, link string) string {
	parts := nearLink.FindStringSubmatch(link)
	page := parts[1]
	if page == "" {
		page = strings.ToLower(kind) + ".md"
	}
	return "](../kinds/" + page + parts[2] + ")"
}
