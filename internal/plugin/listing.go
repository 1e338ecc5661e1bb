package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

// listing is a command that lists the objects of a kind.
type listing struct {
	list    client.ObjectList
	filters []*filter
	// user is the filter that names a User; nil where there is none.
	user *filter
	// through are the objects that a user has by others; nil where there are none.
	through func(ctx context.Context, l *listing, c *cluster, user types.NamespacedName) ([]v1alpha1.Object, error)
	all     bool
	columns []string
	row     func(v1alpha1.Object) []string
}

// filter narrows a listing by a field, on the server. An empty value does not.
type filter struct {
	flag, field, value string
	// known are the values that name something.
	known completer
}

// addFlags adds what every listing has.
func (l *listing) addFlags(command *cobra.Command) {
	alsoPrints(command, outputName)
	command.Flags().BoolVarP(&l.all, "all-organizations", "A", false, "in all organizations instead of one")
}

// selectBy adds a flag that selects by a field.
func (p *plugin) selectBy(l *listing, command *cobra.Command, flag, field, usage string, known completer) *filter {
	f := &filter{flag: flag, field: field, known: known}
	l.filters = append(l.filters, f)
	command.Flags().StringVar(&f.value, flag, "", usage)
	p.complete(command, flag, known)
	return f
}

// selectByUser adds a flag that selects by a User, whom a name or a subject names.
func (p *plugin) selectByUser(l *listing, command *cobra.Command, field, usage string) {
	l.user = p.selectBy(l, command, "user", field, usage, names(&v1alpha1.UserList{}))
}

// read reads what is selected. Where that is nothing, it is an error that a flag names something that there is not.
func (p *plugin) read(ctx context.Context, l *listing) ([]v1alpha1.Object, error) {
	c, err := p.connect()
	if err != nil {
		return nil, err
	}
	return l.read(ctx, c)
}

