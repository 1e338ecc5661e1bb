// Package docs tests the documentation: that its links lead somewhere, and that its blocks do what it says.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// top is the top directory of the repository.
const top = "../.."

// page is what a file of Markdown has in it.
type page struct {
	// path is that from the top directory.
	path string
	// links are the destinations as they are written, anchors those of its headings.
	links []string
	// code are the links to files of Go: what is named, by the file.
	code    []codeLink
	anchors map[string]bool
	blocks  []block
}

// codeLink is a function, or a method as Type.Name, and the file that it is said to be in.
type codeLink struct{ name, file string }

// block is a fenced block of code.
type block struct {
	line int
	// language is the first word after the fence, mark what follows it.
	language, mark string
	text           string
	// isOutput: it stands right behind a block of commands.
	isOutput bool
}

// pages are all pages of the documentation.
func pages(t *testing.T) map[string]page {
	t.Helper()
	found := map[string]page{}
	add := func(path string) error {
		source, err := os.ReadFile(filepath.Join(top, path))
		if err == nil {
			found[path] = readPage(path, source)
		}
		return err
	}
	for _, path := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		if err := add(path); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(filepath.Join(top, "docs"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// The dependencies of an example have documentation of their own.
		if entry.IsDir() && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		relative, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		return add(relative)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func readPage(path string, source []byte) page {
	read := page{path: path, anchors: map[string]bool{}}
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(root, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.Link:
			read.links = append(read.links, string(node.Destination))
			if span, is := node.FirstChild().(*ast.CodeSpan); is && strings.HasSuffix(string(node.Destination), ".go") {
				if name := words(span, source); !strings.Contains(name, "/") { // a file that is named by its path is none
					read.code = append(read.code, codeLink{name, string(node.Destination)})
				}
			}
		case *ast.Image:
			read.links = append(read.links, string(node.Destination))
		case *ast.Heading:
			read.addAnchor(words(node, source))
		case *ast.FencedCodeBlock:
			language, mark, _ := strings.Cut(info(node, source), " ")
			read.blocks = append(read.blocks, block{
				line: strings.Count(string(source[:start(node)]), "\n"), language: language, mark: mark,
				text: string(node.Lines().Value(source)), isOutput: isCommands(node.PreviousSibling(), source),
			})
		}
		return ast.WalkContinue, nil
	})
	return read
}

// isCommands tells a block of commands that are run.
func isCommands(node ast.Node, source []byte) bool {
	block, ok := node.(*ast.FencedCodeBlock)
	return ok && info(block, source) == "sh"
}

func info(node *ast.FencedCodeBlock, source []byte) string {
	if node.Info == nil {
		return ""
	}
	return string(node.Info.Segment.Value(source))
}

// start is where the text of a block begins. An empty one has no place of its own.
func start(node *ast.FencedCodeBlock) int {
	if node.Lines().Len() == 0 {
		return 0
	}
	return node.Lines().At(0).Start
}

// words are the text of a heading, without what makes it look as it does.
func words(node ast.Node, source []byte) string {
	var text strings.Builder
	_ = ast.Walk(node, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if leaf, ok := node.(*ast.Text); ok && entering {
			text.Write(leaf.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return text.String()
}

// addAnchor adds the anchor that GitHub gives a heading: in lower case, with a dash for each blank, without
// punctuation, and numbered where a page has several of them.
func (p *page) addAnchor(heading string) {
	anchor := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
	unique := anchor
	for n := 1; p.anchors[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", anchor, n)
	}
	p.anchors[unique] = true
}
