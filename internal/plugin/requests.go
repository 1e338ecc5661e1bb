package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

const (
	// answerWithin is how long the operator is waited for after something was written.
	answerWithin = 10 * time.Second
	lookAgain    = 200 * time.Millisecond
)

// asking is what the flags of request say.
type asking struct {
	at                     query.Written
	policy, length, reason string
	tags, conditions       []string
}

func (p *plugin) requestCommand() *cobra.Command {
	var a asking
	command := &cobra.Command{
		Use:   "request [ROLE]",
		Short: "Ask for a role or a permission, for a time",
		Long: `Ask for a role or a permission, for a time.

An AccessPolicy of the organization must offer it to you. What it says decides whether you have it at once, or who is
asked first.`,
		Example: `  # The role operator in the workspace prod, for two hours
  kubectl authz request operator --scope prod --for 2h --reason "INC 4711: the queue stands still" --tag "ticket:INC 4711"

  # One permission
  kubectl authz request --permission Invoice:Approve --for 8h --reason "Deputy for Alice this Friday"

  # One that the policy offers for staging only
  kubectl authz request --permission App:Deploy --condition environment=staging --for 2h --reason "Tries the fix"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			c, w, err := p.look(command.Context())
			if err != nil {
				return err
			}
			request, err := a.request(c.organization, w, args)
			if err != nil {
				return err
			}
			if err := c.Create(command.Context(), request); err != nil {
				return fmt.Errorf("asking: %w", err)
			}
			c.wait(command.Context(), request, func() bool { return request.Status.Phase != "" && request.Status.Phase != v1alpha1.AccessApproved })
			return p.tell(request, "asked")
		},
		ValidArgsFunction: p.oneOf(names(&v1alpha1.RoleList{})),
	}
	flags := command.Flags()
	flags.StringVar(&a.at.Permission, "permission", "", "ask for this permission, and no role")
	flags.StringVar(&a.at.Scope, "scope", "", "at this workspace, or workspace/project; left out: in the whole organization")
	flags.StringVar(&a.at.Resource, "resource", "", "at this object of an application in the scope, as TYPE/ID")
	flags.StringVar(&a.length, "for", "", "for how long, as in 2h or P1D; needed")
	flags.StringVar(&a.reason, "reason", "", "why, for those who decide and for whoever looks later; needed")
	flags.StringArrayVar(&a.conditions, "condition", nil, "ask for the --permission only where this attribute has this value, as NAME=VALUE; repeated for one NAME: one of the values")
	flags.StringArrayVar(&a.tags, "tag", nil, "a tag, as key:value; may be repeated")
	flags.StringVar(&a.policy, "policy", "", "by this AccessPolicy; left out: one that allows it")
	p.complete(command, "permission", permissions)
	p.complete(command, "scope", scopes)
	p.complete(command, "policy", names(&v1alpha1.AccessPolicyList{}))
	return command
}

// request is what is to be written.
func (a *asking) request(organization string, w *query.World, args []string) (*v1alpha1.AccessRequest, error) {
	role := strings.Join(args, "")
	switch {
	case (role == "") == (a.at.Permission == ""):
		return nil, errors.New("name a ROLE or a --permission, one of them")
	case a.length == "" || a.reason == "":
		return nil, errors.New("say --for how long and for which --reason")
	}
	q, err := w.Read(a.at)
	if err != nil {
		return nil, fmt.Errorf("--%w", err)
	}
	length, err := lengthOf(a.length)
	if err != nil {
		return nil, fmt.Errorf("--for: %w", err)
	}
	request := &v1alpha1.AccessRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, GenerateName: "request-"},
		Spec:       v1alpha1.AccessRequestSpec{Policy: a.policy, Duration: length, Justification: a.reason},
	}
	request.Spec.Scope = v1alpha1.Scope{Workspace: q.At.Workspace, Project: q.At.Project}
	if q.At.ResourceType != "" {
		request.Spec.Scope.Resource = &v1alpha1.ResourceReference{Type: q.At.ResourceType, ID: q.At.ResourceID}
	}
	if role != "" {
		request.Spec.RoleRef = &v1alpha1.RoleReference{Name: role}
	} else {
		request.Spec.PermissionGrant = &v1alpha1.PermissionEntry{Permission: a.at.Permission}
	}
	if err := a.addConditions(request.Spec.PermissionGrant); err != nil {
		return nil, err
	}
	for _, tag := range a.tags {
		key, value, ok := strings.Cut(tag, ":")
		if !ok || key == "" {
			return nil, fmt.Errorf("--tag=%s: write key:value", tag)
		}
		if request.Spec.Tags == nil {
			request.Spec.Tags = map[string]v1alpha1.TagValue{}
		}
		request.Spec.Tags[key] = v1alpha1.TagValue(value)
	}
	return request, nil
}

// addConditions writes the conditions under which a permission is asked for.
func (a *asking) addConditions(entry *v1alpha1.PermissionEntry) error {
	if entry == nil && len(a.conditions) > 0 {
		return errors.New("--condition: a role brings its own conditions: use it with --permission")
	}
	for _, condition := range a.conditions {
		name, value, ok := strings.Cut(condition, "=")
		if !ok || name == "" {
			return fmt.Errorf("--condition=%s: write NAME=VALUE", condition)
		}
		if entry.Conditions == nil {
			entry.Conditions = map[string]v1alpha1.AttributeCondition{}
		}
		switch before, again := entry.Conditions[name]; {
		case !again:
			entry.Conditions[name] = v1alpha1.AttributeCondition{Type: v1alpha1.ConditionEquals, Value: &value}
		case before.Value != nil:
			entry.Conditions[name] = v1alpha1.AttributeCondition{Type: v1alpha1.ConditionIn, Values: []string{*before.Value, value}}
		default:
			before.Values = append(before.Values, value)
			entry.Conditions[name] = before
		}
	}
	return nil
}

var days = regexp.MustCompile(`^[1-9][0-9]*d$`)

// lengthOf takes days as people write them, too.
func lengthOf(text string) (v1alpha1.Duration, error) {
	if days.MatchString(text) {
		text = "P" + strings.ToUpper(text)
	}
	_, err := policy.ParseDuration(v1alpha1.Duration(text))
	return v1alpha1.Duration(text), err
}

// wait reads a request until it is as expected, or the operator has had its time.
func (c *cluster) wait(ctx context.Context, request *v1alpha1.AccessRequest, until func() bool) {
	_ = wait.PollUntilContextTimeout(ctx, lookAgain, answerWithin, true, func(ctx context.Context) (bool, error) {
		return c.Get(ctx, client.ObjectKeyFromObject(request), request) == nil && until(), nil
	}) // what is known by then is said
}

// tell says what has become of a request, and what happens next.
func (p *plugin) tell(request *v1alpha1.AccessRequest, done string) error {
	if p.output != outputTable {
		return p.printObjects([]v1alpha1.Object{request}, nil, nil)
	}
	fmt.Fprintf(p.Streams.Out, "accessrequest.authz.bailiwick.dev/%s %s\n", request.Name, done)
	ready := meta.FindStatusCondition(request.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || request.Status.Phase == "" {
		return fmt.Errorf("the operator has not looked at it within %s: kubectl authz requests shows when it has", answerWithin)
	}
	fmt.Fprintf(p.Streams.Out, "%s: %s\n", request.Status.Phase, plain(ready.Message))
	if request.Spec.PermissionGrant != nil {
		fmt.Fprintf(p.Streams.Out, "For %s.\n", plain(askedFor(request)))
	}
	if request.Status.Policy != "" {
		fmt.Fprintf(p.Streams.Out, "By the AccessPolicy %s.\n", request.Status.Policy)
	}
	return nil
}

// requestKeys are the requests whose names complete a command.
func requestKeys(keep func(*v1alpha1.AccessRequest) bool) completer {
	return namesOfThose(&v1alpha1.AccessRequestList{}, func(o v1alpha1.Object) bool { return keep(o.(*v1alpha1.AccessRequest)) })
}

// oneOf completes the one argument of a command.
func (p *plugin) oneOf(values completer) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return p.offer(command.Context(), values, begun)
	}
}

func waits(r *v1alpha1.AccessRequest) bool { return query.Request{AccessRequest: r}.Waits() }

func (p *plugin) withdrawCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "withdraw NAME",
		Short:   "Take a request back, also while it is in force",
		Example: `  kubectl authz withdraw request-x7k2p`,
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			ctx := command.Context()
			c, request, err := p.requestNamed(ctx, args[0])
			if err != nil {
				return err
			}
			if request.Status.Phase.IsFinal() {
				return fmt.Errorf("the request %s is over: %s; there is nothing to take back", request.Name, request.Status.Phase)
			}
			before := request.DeepCopy()
			request.Spec.Withdrawn = true
			if err := c.Patch(ctx, request, client.MergeFrom(before)); err != nil {
				return fmt.Errorf("taking the request back: %w", err)
			}
			c.wait(ctx, request, func() bool { return request.Status.Phase.IsFinal() })
			return p.tell(request, "withdrawn")
		},
		ValidArgsFunction: p.oneOf(requestKeys(func(r *v1alpha1.AccessRequest) bool { return !r.Status.Phase.IsFinal() })),
	}
}

func (p *plugin) requestNamed(ctx context.Context, name string) (*cluster, *v1alpha1.AccessRequest, error) {
	c, err := p.connect()
	if err != nil {
		return nil, nil, err
	}
	request := &v1alpha1.AccessRequest{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: c.organization, Name: name}, request); err != nil {
		return nil, nil, fmt.Errorf("reading the AccessRequest: %w", err)
	}
	return c, request, nil
}

func (p *plugin) requestsCommand() *cobra.Command {
	l := &listing{columns: []string{"Name", "Requester", "What", "Scope", "For", "Phase", "Reason", "Expires", "Age"}, row: p.requestRow}
	var since string
	var mine, toDecide bool
	command := &cobra.Command{
		Use:   "requests",
		Short: "Who asks for what, and what became of it, the youngest first",
		Example: `  # What waits for me to decide?
  kubectl authz requests --to-decide

  # What waits to be decided?
  kubectl authz requests --phase Pending

  # A review of the last week
  kubectl authz requests -A --since 7d -o csv`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return p.listRequests(command.Context(), l, since, mine, toDecide)
		},
	}
	l.list = &v1alpha1.AccessRequestList{}
	l.addFlags(command)
	alsoPrints(command, outputName, outputCSV)
	p.selectBy(l, command, "phase", "status.phase", "Pending, Approved, Denied, Active, Expired or Withdrawn", fixed(
		string(v1alpha1.AccessPending), string(v1alpha1.AccessApproved), string(v1alpha1.AccessDenied),
		string(v1alpha1.AccessActive), string(v1alpha1.AccessExpired), string(v1alpha1.AccessWithdrawn)))
	p.selectByUser(l, command, "status.user", "of this User, by name or subject")
	p.selectBy(l, command, "role", "spec.roleRef.name", "for this Role", names(&v1alpha1.RoleList{}))
	p.selectBy(l, command, "policy", "status.policy", "by this AccessPolicy", names(&v1alpha1.AccessPolicyList{}))
	command.Flags().StringVar(&since, "since", "", "made in this time until now, as in 24h or 7d")
	command.Flags().BoolVar(&mine, "mine", false, "your own")
	command.Flags().BoolVar(&toDecide, "to-decide", false, "those that wait for you to decide, by what you may read")
	command.MarkFlagsMutuallyExclusive("to-decide", "mine")
	command.MarkFlagsMutuallyExclusive("to-decide", "all-organizations")
	return command
}

func (p *plugin) listRequests(ctx context.Context, l *listing, since string, mine, toDecide bool) error {
	var after time.Time
	if since != "" {
		text, err := lengthOf(since)
		if err != nil {
			return fmt.Errorf("--since: %w", err)
		}
		length, _ := policy.ParseDuration(text) // it was read just before
		after = p.Clock.Now().Add(-length)
	}
	if mine {
		c, err := p.connect()
		if err != nil {
			return err
		}
		name, err := c.username(ctx)
		if err != nil {
			return err
		}
		l.filters = append(l.filters, &filter{field: "spec.requester", value: name, known: anything})
	}
	objects, err := p.read(ctx, l)
	if err != nil {
		return err
	}
	objects = slices.DeleteFunc(objects, func(o v1alpha1.Object) bool { return o.GetCreationTimestamp().Time.Before(after) })
	var unread error
	if toDecide {
		if objects, unread, err = p.waiting(ctx, objects); err != nil {
			return err
		}
	}
	slices.SortStableFunc(objects, func(a, b v1alpha1.Object) int {
		return cmp.Or(b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time), strings.Compare(a.GetName(), b.GetName()))
	})
	if p.output != outputCSV {
		return errors.Join(p.write(l, objects), unread)
	}
	rows := make([][]string, 0, len(objects))
	for _, object := range objects {
		rows = append(rows, requestReview(object.(*v1alpha1.AccessRequest)))
	}
	return errors.Join(csvTable(p.Streams.Out, requestColumns, rows), unread)
}

// waiting are the requests that wait for whoever runs the plugin, and an error where that may not be all.
func (p *plugin) waiting(ctx context.Context, requests []v1alpha1.Object) (waiting []v1alpha1.Object, unread, err error) {
	c, w, err := p.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	username, err := c.username(ctx)
	if err != nil {
		return nil, nil, err
	}
	waiting = slices.DeleteFunc(requests, func(o v1alpha1.Object) bool { return !w.WaitsFor(o.(*v1alpha1.AccessRequest), username) })
	depends := w.UnreadOf(kinds.Organization, kinds.User, kinds.GroupMembership, kinds.AccessPolicy)
	return waiting, c.notRead(depends, "so this may not be all"), nil
}

// username is who the API server takes whoever runs the plugin for.
func (c *cluster) username(ctx context.Context) (string, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return "", fmt.Errorf("asking who you are: %w", err)
	}
	return review.Status.UserInfo.Username, nil
}

func (p *plugin) requestRow(o v1alpha1.Object) []string {
	r := o.(*v1alpha1.AccessRequest)
	row := []string{
		r.Name, r.Spec.Requester, askedFor(r), state.PathOf(r.Namespace, &r.Spec.Scope).String(), string(r.Spec.Duration),
		string(r.Status.Phase), reason(r), "", p.distance(r.CreationTimestamp.Time),
	}
	if r.Status.ExpiresAt != nil {
		row[7] = p.relative(r.Status.ExpiresAt.Time)
	}
	return row
}

// askedFor is the role that a request is for, or the permission and its conditions.
func askedFor(r *v1alpha1.AccessRequest) string {
	if r.Spec.RoleRef != nil {
		return r.Spec.RoleRef.Name
	}
	asked := r.Spec.PermissionGrant
	return entryText(query.Entry{Permission: asked.Permission, Conditions: query.ConditionsOf(asked.Conditions)})
}

// requestColumns are those of a review of requests.
var requestColumns = []string{
	"Organization", "Name", "Requester", "User", "What", "Scope", "Duration", "Justification", "Tags", "Policy",
	"Phase", "Reason", "Decisions", "Requested", "Approved", "Expires", "Ended",
}

func requestReview(r *v1alpha1.AccessRequest) []string {
	decisions := make([]string, 0, len(r.Status.Decisions))
	for _, d := range r.Status.Decisions {
		text := fmt.Sprintf("%s: %s", d.Decider, d.Verdict)
		if d.Comment != "" {
			text += fmt.Sprintf(" (%s)", d.Comment)
		}
		if !d.Counts {
			text += fmt.Sprintf(" [does not count: %s]", d.Reason)
		}
		decisions = append(decisions, text)
	}
	return []string{
		r.Namespace, r.Name, r.Spec.Requester, r.Status.User, askedFor(r), state.PathOf(r.Namespace, &r.Spec.Scope).String(),
		string(r.Spec.Duration), r.Spec.Justification, tagsText(r.Spec.Tags), r.Status.Policy, string(r.Status.Phase), reason(r),
		strings.Join(decisions, "; "), instantText(&r.CreationTimestamp), instantText(r.Status.ApprovedAt), instantText(r.Status.ExpiresAt), instantText(r.Status.EndedAt),
	}
}
