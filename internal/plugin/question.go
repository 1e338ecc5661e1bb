package plugin

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// addQuestion adds the flags of a question; about is whether it is about one user.
func (p *plugin) addQuestion(a *query.Written, command *cobra.Command, about bool) {
	flags := command.Flags()
	if about {
		flags.StringVar(&a.User, "user", "", "about this User, by name or subject; left out: the User who you are")
		p.complete(command, "user", names(&v1alpha1.UserList{}))
	}
	flags.StringVar(&a.Scope, "scope", "", "at this workspace, or workspace/project; left out: at the organization")
	flags.StringVar(&a.Resource, "resource", "", "at this object of an application in the scope, as TYPE/ID")
	flags.StringArrayVar(&a.Attributes, "attribute", nil, "what the request says, as NAME=VALUE; may be repeated")
	p.complete(command, "scope", scopes)
	command.Args = cobra.ExactArgs(1)
	command.ValidArgsFunction = p.oneOf(permissions)
}

// question reads the flags in the light of what there is. Without a user it is about everyone.
func question(a *query.Written, w *query.World, permission string) (query.Question, error) {
	a.Permission = permission
	q, err := w.Read(*a)
	if err != nil {
		return q, fmt.Errorf("--%w", err)
	}
	return q, nil
}

// ask answers a question about one user.
func (p *plugin) ask(ctx context.Context, a *query.Written, permission string) (*cluster, query.Question, query.Answer, error) {
	c, w, err := p.look(ctx)
	if err != nil {
		return nil, query.Question{}, query.Answer{}, err
	}
	if a.User == "" {
		if a.User, err = c.self(ctx, w); err != nil {
			return nil, query.Question{}, query.Answer{}, err
		}
	} else if user, known := w.UserNamed(a.User); known {
		a.User = user
	}
	q, err := question(a, w, permission)
	if err != nil {
		return nil, query.Question{}, query.Answer{}, err
	}
	return c, q, w.Ask(q), nil
}

// look reads what there is.
func (p *plugin) look(ctx context.Context) (*cluster, *query.World, error) {
	c, err := p.connect()
	if err != nil {
		return nil, nil, err
	}
	w, err := p.world(ctx, c)
	return c, w, err
}

// self is the User who stands for whoever runs the plugin.
func (c *cluster) self(ctx context.Context, w *query.World) (string, error) {
	username, err := c.username(ctx)
	if err != nil {
		return "", fmt.Errorf("%w; name a User with --user", err)
	}
	subject := w.SubjectOf(username)
	if user, ok := w.UserOf(subject); ok {
		return user, nil
	}
	// Who somebody is stands in Users, and in the Organization, which maps names.
	if unread := w.UnreadOf(kinds.Organization, kinds.User); len(unread) > 0 {
		return "", c.notRead(unread, "so which User you are is not known, unless --user names it")
	}
	return "", fmt.Errorf("no User of %s has your subject%s: name a User with --user", c.organization, lookedFor(w, username, subject))
}

// lookedFor says which subject a username was taken for, and which Users may have been meant.
func lookedFor(w *query.World, username, subject string) string {
	text := fmt.Sprintf(" %q", subject)
	switch {
	case subject == "":
		text = fmt.Sprintf(", as your name %q has not the API server's prefix", username)
	case subject != username:
		text += fmt.Sprintf(", which your name %q stands for", username)
	}
	if near := w.NearSubjects(username); len(near) > 0 {
		text += fmt.Sprintf(" (near is %s)", strings.Join(near, ", "))
	}
	return text
}
