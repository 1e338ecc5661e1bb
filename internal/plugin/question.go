package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// asking are the flags of a question.
type asking struct {
	user, scope, resource string
	attributes            []string
}

// addFlags adds the flags of a question; about is whether it is about one user.
func (p *plugin) addQuestion(a *asking, command *cobra.Command, about bool) {
	flags := command.Flags()
	if about {
		flags.StringVar(&a.user, "user", "", "about this User, by name; left out: the User who you are")
		p.complete(command, "user", p.names(&v1alpha1.UserList{}))
	}
	flags.StringVar(&a.scope, "scope", "", "at this workspace, or workspace/project; left out: at the organization")
	flags.StringVar(&a.resource, "resource", "", "at this object of an application in the scope, as TYPE/ID")
	flags.StringArrayVar(&a.attributes, "attribute", nil, "what the request says, as NAME=VALUE; may be repeated")
	p.complete(command, "scope", p.scopes)
	command.Args = cobra.ExactArgs(1)
	command.ValidArgsFunction = func(command *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(p.permissions(command.Context()), begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// question reads the flags in the light of what there is. Without a user it is about everyone.
func (a *asking) question(c *cluster, w *query.World, permission string) (query.Question, error) {
	at, err := a.path(c.organization, w.ResourceTypes())
	if err != nil {
		return query.Question{}, err
	}
	attributes, err := a.values(w, permission)
	if err != nil {
		return query.Question{}, err
	}
	return query.Question{User: a.user, Permission: permission, At: at, Attributes: attributes}, nil
}

// path is the place that the flags name.
func (a *asking) path(organization string, types []string) (scope.Path, error) {
	path := scope.Path{Organization: organization}
	if a.scope != "" {
		parts := strings.Split(a.scope, "/")
		if len(parts) > 2 || slices.Contains(parts, "") {
			return path, fmt.Errorf("--scope=%s: write WORKSPACE or WORKSPACE/PROJECT, without the organization", a.scope)
		}
		path.Workspace = parts[0]
		if len(parts) == 2 {
			path.Project = parts[1]
		}
	}
	if a.resource == "" {
		return path, nil
	}
	// A type may have a slash in its name, and an id too.
	var fitting []string
	for _, declared := range types {
		if id, ok := strings.CutPrefix(a.resource, declared+"/"); ok && id != "" {
			fitting = append(fitting, declared)
		}
	}
	first, id, written := strings.Cut(a.resource, "/")
	switch {
	case len(fitting) > 1:
		return path, fmt.Errorf("--resource=%s: this may be of each of the types [%s]", a.resource, strings.Join(fitting, ", "))
	case len(fitting) == 1:
		path.ResourceType, path.ResourceID = fitting[0], strings.TrimPrefix(a.resource, fitting[0]+"/")
	case !written || first == "" || id == "":
		return path, fmt.Errorf("--resource=%s: write TYPE/ID", a.resource)
	default:
		path.ResourceType, path.ResourceID = first, id // a type that is not declared, or can't be read: the answer says so
	}
	return path, nil
}

// values are the attributes, each of the type that the permission's ResourceType declares.
func (a *asking) values(w *query.World, permission string) (map[string]any, error) {
	attributes := map[string]any{}
	declared, known := w.Permission(permission)
	for _, written := range a.attributes {
		name, text, ok := strings.Cut(written, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--attribute=%s: write NAME=VALUE", written)
		}
		if !known {
			continue // no condition on it can be met, and the answer says why
		}
		kind, ok := declared.Attributes[name]
		if !ok {
			return nil, fmt.Errorf("--attribute=%s: the permission %s has no attribute %q, but [%s]",
				written, permission, name, strings.Join(slices.Sorted(maps.Keys(declared.Attributes)), ", "))
		}
		value, err := policy.ParseValue(text, kind)
		if err != nil {
			return nil, fmt.Errorf("--attribute=%s: it is a %s: %w", written, kind, err)
		}
		attributes[name] = value.Any()
	}
	return attributes, nil
}

// ask answers a question about one user.
func (p *plugin) ask(ctx context.Context, a *asking, permission string) (*cluster, query.Question, query.Answer, error) {
	c, w, err := p.look(ctx)
	if err != nil {
		return nil, query.Question{}, query.Answer{}, err
	}
	if a.user == "" {
		if a.user, err = c.self(ctx, w); err != nil {
			return nil, query.Question{}, query.Answer{}, err
		}
	}
	q, err := a.question(c, w, permission)
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
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return "", fmt.Errorf("asking who you are: %w; name a User with --user", err)
	}
	username := review.Status.UserInfo.Username
	subject := w.SubjectOf(username)
	if user, ok := w.UserOf(subject); ok {
		return user, nil
	}
	return "", errors.Join(
		fmt.Errorf("no User of %s has your subject%s: name a User with --user", c.organization, lookedFor(w, username, subject)),
		c.notRead(w.Unread(), "so there may be one"),
	)
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
