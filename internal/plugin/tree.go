package plugin

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// branch is a line of a tree, and what hangs below it.
type branch struct {
	text  string
	below []branch
}

func (p *plugin) treeCommand() *cobra.Command {
	var roles bool
	command := &cobra.Command{
		Use:   "tree",
		Short: "The organization's places, and who holds what at each",
		Long: `The organization's workspaces, projects and resources as a tree, and what objects give at each place, whether it is
in force or not. With --roles, the roles and what they inherit from.`,
		Example: `  # Who holds what, and where?
  kubectl authz tree

  # A picture of the roles for a page
  kubectl authz tree --roles -o mermaid`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, w, err := p.look(command.Context())
			if err != nil {
				return err
			}
			if roles {
				err = p.printRoles(w.Roles())
			} else {
				err = p.printTree(w.Tree())
			}
			return errors.Join(err, errMissing(w), c.notRead(w.Unread(), "so this may not be all"), errBehind(w.Behind()))
		},
	}
	command.Flags().BoolVar(&roles, "roles", false, "the roles and what they inherit from, instead of the places")
	alsoPrints(command, outputMermaid)
	return command
}

func (p *plugin) printTree(root *query.Place) error {
	if p.output == outputMermaid {
		return mermaidTree(p.Streams.Out, root)
	}
	return p.print(root, func(out io.Writer) error { return printBranch(out, p.branchOf(root, root.At), "", "") })
}

// branchOf is a place as a branch: what is held there first, and then what lies below.
func (p *plugin) branchOf(place *query.Place, name string) branch {
	b := branch{text: name}
	for _, holder := range place.Held {
		b.below = append(b.below, branch{text: p.holderText(holder)})
	}
	for _, below := range place.Below {
		b.below = append(b.below, p.branchOf(below, strings.TrimPrefix(below.At, place.At+"/")))
	}
	return b
}

func (p *plugin) holderText(holder query.Holder) string {
	what := strings.Join(holder.Permissions, ", ")
	if holder.Role != "" {
		what = "Role " + holder.Role
	}
	text := fmt.Sprintf("%s %s: %s, by %s %s", holder.Subject.Kind, holder.Subject.Name, what, holder.By.Kind, holder.By.Name)
	if holder.Until != nil {
		text += ", until " + p.relative(holder.Until.Time)
	}
	if !holder.InForce {
		text += fmt.Sprintf(" (not in force: %s)", holder.Reason)
	}
	return text
}

func printBranch(out io.Writer, b branch, first, rest string) error {
	if _, err := fmt.Fprintf(out, "%s%s\n", first, plain(b.text)); err != nil {
		return err
	}
	for n, below := range b.below {
		joint, trunk := "├─ ", "│  "
		if n == len(b.below)-1 {
			joint, trunk = "└─ ", "   "
		}
		if err := printBranch(out, below, rest+joint, rest+trunk); err != nil {
			return err
		}
	}
	return nil
}

func (p *plugin) printRoles(roles []query.Inheritance) error {
	if p.output == outputMermaid {
		return mermaidRoles(p.Streams.Out, roles)
	}
	return p.print(roles, func(out io.Writer) error {
		rows := make([][]string, 0, len(roles))
		for _, role := range roles {
			rows = append(rows, []string{role.Role, strings.Join(role.Inherits, ", "), fmt.Sprint(role.Ready)})
		}
		return table(out, []string{"Role", "Inherits", "Ready"}, rows)
	})
}
