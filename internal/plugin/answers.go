package plugin

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// asked is a question and its answer, as --output json and yaml print them.
type asked struct {
	User       string         `json:"user"`
	Permission string         `json:"permission"`
	At         string         `json:"at"`
	Attributes map[string]any `json:"attributes,omitempty"`
	query.Answer
}

func documentOf(q query.Question, answer query.Answer) asked {
	return asked{User: q.User, Permission: q.Permission, At: q.At.String(), Attributes: q.Attributes, Answer: answer}
}

func (p *plugin) canICommand() *cobra.Command {
	a := &query.Written{}
	command := &cobra.Command{
		Use:   "can-i PERMISSION",
		Short: "Whether you, or a user, may do something",
		Long: `Whether you, or a user, may do something: yes, no or unknown.

It is unknown where you may not read enough, and where the operator has not brought a change into the
store yet. The exit status is 0 for yes, 1 for no and 2 for unknown.`,
		Example: `  # May I see the apps of the project vision?
  kubectl authz can-i App:View --scope prod/vision

  # May Bob deploy two replicas to staging?
  kubectl authz can-i App:Deploy --user bob --scope prod/vision --attribute environment=staging --attribute replicas=2`,
		RunE: func(command *cobra.Command, args []string) error {
			c, q, answer, err := p.ask(command.Context(), a, args[0])
			if err != nil {
				return err
			}
			err = p.print(documentOf(q, answer), func(out io.Writer) error {
				fmt.Fprintln(out, strings.ToLower(string(answer.Verdict)))
				if answer.Because != "" {
					fmt.Fprintln(p.Streams.ErrOut, plain(answer.Because))
				}
				return nil
			})
			return errors.Join(err, c.verdict(answer))
		},
	}
	p.addQuestion(a, command, true)
	return command
}

// verdict is an answer as an error, from which the exit status follows.
func (c *cluster) verdict(answer query.Answer) error {
	switch answer.Verdict {
	case query.Yes:
		return nil
	case query.No:
		return errNo
	default:
		return c.uncertain(answer)
	}
}

func (p *plugin) explainCommand() *cobra.Command {
	a := &query.Written{}
	command := &cobra.Command{
		Use:   "explain PERMISSION",
		Short: "Why you, or a user, may do something, or what is missing",
		Long: `Why you, or a user, may do something: each way with the objects that make it, and where there is none,
what comes nearest to being one. The exit status is that of can-i.`,
		Example: `  # Why may Carol read this data set?
  kubectl authz explain Dataset:Read --user carol --scope research/grasping --resource Dataset/42`,
		RunE: func(command *cobra.Command, args []string) error {
			c, q, answer, err := p.ask(command.Context(), a, args[0])
			if err != nil {
				return err
			}
			if p.output == outputMermaid {
				err = mermaidAnswer(p.Streams.Out, q, answer)
			} else {
				err = p.print(documentOf(q, answer), func(out io.Writer) error { return p.explain(out, q, answer) })
			}
			return errors.Join(err, c.verdict(answer))
		},
	}
	p.addQuestion(a, command, true)
	alsoPrints(command, outputMermaid)
	return command
}

// maxMisses are how many misses people are told of, of those that are equally near.
const maxMisses = 3

