package plugin

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/ui"
)

// uiPort is where the page is unless somebody says otherwise: the same each time, so that its addresses can be kept.
const uiPort = 8642

func (p *plugin) uiCommand() *cobra.Command {
	var port int
	command := &cobra.Command{
		Use:   "ui",
		Short: "Shows the organization as a web page on this computer",
		Long: `Shows the organization as a web page on this computer: places, people, roles, questions, what ends, and what is wrong.

The page has the rights of your kubeconfig and no others, is served on loopback alone, and follows changes. The address that is
printed is good for one browser, which keeps a cookie. It ends with this command.`,
		Example: `  # Look at acme
  kubectl authz ui --namespace acme`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(command.Context())
			defer cancel()
			if isPipe(p.Streams.In) {
				go func() {
					_, _ = io.Copy(io.Discard, p.Streams.In) // whoever started this has ended when there is no more
					cancel()
				}()
			}
			options := ui.Options{Client: c.WithWatch, Organization: c.organization, Clock: p.Clock, Port: port}
			return ui.Serve(ctx, options, func(url string) {
				fmt.Fprintf(p.Streams.Out, "Open %s\n", url)
				fmt.Fprintln(p.Streams.ErrOut, "End it with Ctrl-C.")
			})
		},
	}
	command.Flags().IntVar(&port, "port", uiPort, "on 127.0.0.1; 0 is any that is free")
	return command
}

// isPipe says whether input comes from another program, by a pipe or a socket. A terminal ends this one by a signal.
func isPipe(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}
