// Package plugin has the commands of the plugin kubectl-authz. They read what their user may read, leave it
// to package query to say what that means, and say when it is not enough.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// The exit statuses of the plugin.
const (
	// StatusOK is success, and the answer yes.
	StatusOK = 0
	// StatusNo is the answer no.
	StatusNo = 1
	// StatusFailed is no answer, or not all of it: something could not be read, or was asked wrongly.
	StatusFailed = 2
)

// Options are what the commands are given from outside.
type Options struct {
	Streams genericiooptions.IOStreams
	// Clock says what has begun and ended.
	Clock clock.PassiveClock
	// Progress is where to say what takes long; nil where nobody watches.
	Progress io.Writer
	// Version is what --version prints.
	Version string
}

// errNo is the answer no, which has been printed.
var errNo = errors.New("no")

// Run runs the plugin with the arguments that follow its name, and returns its exit status. What has
// failed is printed.
func Run(ctx context.Context, args []string, options Options) int {
	command := newCommand(options)
	command.SetArgs(args)
	err := command.ExecuteContext(ctx)
	switch {
	case err == nil:
		return StatusOK
	case errors.Is(err, errNo):
		return StatusNo
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(options.Streams.ErrOut, "error:", line)
		}
		return StatusFailed
	}
}

// plugin is what all commands share.
type plugin struct {
	Options
	flags  *genericclioptions.ConfigFlags
	output string
}

func newCommand(options Options) *cobra.Command {
	p := &plugin{Options: options, flags: genericclioptions.NewConfigFlags(true)}
	p.flags.CacheDir = nil // nothing is discovered, so nothing is cached
	root := &cobra.Command{
		Use:   "kubectl-authz",
		Short: "Who has which access",
		Long: `Who has which access.

Every answer is computed from the resources of Bailiwick that you may read. Where you may not read enough,
the answer says so. An organization is a namespace: choose it with --namespace.

Exit status: 0 is success, and yes; 1 is no; 2 is no answer, or not all of it.`,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl authz"},
		Version:     options.Version,
		PersistentPreRunE: func(command *cobra.Command, _ []string) error {
			return p.checkOutput(command)
		},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(options.Streams.In)
	root.SetOut(options.Streams.Out)
	root.SetErr(options.Streams.ErrOut)
	p.flags.AddFlags(root.PersistentFlags())
	root.PersistentFlags().StringVarP(&p.output, "output", "o", outputTable, "table, json or yaml; some commands have more")
	root.AddCommand(
		p.canICommand(), p.whoCanCommand(), p.explainCommand(),
		p.grantsCommand(), p.assignmentsCommand(), p.membershipsCommand(), p.expiringCommand(), p.orphansCommand(),
		p.requestCommand(), p.requestsCommand(), p.withdrawCommand(),
		p.decideCommand("approve", v1alpha1.VerdictApprove, "Approve a request"),
		p.decideCommand("deny", v1alpha1.VerdictDeny, "Deny a request"),
		p.importCommand(), p.initCommand(),
		p.treeCommand(), p.userCommand(), p.reportCommand(), p.uiCommand(),
	)
	err := root.RegisterFlagCompletionFunc("output", func(command *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return beginning(formats(command), begun), cobra.ShellCompDirectiveNoFileComp
	})
	utilruntime.Must(err) // the flag has been defined just before
	p.complete(root, "namespace", namespaces)
	return root
}
