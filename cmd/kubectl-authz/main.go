// Command kubectl-authz is a kubectl plugin: who may do what, where, until when and why, computed from the
// resources that the user may read.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // what a kubeconfig may name
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/plugin"
)

// Set by the build.
var (
	version = "development"
	commit  = "unknown"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	options := plugin.Options{
		Streams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Clock:   clock.RealClock{},
		Version: version + " (" + commit + ")",
	}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		options.Progress = os.Stderr
	}
	return plugin.Run(ctx, os.Args[1:], options)
}