func (l *listing) read(ctx context.Context, c *cluster) ([]v1alpha1.Object, error) {
	users, err := l.users(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		objects, err := l.selected(ctx, c, c.namespace(l.all), nil)
		if err != nil || len(objects) > 0 {
			return objects, err
		}
		return nil, l.namesNothing(ctx, c, false)
	}
	var objects []v1alpha1.Object
	var failed []error
	for _, user := range users {
		own, err := l.selected(ctx, c, user.Namespace, map[string]string{l.user.field: user.Name})
		failed = append(failed, err)
		objects = append(objects, own...)
		if l.through != nil {
			others, err := l.through(ctx, l, c, user)
			failed = append(failed, err)
			objects = append(objects, others...)
		}
	}
	slices.SortFunc(objects, func(a, b v1alpha1.Object) int {
		return cmp.Or(strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
	})
	if err := errors.Join(failed...); err != nil || len(objects) > 0 {
		return objects, err
	}
	return nil, l.namesNothing(ctx, c, users[0].Name != l.user.value)
}

// selected are the objects in a namespace, or in all where it is empty, that fit every filter. What is given instead takes the
// place of the filters of these fields.
func (l *listing) selected(ctx context.Context, c *cluster, namespace string, instead map[string]string) ([]v1alpha1.Object, error) {
	fields := client.MatchingFields{}
	for _, f := range l.filters {
		fields[f.field] = f.value
	}
	maps.Copy(fields, instead)
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	options := []client.ListOption{client.InNamespace(namespace)}
	if len(fields) > 0 {
		options = append(options, fields)
	}
	return c.list(ctx, l.list, options...)
}

// value is what the filter of a field asks for.
func (l *listing) value(field string) string {
	for _, f := range l.filters {
		if f.field == field {
			return f.value
		}
	}
	return ""
}

// users are whom the filter names: the Users of a name in the chosen namespace, or in all, or else those with a subject. What
// can't be read is taken for a name.
func (l *listing) users(ctx context.Context, c *cluster) ([]types.NamespacedName, error) {
	if l.user == nil || l.user.value == "" {
		return nil, nil
	}
	within := c.namespace(l.all)
	named := []types.NamespacedName{{Namespace: within, Name: l.user.value}}
	for _, field := range []string{"metadata.name", "spec.subject"} {
		found, err := c.list(ctx, &v1alpha1.UserList{}, client.InNamespace(within), client.MatchingFields{field: l.user.value})
		switch {
		case apierrors.IsForbidden(err), err == nil && len(found) > 0 && field == "metadata.name":
			return named, nil
		case err != nil:
			return nil, err
		case len(found) > 0:
			users := make([]types.NamespacedName, 0, len(found))
			for _, user := range found {
				users = append(users, client.ObjectKeyFromObject(user))
			}
			return users, nil
		}
	}
	return named, nil
}

// namesNothing says which flags name something that there is not: nothing was found by them. What can't be read may be there.
func (l *listing) namesNothing(ctx context.Context, c *cluster, userFound bool) error {
	where := "in any organization"
	if !l.all {
		where = "in " + c.organization
		if err := c.checkOrganization(ctx); err != nil {
			return err
		}
	}
	var wrong []error
	for _, f := range l.filters {
		if f.value == "" || f == l.user && userFound {
			continue
		}
		known, err := f.known(ctx, c, l.all)
		if err != nil || slices.Contains(known, f.value) {
			continue
		}
		slices.Sort(known)
		instead := "there is none"
		if known = slices.Compact(known); len(known) > 0 {
			instead = "use one of " + enumerate.Some(known, 10, ", ")
		}
		wrong = append(wrong, fmt.Errorf("--%s=%s names nothing %s: %s", f.flag, f.value, where, instead))
	}
	return errors.Join(wrong...)
}

// checkOrganization says that there is no organization of the chosen name, if that is known.
func (c *cluster) checkOrganization(ctx context.Context) error {
	err := c.Get(ctx, client.ObjectKey{Name: c.organization}, &v1alpha1.Organization{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no Organization %s: correct --namespace", c.organization)
	}
	return nil
}

// throughOthers are the assignments of the groups that a user is in, as far as the membership is in force, and of the invitations
// that the user has accepted.
func throughOthers(ctx context.Context, l *listing, c *cluster, user types.NamespacedName) ([]v1alpha1.Object, error) {
	const byUser, byGroup, byInvitation = "spec.subject.user", "spec.subject.group", "spec.subject.invitation"
	within := client.InNamespace(user.Namespace)
	subjects := map[string]map[types.NamespacedName]bool{byGroup: {}, byInvitation: {}}
	memberships, notMembers := c.list(ctx, &v1alpha1.GroupMembershipList{}, within, client.MatchingFields{"spec.user": user.Name})
	for _, object := range memberships {
		if membership := object.(*v1alpha1.GroupMembership); membership.Status.InForce {
			subjects[byGroup][types.NamespacedName{Namespace: membership.Namespace, Name: membership.Spec.Group}] = true
		}
	}
	invitations, notInvited := c.list(ctx, &v1alpha1.InvitationList{}, within, client.MatchingFields{"spec.acceptedBy": user.Name})
	for _, object := range invitations {
		if invitation := object.(*v1alpha1.Invitation); invitation.Status.Phase == v1alpha1.InvitationAccepted {
			subjects[byInvitation][client.ObjectKeyFromObject(invitation)] = true
		}
	}
	var objects []v1alpha1.Object
	failed := []error{notMembers, notInvited}
	for field, names := range subjects {
		for name := range names {
			// A filter of the same field is another subject, and one of another field is in the way.
			if asked := l.value(field); asked != "" && asked != name.Name {
				continue
			}
			found, err := l.selected(ctx, c, name.Namespace, map[string]string{byUser: "", field: name.Name})
			failed = append(failed, err)
			objects = append(objects, found...)
		}
	}
	return objects, errors.Join(failed...)
}
