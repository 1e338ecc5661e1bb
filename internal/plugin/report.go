package plugin

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// review is an access review of one organization.
type review struct {
	Organization string `json:"organization"`
	// At is the instant that it is of.
	At time.Time `json:"at"`
	// Holds are all that every user holds; Without are the users who hold nothing, and Suspended those of them who are suspended.
	Holds     []query.Holding `json:"holds"`
	Without   []string        `json:"without,omitempty"`
	Suspended []string        `json:"suspended,omitempty"`
	// Behind are the objects of which the operator has not confirmed what they say, Unread the kinds that could not be read.
	Behind []query.Object `json:"behind,omitempty"`
	Unread []string       `json:"unread,omitempty"`
}

func (p *plugin) reportCommand() *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use:   "report",
		Short: "An access review: every user, permission and place, through what, since when and until when",
		Long: `An access review of the organization, or of all that you may read: every user, permission and place, the conditions, the
objects that give it, since when and until when. It is of this instant and computed as every answer of kubectl authz is.

-o html writes one file that can be searched, sorted and printed. Where you may not read enough, the review says so in itself,
and the exit status is 2.`,
		Example: `  # The quarter's review
  kubectl authz report -o html > acme-2030-q1.html

  # For a spreadsheet, of all organizations
  kubectl authz report --all-organizations -o csv`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			reviews, err := p.reviews(command.Context(), all)
			if err != nil {
				return err
			}
			return errors.Join(p.printReviews(reviews), incomplete(reviews))
		},
	}
	command.Flags().BoolVarP(&all, "all-organizations", "A", false, "of all organizations instead of one")
	alsoPrints(command, outputCSV, outputMarkdown, outputHTML)
	return command
}

// reviews reads and evaluates the chosen organization, or all.
func (p *plugin) reviews(ctx context.Context, all bool) ([]review, error) {
	c, err := p.connect()
	if err != nil {
		return nil, err
	}
	organizations := []string{c.organization}
	if all {
		found, err := c.list(ctx, &v1alpha1.OrganizationList{})
		if err != nil {
			return nil, err
		}
		organizations = organizations[:0]
		for _, object := range found {
			organizations = append(organizations, object.GetName())
		}
		slices.Sort(organizations)
	}
	reviews := make([]review, 0, len(organizations))
	for _, organization := range organizations {
		w, err := p.world(ctx, &cluster{WithWatch: c.WithWatch, organization: organization})
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", organization, err)
		}
		if err := errMissing(w); err != nil && !all {
			return nil, err
		}
		reviews = append(reviews, p.reviewOf(organization, w))
	}
	return reviews, nil
}

func (p *plugin) reviewOf(organization string, w *query.World) review {
	r := review{
		Organization: organization, At: p.Clock.Now().UTC(), Holds: slices.AppendSeq([]query.Holding{}, w.Review()),
		Suspended: w.Suspended(), Behind: w.Behind(), Unread: w.Unread(),
	}
	holders := map[string]bool{}
	for _, holding := range r.Holds {
		holders[holding.User] = true
	}
	r.Without = slices.DeleteFunc(w.Users(), func(user string) bool { return holders[user] })
	return r
}

// incomplete says in an error what reviews say of themselves.
func incomplete(reviews []review) error {
	var failed []error
	for _, r := range reviews {
		c := &cluster{organization: r.Organization}
		failed = append(failed, c.notRead(r.Unread, "so the review may not be complete"), errBehind(r.Behind))
	}
	return errors.Join(failed...)
}

func (p *plugin) printReviews(reviews []review) error {
	columns := append([]string{"Organization"}, reviewColumns...)
	var rows [][]string
	for _, r := range reviews {
		for _, row := range reviewRows(r.Holds) {
			rows = append(rows, append([]string{r.Organization}, row...))
		}
	}
	switch p.output {
	case outputCSV:
		return csvTable(p.Streams.Out, columns, rows)
	case outputMarkdown:
		return markdownReviews(p.Streams.Out, reviews)
	case outputHTML:
		return htmlReviews(p.Streams.Out, reviews)
	default:
		return p.print(reviews, func(out io.Writer) error { return table(out, columns, rows) })
	}
}

// notes are what a review says beside its table, in words.
func (r review) Notes() (notes []string) {
	if len(r.Unread) > 0 {
		notes = append(notes, fmt.Sprintf("This review is not complete: its author may not read %s.", strings.Join(r.Unread, ", ")))
	}
	if len(r.Behind) > 0 {
		notes = append(notes, "The operator has not confirmed these yet, and the store may still answer as before: "+objectsText(r.Behind)+".")
	}
	if len(r.Suspended) > 0 {
		notes = append(notes, "Suspended, and so without access: "+strings.Join(r.Suspended, ", ")+".")
	}
	if len(r.Without) > 0 {
		notes = append(notes, "Users who hold nothing: "+strings.Join(r.Without, ", ")+".")
	}
	return notes
}

func markdownReviews(out io.Writer, reviews []review) error {
	var text strings.Builder
	cell := strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[")
	for _, r := range reviews {
		fmt.Fprintf(&text, "# Access in %s\n\n%s\n\n", r.Organization, r.At.Format(time.RFC3339))
		for _, note := range r.Notes() {
			fmt.Fprintf(&text, "- %s\n", cell.Replace(plain(note)))
		}
		fmt.Fprintf(&text, "\n| %s |\n|%s\n", strings.Join(reviewColumns, " | "), strings.Repeat(" --- |", len(reviewColumns)))
		for _, row := range reviewRows(r.Holds) {
			for n := range row {
				row[n] = cell.Replace(plain(row[n]))
			}
			fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
		}
		text.WriteString("\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// The page is one file, and its policy lets it run and look like nothing but what is in it.
var (
	//go:embed report.css
	reportStyle string
	//go:embed report.js
	reportScript string
	//go:embed report.html
	reportPage string

	reportTemplate = template.Must(template.New("report").Parse(reportPage))
)

func htmlReviews(out io.Writer, reviews []review) error {
	type section struct {
		review
		Rows [][]string
	}
	sections := make([]section, 0, len(reviews))
	for _, r := range reviews {
		sections = append(sections, section{review: r, Rows: reviewRows(r.Holds)})
	}
	err := reportTemplate.Execute(out, map[string]any{
		"Sections": sections, "Columns": reviewColumns,
		"Style": template.CSS(reportStyle), "Script": template.JS(reportScript), //nolint:gosec // our own files, not input
		"Policy": fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'", digest(reportStyle), digest(reportScript)),
	})
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
