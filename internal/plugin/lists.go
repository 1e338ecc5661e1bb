package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// write writes what has been read.
func (p *plugin) write(l *listing, objects []v1alpha1.Object) error {
	columns, row := l.columns, l.row
	if l.all {
		columns = append([]string{"Organization"}, columns...)
		row = func(o v1alpha1.Object) []string { return append([]string{o.GetNamespace()}, l.row(o)...) }
	}
	return p.printObjects(objects, columns, row)
}

// listSelected reads and writes what is selected. What could be read is shown, and what could not is an error.
func (p *plugin) listSelected(ctx context.Context, l *listing) error {
	objects, err := p.read(ctx, l)
	if err != nil && len(objects) == 0 {
		return err
	}
	return errors.Join(p.write(l, objects), err)
}

// listKinds writes the objects of several kinds that are to be kept, in an order. What could be read is shown, and what could
// not is an error: this is then not all.
func (p *plugin) listKinds(
	ctx context.Context, l *listing, kinds []client.ObjectList, keep func(v1alpha1.Object) bool, order func(a, b v1alpha1.Object) int,
) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	var found []v1alpha1.Object
	var failed []error
	for _, kind := range kinds {
		objects, err := c.list(ctx, kind, c.within(l.all))
		failed = append(failed, err)
		for _, object := range objects {
			if keep(object) {
				found = append(found, object)
			}
		}
	}
	slices.SortFunc(found, order)
	if len(found) == 0 && !l.all {
		failed = append(failed, c.checkOrganization(ctx))
	}
	unread := errors.Join(failed...)
	if unread != nil && len(found) == 0 {
		return unread
	}
	return errors.Join(p.write(l, found), unread)
}

func (p *plugin) assignmentsCommand() *cobra.Command {
	l := &listing{
		list:    &v1alpha1.RoleAssignmentList{},
		columns: []string{"Name", "Role", "Subject", "Scope", "Expires", "In force", "Reason"},
		row: func(o v1alpha1.Object) []string {
			assignment := o.(*v1alpha1.RoleAssignment)
			subject := &assignment.Spec.Subject
			return []string{
				o.GetName(), assignment.Spec.RoleRef.Name, subjectText(subject.User, subject.Group, subject.Invitation),
				state.PathOf(o.GetNamespace(), &assignment.Spec.Scope).String(), p.expires(o),
				strconv.FormatBool(assignment.Status.InForce), reason(o),
			}
		},
	}
	command := &cobra.Command{
		Use:   "assignments",
		Short: "Who is assigned which role, and where",
		Example: `  # Who is an editor in the project vision of the workspace prod, users and groups alike?
  kubectl authz assignments --role editor --workspace prod --project vision

  # Which roles have ended?
  kubectl authz assignments --phase Expired`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return p.listSelected(command.Context(), l)
		},
	}
	l.through = throughOthers
	l.addFlags(command)
	p.selectBy(l, command, "role", "spec.roleRef.name", "of this Role", names(&v1alpha1.RoleList{}))
	p.selectByUser(l, command, "spec.subject.user", "to this User, by name or subject; also as a member of groups and by accepted invitations")
	p.selectBy(l, command, "group", "spec.subject.group", "to this Group", names(&v1alpha1.GroupList{}))
	p.selectBy(l, command, "invitation", "spec.subject.invitation", "to this Invitation", names(&v1alpha1.InvitationList{}))
	p.selectByPlace(l, command)
	p.selectByPhase(l, command)
	return command
}

// selectByPlace adds flags that narrow a listing to a workspace or a project.
func (p *plugin) selectByPlace(l *listing, command *cobra.Command) {
	p.selectBy(l, command, "workspace", "spec.scope.workspace", "at this workspace, or in it", workspaces)
	p.selectBy(l, command, "project", "spec.scope.project", "at projects of this name, or in them", projects)
}

func (p *plugin) membershipsCommand() *cobra.Command {
	l := &listing{
		list:    &v1alpha1.GroupMembershipList{},
		columns: []string{"Name", "User", "Group", "Role", "Permissions", "Expires", "In force", "Reason"},
		row: func(o v1alpha1.Object) []string {
			membership := o.(*v1alpha1.GroupMembership)
			return []string{
				o.GetName(), membership.Spec.User, membership.Spec.Group, string(membership.Spec.Role), configured(membership),
				p.expires(o), strconv.FormatBool(membership.Status.InForce), reason(o),
			}
		},
	}
	command := &cobra.Command{
		Use:   "memberships",
		Short: "Who is in which group",
		Long: `Who is in which group.

The column PERMISSIONS says how many of the group's configurable permissions an admin has.`,
		Example: `  # Who is in the group engineering?
  kubectl authz memberships --group engineering

  # Who joins a group later?
  kubectl authz memberships --phase Pending`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return p.listSelected(command.Context(), l)
		},
	}
	l.addFlags(command)
	p.selectByUser(l, command, "spec.user", "of this User, by name or subject")
	p.selectBy(l, command, "group", "spec.group", "in this Group", names(&v1alpha1.GroupList{}))
	p.selectByPhase(l, command)
	return command
}

// configured counts the configurable permissions that an admin has; a member has none to speak of.
func configured(membership *v1alpha1.GroupMembership) string {
	if membership.Spec.Role != v1alpha1.GroupAdmin {
		return ""
	}
	held, of := 0, 0
	for _, outcome := range membership.Status.Permissions {
		if outcome.Reason == v1alpha1.ReasonPermissionNotFound {
			continue // an override of what the group does not have
		}
		of++
		if outcome.Granted {
			held++
		}
	}
	return fmt.Sprintf("%d of %d", held, of)
}

func subjectText(user, group, invitation string) string {
	switch {
	case user != "":
		return "user/" + user
	case group != "":
		return "group/" + group
	default:
		return "invitation/" + invitation
	}
}

// reason is what the condition Ready says in one word, if it is about the present spec.
func reason(o v1alpha1.Object) string {
	ready := meta.FindStatusCondition(o.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != o.GetGeneration() {
		return "NotObserved"
	}
	return ready.Reason
}
