package plugin

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// diagram writes a Mermaid flowchart. A node is known by its text.
type diagram struct {
	nodes map[string]string
	lines []string
}

func newDiagram() *diagram { return &diagram{nodes: map[string]string{}} }

// node is the id of the node with a text, which is drawn when it is first asked for.
func (d *diagram) node(text string) string {
	id, drawn := d.nodes[text]
	if !drawn {
		id = fmt.Sprintf("n%d", len(d.nodes))
		d.nodes[text] = id
		d.lines = append(d.lines, fmt.Sprintf("%s[\"%s\"]", id, mermaidText(text)))
	}
	return id
}

// edge draws an arrow, once; the label may be empty.
func (d *diagram) edge(from, to, label string) {
	line := fmt.Sprintf("%s --> %s", d.node(from), d.node(to))
	if label != "" {
		line = fmt.Sprintf("%s -->|\"%s\"| %s", d.node(from), mermaidText(label), d.node(to))
	}
	if !slices.Contains(d.lines, line) {
		d.lines = append(d.lines, line)
	}
}

func (d *diagram) write(out io.Writer) error {
	_, err := fmt.Fprintf(out, "flowchart LR\n  %s\n", strings.Join(d.lines, "\n  "))
	return err
}

// mermaidText writes what users have written so that it is text and not syntax, in Mermaid's entity codes.
func mermaidText(text string) string {
	var escaped strings.Builder
	for _, r := range plain(text) {
		switch r {
		case '"', '#', '<', '>', '&', ';', '`', '\\':
			fmt.Fprintf(&escaped, "#%d;", r)
		default:
			escaped.WriteRune(r)
		}
	}
	return escaped.String()
}

// mermaidTree draws the places, and arrows from the subjects to where they hold something.
func mermaidTree(out io.Writer, root *query.Place) error {
	d := newDiagram()
	var draw func(place *query.Place)
	draw = func(place *query.Place) {
		d.node(place.At)
		for _, holder := range place.Held {
			if !holder.InForce {
				continue
			}
			what := strings.Join(holder.Permissions, ", ")
			if holder.Role != "" {
				what = holder.Role
			}
			d.edge(objectText(holder.Subject), place.At, what)
		}
		for _, below := range place.Below {
			d.edge(place.At, below.At, "")
			draw(below)
		}
	}
	draw(root)
	return d.write(out)
}

// mermaidRoles draws arrows from each role to those that it inherits from.
func mermaidRoles(out io.Writer, roles []query.Inheritance) error {
	d := newDiagram()
	for _, role := range roles {
		d.node(role.Role)
		for _, parent := range role.Inherits {
			d.edge(role.Role, parent, "inherits")
		}
	}
	return d.write(out)
}

// mermaidAnswer draws each way from the user to the permission, over the objects that make it.
func mermaidAnswer(out io.Writer, q query.Question, answer query.Answer) error {
	d := newDiagram()
	user, goal := "User "+q.User, fmt.Sprintf("%s at %s: %s", q.Permission, q.At, strings.ToLower(string(answer.Verdict)))
	d.node(user)
	d.node(goal)
	for _, way := range answer.Ways {
		from := user
		for _, object := range slices.Backward(way.Via) {
			d.edge(from, objectText(object), "")
			from = objectText(object)
		}
		d.edge(from, goal, conditionsText(way.Conditions))
	}
	return d.write(out)
}

func objectText(object query.Object) string { return object.Kind + " " + object.Name }
