package plugin

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// orphanKinds are those that name others.
func orphanKinds() []client.ObjectList {
	return []client.ObjectList{
		&v1alpha1.GroupMembershipList{}, &v1alpha1.InvitationList{}, &v1alpha1.PermissionGrantList{},
		&v1alpha1.RoleAssignmentList{}, &v1alpha1.RoleList{}, &v1alpha1.TemporaryPermissionGrantList{},
	}
}

func (p *plugin) orphansCommand() *cobra.Command {
	l := &listing{
		columns: []string{"Kind", "Name", "Reason", "Since", "Message"},
		row:     p.orphanRow,
	}
	var waiting string
	command := &cobra.Command{
		Use:   "orphans",
		Short: "Objects that name something that is gone, or have waited for long, the oldest first",
		Example: `  # What is left of people, groups and roles that were deleted?
  kubectl authz orphans -A`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			length, err := policy.ParseDuration(v1alpha1.Duration(waiting))
			if err != nil {
				return fmt.Errorf("--waiting: %w", err)
			}
			before := p.Clock.Now().Add(-length)
			return p.listKinds(command.Context(), l, orphanKinds(), func(object v1alpha1.Object) bool { return isOrphan(object, before) }, longestUnready)
		},
	}
	l.addFlags(command)
	command.Flags().StringVar(&waiting, "waiting", "24h", "list also what has waited for so long, whatever for, as in 24h or P7D")
	return command
}

// isOrphan says whether an object names something that is not there, or has waited since before a time.
func isOrphan(object v1alpha1.Object, before time.Time) bool {
	ready := unready(object)
	if ready == nil {
		return false
	}
	waits := meta.IsStatusConditionTrue(object.CommonStatus().Conditions, v1alpha1.ConditionReconciling)
	return strings.HasSuffix(ready.Reason, "NotFound") || waits && ready.LastTransitionTime.Time.Before(before)
}

// unready is why an object is not ready; nil if it is, or if that is not known yet.
func unready(object v1alpha1.Object) *metav1.Condition {
	ready := meta.FindStatusCondition(object.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse {
		return nil
	}
	return ready
}

func longestUnready(a, b v1alpha1.Object) int {
	return cmp.Or(unready(a).LastTransitionTime.Compare(unready(b).LastTransitionTime.Time),
		strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
}

func (p *plugin) orphanRow(object v1alpha1.Object) []string {
	ref, ready := kinds.RefOf(object), unready(object)
	return []string{ref.Kind, ref.Name, ready.Reason, p.relative(ready.LastTransitionTime.Time), ready.Message}
}
