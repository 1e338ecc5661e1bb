package plugin

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// userAccess is the answer of user, as --output json and yaml print it.
type userAccess struct {
	User   string          `json:"user"`
	Holds  []query.Holding `json:"holds"`
	Behind []query.Object  `json:"behind,omitempty"`
	Unread []string        `json:"unread,omitempty"`
}

func (p *plugin) userCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "user NAME|SUBJECT",
		Short: "Everything that a user may do, and where",
		Long: `Everything that a user may do now, and where: each permission, the place at which it is held (it is held at everything
below too), the conditions that a request must meet, the objects that give it, and when it ends.

-o wide shows since when, too. The list is complete: where you may not read enough for that, it says so.`,
		Example: `  # What may Bob do?
  kubectl authz user bob`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			c, w, err := p.look(command.Context())
			if err != nil {
				return err
			}
			user, known := w.UserNamed(args[0])
			if !known {
				if unread := w.UnreadOf(kinds.User); len(unread) > 0 {
					return c.notRead(unread, "so whether there is such a User is not known")
				}
				return fmt.Errorf("there is no User %s in %s, by name or by subject", args[0], c.organization)
			}
			answer := userAccess{User: user, Holds: w.Holdings(user), Behind: w.Behind(), Unread: w.Unread()}
			err = p.printHoldings(answer, answer.Holds)
			return errors.Join(err, c.notRead(answer.Unread, "so this may not be all"), errBehind(answer.Behind))
		},
		ValidArgsFunction: p.oneOf(names(&v1alpha1.UserList{})),
	}
	alsoPrints(command, outputWide, outputCSV)
	return command
}

// printHoldings writes what one user holds.
func (p *plugin) printHoldings(document any, holds []query.Holding) error {
	if p.output == outputCSV {
		return csvTable(p.Streams.Out, reviewColumns, reviewRows(holds))
	}
	return p.print(document, func(out io.Writer) error {
		if len(holds) == 0 {
			fmt.Fprintln(p.Streams.ErrOut, "Nothing.")
			return nil
		}
		columns := []string{"Permission", "At", "If", "Via", "Until"}
		if p.output == outputWide {
			columns = append(columns, "Since")
		}
		rows := make([][]string, 0, len(holds))
		for _, holding := range holds {
			row := []string{holding.Permission, holding.At, conditionsText(holding.Conditions), objectsText(holding.Via), ""}
			if holding.Until != nil {
				row[4] = p.relative(holding.Until.Time)
			}
			if p.output == outputWide {
				row = append(row, instantText(holding.Since))
			}
			rows = append(rows, row)
		}
		return table(out, columns, rows)
	})
}

// reviewColumns are those of a review, and reviewRows its rows, the same in every form.
var reviewColumns = []string{"User", "Permission", "At", "If", "Via", "Since", "Until", "Confirmed"}

func reviewRows(holds []query.Holding) [][]string {
	rows := make([][]string, 0, len(holds))
	for _, holding := range holds {
		rows = append(rows, []string{
			holding.User, holding.Permission, holding.At, conditionsText(holding.Conditions), objectsText(holding.Via),
			instantText(holding.Since), instantText(holding.Until), fmt.Sprint(holding.Confirmed),
		})
	}
	return rows
}

func conditionsText(conditions []query.Condition) string {
	texts := make([]string, 0, len(conditions))
	for _, condition := range conditions {
		texts = append(texts, condition.String())
	}
	return strings.Join(texts, " and ")
}

func instantText(instant *metav1.Time) string {
	if instant == nil {
		return ""
	}
	return instant.UTC().Format("2006-01-02T15:04:05Z")
}
