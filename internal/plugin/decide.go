package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

func (p *plugin) decideCommand(use string, verdict v1alpha1.AccessVerdict, short string) *cobra.Command {
	var comment string
	var sure bool
	command := &cobra.Command{
		Use:   use + " NAME",
		Short: short,
		Long: short + `.

First it shows who asks, why, what exactly that would give and until when, what they hold of it already, and who else may
decide. At a terminal it then asks whether you are sure; elsewhere it needs --yes.`,
		Example: fmt.Sprintf(`  kubectl authz %s request-x7k2p --comment "Seen the incident"`, use),
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return p.decide(command.Context(), args[0], verdict, comment, sure)
		},
		ValidArgsFunction: p.oneOf(requestKeys(waits)),
	}
	command.Flags().StringVar(&comment, "comment", "", "why, for whoever looks later")
	command.Flags().BoolVar(&sure, "yes", false, "don't ask whether you are sure")
	return command
}

func (p *plugin) decide(ctx context.Context, name string, verdict v1alpha1.AccessVerdict, comment string, sure bool) error {
	c, request, err := p.requestNamed(ctx, name)
	if err != nil {
		return err
	}
	asked := query.Request{AccessRequest: request}
	if !asked.Waits() {
		return fmt.Errorf("the request %s does not wait to be decided: it is %s", name, request.Status.Phase)
	}
	if err := p.show(ctx, c, request); err != nil {
		return err
	}
	if !sure {
		if sure, err = p.confirm(verdict); err != nil {
			return err
		}
		if !sure {
			fmt.Fprintln(p.Streams.ErrOut, "Nothing was decided.")
			return errNo
		}
	}
	decision := asked.Decision(verdict, comment)
	if err := c.Create(ctx, decision); err != nil {
		return fmt.Errorf("deciding: %w", err)
	}
	var outcome *v1alpha1.AccessDecisionOutcome
	c.wait(ctx, request, func() bool {
		n := slices.IndexFunc(request.Status.Decisions, func(d v1alpha1.AccessDecisionOutcome) bool { return d.UID == decision.UID })
		if n >= 0 {
			outcome = &request.Status.Decisions[n]
		}
		return outcome != nil && request.Status.Phase != v1alpha1.AccessApproved
	})
	err = p.tell(request, "decided")
	if outcome != nil && !outcome.Counts {
		err = errors.Join(err, fmt.Errorf("your decision does not count: %s: %s", outcome.Reason, plain(outcome.Message)))
	}
	return err
}

// confirm asks whoever sits at the terminal.
func (p *plugin) confirm(verdict v1alpha1.AccessVerdict) (bool, error) {
	file, ok := p.Streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return false, errors.New("this is no terminal to ask you at: read what is above, and say --yes")
	}
	fmt.Fprintf(p.Streams.ErrOut, "%s this? [y/N] ", verdict)
	line, _ := bufio.NewReader(file).ReadString('\n') // nothing is no
	return strings.EqualFold(strings.TrimSpace(line), "y"), nil
}

// show says what whoever decides wants to know. It goes to where people read, so that the output is what became of it.
func (p *plugin) show(ctx context.Context, c *cluster, r *v1alpha1.AccessRequest) error {
	w, err := p.world(ctx, c)
	if err != nil {
		return err
	}
	say := func(what, text string) { fmt.Fprintf(p.Streams.ErrOut, "%-14s %s\n", what, plain(text)) }
	who := r.Spec.Requester
	if r.Status.User != "" {
		who += " (User " + r.Status.User + ")"
	}
	at := state.PathOf(r.Namespace, &r.Spec.Scope)
	say("Who", who)
	say("Why", r.Spec.Justification)
	if len(r.Spec.Tags) > 0 {
		say("Tags", tagsText(r.Spec.Tags))
	}
	say("Asks for", fmt.Sprintf("%s at %s, and everywhere below", askedFor(r), at))
	length, err := policy.ParseDuration(r.Spec.Duration)
	if err != nil {
		return fmt.Errorf("spec.duration: %w", err)
	}
	say("For", fmt.Sprintf("%s: if it is approved now, until %s", r.Spec.Duration, p.Clock.Now().Add(length).UTC().Format(time.RFC3339)))
	gives := entriesOf(w, r)
	if len(gives) == 0 {
		say("Would give", "nothing, as far as you may read")
	}
	for _, text := range gives {
		say("Would give", text)
	}
	held := false
	for _, holding := range w.Holdings(r.Status.User) {
		if slices.ContainsFunc(gives, func(text string) bool { return strings.HasPrefix(text+" ", holding.Permission+" ") }) {
			held = true
			text := fmt.Sprintf("%s at %s", holding.Permission, holding.At)
			if holding.Until != nil {
				text += " until " + p.relative(holding.Until.Time)
			}
			say("Holds already", text)
		}
	}
	if !held {
		say("Holds already", "nothing of it")
	}
	p.showDeciders(ctx, c, r, say)
	return c.notRead(w.Unread(), "so this may not be all")
}

// showDeciders says by which policy a request is decided, by whom, and what was decided.
func (p *plugin) showDeciders(ctx context.Context, c *cluster, r *v1alpha1.AccessRequest, say func(what, text string)) {
	for _, d := range r.Status.Decisions {
		text := fmt.Sprintf("%s: %s", d.Decider, d.Verdict)
		if !d.Counts {
			text += ", which does not count: " + d.Message
		}
		say("Decided", text)
	}
	var by v1alpha1.AccessPolicy
	if r.Status.Policy == "" || c.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: r.Status.Policy}, &by) != nil || by.Spec.Approvals == nil {
		say("Who decides", "is not known to you, or nobody by now")
		return
	}
	deciders := slices.Clone(by.Spec.Approvals.From.Users)
	for _, group := range by.Spec.Approvals.From.Groups {
		deciders = append(deciders, "the group "+group)
	}
	say("Who decides", fmt.Sprintf("%d of %s, by the AccessPolicy %s; %d so far", max(1, by.Spec.Approvals.Count), strings.Join(deciders, ", "), by.Name, r.Status.Approvals))
	if r.Status.DecideBy != nil {
		say("Until", p.relative(r.Status.DecideBy.Time))
	}
}

// entriesOf is what a request would give, a text for each permission.
func entriesOf(w *query.World, r *v1alpha1.AccessRequest) (texts []string) {
	if asked := r.Spec.PermissionGrant; asked != nil {
		return []string{entryText(query.Entry{Permission: asked.Permission, Conditions: query.ConditionsOf(asked.Conditions)})}
	}
	role, _ := w.Role(r.Spec.RoleRef.Name)
	for _, entry := range role.Gives {
		if text := entryText(entry); entry.Fault == "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

func entryText(entry query.Entry) string {
	if conditions := conditionsText(entry.Conditions); conditions != "" {
		return entry.Permission + " if " + conditions
	}
	return entry.Permission
}
