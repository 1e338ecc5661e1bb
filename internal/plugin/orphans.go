package plugin

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/query"
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
	problem, wrong := query.ProblemOf(object)
	waits := meta.IsStatusConditionTrue(object.CommonStatus().Conditions, v1alpha1.ConditionReconciling)
	return wrong && (problem.Orphan || waits && problem.Since.Before(before))
}

func longestUnready(a, b v1alpha1.Object) int {
	first, _ := query.ProblemOf(a)
	second, _ := query.ProblemOf(b)
	return cmp.Or(first.Since.Compare(second.Since), strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
}

func (p *plugin) orphanRow(object v1alpha1.Object) []string {
	problem, _ := query.ProblemOf(object)
	return []string{problem.Kind, problem.Name, problem.Reason, p.relative(problem.Since), problem.Message}
}
