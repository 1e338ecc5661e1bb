package plugin

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

func (p *plugin) expiringCommand() *cobra.Command {
	l := &listing{
		columns: []string{"Kind", "Name", "For", "What", "Expires"},
		row:     p.expiringRow,
	}
	var within string
	command := &cobra.Command{
		Use:   "expiring",
		Short: "Whatever ends soon by itself, the soonest first",
		Example: `  # What ends until this time tomorrow?
  kubectl authz expiring --within 24h`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			length, err := policy.ParseDuration(v1alpha1.Duration(within))
			if err != nil {
				return fmt.Errorf("--within: %w", err)
			}
			now := p.Clock.Now()
			kinds := []client.ObjectList{
				&v1alpha1.RoleAssignmentList{}, &v1alpha1.PermissionGrantList{}, &v1alpha1.GroupMembershipList{},
				&v1alpha1.TemporaryPermissionGrantList{}, &v1alpha1.InvitationList{},
			}
			return p.listKinds(command.Context(), l, kinds, func(object v1alpha1.Object) bool {
				ends, open := endOf(object)
				return open && ends.After(now) && !ends.After(now.Add(length))
			}, soonest)
		},
	}
	l.addFlags(command)
	command.Flags().StringVar(&within, "within", "24h", "from now on for so long, as in 24h, PT8H or P7D")
	return command
}

// endOf is when an object ends by itself, and whether that is still to come about: an invitation that has
// been accepted does not.
func endOf(object v1alpha1.Object) (time.Time, bool) {
	var ends *metav1.Time
	switch o := object.(type) {
	case *v1alpha1.TemporaryPermissionGrant:
		ends = o.Status.ExpiresAt
	case *v1alpha1.Invitation:
		if o.Status.Phase == v1alpha1.InvitationPending {
			ends = o.Status.ExpiresAt
		}
	default:
		if _, status := v1alpha1.WindowOf(object); status != nil {
			ends = status.ExpiresAt
		}
	}
	if ends == nil {
		return time.Time{}, false
	}
	return ends.Time, true
}

func soonest(a, b v1alpha1.Object) int {
	first, _ := endOf(a)
	second, _ := endOf(b)
	return cmp.Or(first.Compare(second), strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
}

func (p *plugin) expiringRow(object v1alpha1.Object) []string {
	ref := kinds.RefOf(object)
	row := []string{ref.Kind, ref.Name}
	switch o := object.(type) {
	case *v1alpha1.TemporaryPermissionGrant:
		row = append(row, o.Spec.User, fmt.Sprintf("%s at %s", o.Spec.PermissionGrant.Permission, state.PathOf(o.Namespace, &o.Spec.Scope)))
	case *v1alpha1.RoleAssignment:
		row = append(row, o.Status.Subject, fmt.Sprintf("%s at %s", o.Spec.RoleRef.Name, o.Status.Scope))
	case *v1alpha1.PermissionGrant:
		row = append(row, o.Status.Subject, fmt.Sprintf("%s at %s", entriesText(o.Spec.Permissions), o.Status.Scope))
	case *v1alpha1.GroupMembership:
		row = append(row, o.Spec.User, fmt.Sprintf("%s of %s", o.Spec.Role, o.Spec.Group))
	case *v1alpha1.Invitation:
		row = append(row, o.Spec.Email, "can be accepted")
	}
	return append(row, p.expires(object))
}

// entriesText is the permission of a grant, or how many more there are.
func entriesText(entries []v1alpha1.PermissionEntry) string {
	if more := len(entries) - 1; more > 0 {
		return fmt.Sprintf("%s and %d more", entries[0].Permission, more)
	}
	return entries[0].Permission
}