func (p *plugin) explain(out io.Writer, q query.Question, answer query.Answer) error {
	var text strings.Builder
	may := map[query.Verdict]string{query.Yes: "may", query.No: "may not", query.Unknown: "may or may not"}[answer.Verdict]
	fmt.Fprintf(&text, "%s: %s %s %s at %s\n", strings.ToLower(string(answer.Verdict)), q.User, may, plain(q.Permission), plain(q.At.String()))
	if answer.Because != "" {
		fmt.Fprintf(&text, "\n%s\n", plain(answer.Because))
	}
	if len(answer.Misses) == 0 {
		for _, way := range answer.Ways {
			fmt.Fprintf(&text, "\n  %s\n", p.wayText(way))
		}
	}
	if len(answer.Misses) == 0 && len(answer.Ways) == 0 && answer.Because == "" {
		fmt.Fprintf(&text, "\nNothing that concerns %s comes near to giving it.\n", q.User)
	}
	for n, miss := range answer.Misses {
		if n == maxMisses || len(miss.But) > len(answer.Misses[0].But) {
			break
		}
		fmt.Fprintf(&text, "\n%s would be allowed by %s, at %s,\n", q.User, objectsText(miss.Via), plain(miss.At))
		for _, obstacle := range miss.But {
			fmt.Fprintf(&text, "  but %s\n", plain(obstacle))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// wayText is a way in a few lines.
func (p *plugin) wayText(way query.Way) string {
	lines := []string{fmt.Sprintf("%s, at %s", objectsText(way.Via), plain(way.At))}
	if way.Until != nil {
		lines = append(lines, "until "+p.relative(way.Until.Time))
	}
	for _, condition := range way.Conditions {
		met := "met"
		if !condition.Met {
			met = "not met"
		}
		lines = append(lines, fmt.Sprintf("if %s (%s)", plain(condition.String()), met))
	}
	if !way.Confirmed {
		lines = append(lines, "not in the store yet")
	}
	return strings.Join(lines, "\n    ")
}

// who is a user, and how they may do what was asked.
type who struct {
	User string      `json:"user"`
	Ways []query.Way `json:"ways"`
}

// whoCan is the answer of who-can, as --output json and yaml print it.
type whoCan struct {
	Permission string         `json:"permission"`
	At         string         `json:"at"`
	Attributes map[string]any `json:"attributes,omitempty"`
	// Because says, where the question names something that is not there, what that is.
	Because string         `json:"because,omitempty"`
	Users   []who          `json:"users"`
	Behind  []query.Object `json:"behind,omitempty"`
	Unread  []string       `json:"unread,omitempty"`
}

func (p *plugin) whoCanCommand() *cobra.Command {
	a := &query.Written{}
	command := &cobra.Command{
		Use:   "who-can PERMISSION",
		Short: "All users who may do something, in which ways and under which conditions",
		Long: `All users who may do something, in which ways and under which conditions.

With --attribute, only those whose conditions a request with these attributes meets. The list is complete:
where you may not read enough for that, it says so. The exit status is 0 also where it is nobody, and 2 where the
question names something that is not there.`,
		Example: `  # Who may deploy to production in the project vision?
  kubectl authz who-can App:Deploy --scope prod/vision --attribute environment=production`,
		RunE: func(command *cobra.Command, args []string) error {
			c, w, err := p.look(command.Context())
			if err != nil {
				return err
			}
			q, err := question(a, w, args[0])
			if err != nil {
				return err
			}
			answer := whoCan{
				Permission: q.Permission, At: q.At.String(), Attributes: q.Attributes, Because: w.Unfounded(q), Users: []who{},
				Behind: w.Behind(), Unread: w.Unread(),
			}
			for user, ways := range w.Who(q, len(a.Attributes) > 0) {
				answer.Users = append(answer.Users, who{User: user, Ways: ways})
			}
			err = p.print(answer, func(out io.Writer) error { return p.printUsers(out, answer.Users) })
			if len(answer.Users) == 0 && answer.Because == "" && p.output == outputTable {
				fmt.Fprintln(p.Streams.ErrOut, "Nobody.")
			}
			if answer.Because != "" {
				err = errors.Join(err, errors.New(plain(answer.Because)))
			}
			return errors.Join(err, c.notRead(answer.Unread, "so this may not be all"), errBehind(answer.Behind))
		},
	}
	p.addQuestion(a, command, false)
	return command
}

func (p *plugin) printUsers(out io.Writer, users []who) error {
	if len(users) == 0 {
		return nil
	}
	var rows [][]string
	for _, user := range users {
		for _, way := range user.Ways {
			until := ""
			if way.Until != nil {
				until = p.relative(way.Until.Time)
			}
			rows = append(rows, []string{user.User, way.At, objectsText(way.Via), conditionsText(way.Conditions), until})
		}
	}
	return table(out, []string{"User", "At", "Via", "If", "Until"}, rows)
}
