package plugin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

func (p *plugin) grantsCommand() *cobra.Command {
	var tags, sortBy []string
	l := &listing{
		list:    &v1alpha1.TemporaryPermissionGrantList{},
		columns: []string{"Name", "User", "Permission", "Scope", "Phase", "Expires", "Creator", "Tags"},
		row: func(o v1alpha1.Object) []string {
			grant := o.(*v1alpha1.TemporaryPermissionGrant)
			return []string{
				o.GetName(), grant.Spec.User, grant.Spec.PermissionGrant.Permission, state.PathOf(o.GetNamespace(), &grant.Spec.Scope).String(),
				string(grant.Status.Phase), p.expires(grant), grant.Status.Creator, tagsText(grant.Spec.Tags),
			}
		},
	}
	command := &cobra.Command{
		Use:   "grants",
		Short: "Temporary grants, by user, permission, phase, creator and tag",
		Long: `Temporary grants, by user, permission, phase, creator and tag.

All flags can be combined: a grant is listed if it fits all of them. A tag is written key:value for this
value, key:* for any value, and key: for none.`,
		Example: `  # What has Bob now, soonest to end first?
  kubectl authz grants --user bob --phase Active --sort-by expiry

  # Everything of a ticket, by user and then by permission
  kubectl authz grants --tag 'ticket:CR 4711' --sort-by user,permission`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			fits, err := tagFilter(tags)
			if err != nil {
				return err
			}
			order, err := grantOrder(sortBy)
			if err != nil {
				return err
			}
			objects, err := p.read(command.Context(), l)
			if err != nil {
				return err
			}
			objects = slices.DeleteFunc(objects, func(o v1alpha1.Object) bool { return !fits(o.(*v1alpha1.TemporaryPermissionGrant)) })
			slices.SortStableFunc(objects, func(a, b v1alpha1.Object) int {
				return order(a.(*v1alpha1.TemporaryPermissionGrant), b.(*v1alpha1.TemporaryPermissionGrant))
			})
			return p.write(l, objects)
		},
	}
	l.addFlags(command)
	p.selectByUser(l, command, "spec.user", "to this User, by name or subject")
	p.selectBy(l, command, "permission", "spec.permissionGrant.permission", "of this permission", permissions)
	p.selectByPhase(l, command)
	p.selectBy(l, command, "creator", "status.creator", "made by this user of the cluster", anything)
	p.selectByPlace(l, command)
	command.Flags().StringArrayVar(&tags, "tag", nil, "with this tag, as key:value, key:* (any value) or key: (none); may be repeated")
	command.Flags().StringSliceVar(&sortBy, "sort-by", nil, "user, expiry or permission, or several of these, the first before the others; by name without")
	p.complete(command, "sort-by", fixed(slices.Sorted(maps.Keys(grantOrders))...))
	return command
}

// selectByPhase adds a flag that narrows a listing to a phase of what begins or ends by itself.
func (p *plugin) selectByPhase(l *listing, command *cobra.Command) {
	phases := []string{string(v1alpha1.PhasePending), string(v1alpha1.PhaseActive), string(v1alpha1.PhaseExpired)}
	p.selectBy(l, command, "phase", "status.phase", "Pending, Active or Expired", fixed(phases...))
}

// tagFilter keeps grants that have all of these tags (G9).
func tagFilter(written []string) (func(*v1alpha1.TemporaryPermissionGrant) bool, error) {
	for _, tag := range written {
		if key, _, ok := strings.Cut(tag, ":"); !ok || key == "" {
			return nil, fmt.Errorf("--tag=%s: write key:value, key:* for any value, or key: for none", tag)
		}
	}
	return func(grant *v1alpha1.TemporaryPermissionGrant) bool {
		return !slices.ContainsFunc(written, func(tag string) bool {
			key, want, _ := strings.Cut(tag, ":") // neither keys nor values have a colon, nor an asterisk
			value, tagged := grant.Spec.Tags[key]
			return !tagged || want != "*" && want != string(value)
		})
	}, nil
}

type compareGrants func(a, b *v1alpha1.TemporaryPermissionGrant) int

// grantOrders are what grants can be sorted by.
var grantOrders = map[string]compareGrants{
	"user": func(a, b *v1alpha1.TemporaryPermissionGrant) int { return strings.Compare(a.Spec.User, b.Spec.User) },
	"permission": func(a, b *v1alpha1.TemporaryPermissionGrant) int {
		return strings.Compare(a.Spec.PermissionGrant.Permission, b.Spec.PermissionGrant.Permission)
	},
	"expiry": func(a, b *v1alpha1.TemporaryPermissionGrant) int { return deadline(a).Compare(deadline(b)) },
}

// grantOrder sorts by the first of these, then by the next; what is the same in all of them, by name.
func grantOrder(names []string) (compareGrants, error) {
	var orders []compareGrants
	for _, name := range names {
		order, ok := grantOrders[name]
		if !ok {
			return nil, fmt.Errorf("--sort-by=%s: it is user, expiry or permission", name)
		}
		orders = append(orders, order)
	}
	return func(a, b *v1alpha1.TemporaryPermissionGrant) int {
		for _, order := range orders {
			if which := order(a, b); which != 0 {
				return which
			}
		}
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	}, nil
}

// deadline is when a grant ends, as the operator has found. One that it has not seen yet comes first.
func deadline(grant *v1alpha1.TemporaryPermissionGrant) time.Time {
	if grant.Status.ExpiresAt == nil {
		return time.Time{}
	}
	return grant.Status.ExpiresAt.Time
}

// expires is when an object ends by itself, nothing where it does not.
func (p *plugin) expires(object v1alpha1.Object) string {
	ending, ends := query.EndingOf(object)
	if !ends {
		return ""
	}
	return p.relative(ending.Ends)
}

// tagsText are tags as --tag takes them.
func tagsText(tags map[string]v1alpha1.TagValue) string {
	written := make([]string, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		written = append(written, key+":"+string(tags[key]))
	}
	return strings.Join(written, ",")
}
