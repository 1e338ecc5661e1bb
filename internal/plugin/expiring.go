package plugin

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/query"
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
				ending, ends := query.EndingOf(object)
				return ends && ending.Ends.After(now) && !ending.Ends.After(now.Add(length))
			}, soonest)
		},
	}
	l.addFlags(command)
	command.Flags().StringVar(&within, "within", "24h", "from now on for so long, as in 24h, PT8H or P7D")
	return command
}

func soonest(a, b v1alpha1.Object) int {
	first, _ := query.EndingOf(a)
	second, _ := query.EndingOf(b)
	return cmp.Or(first.Ends.Compare(second.Ends), strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
}

func (p *plugin) expiringRow(object v1alpha1.Object) []string {
	ending, _ := query.EndingOf(object)
	return []string{ending.Kind, ending.Name, ending.For, ending.What, p.relative(ending.Ends)}
}
