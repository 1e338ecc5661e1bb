package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
)

// The commands that the chart's hooks run, in the operator's image and with rights of their own.
const (
	checkInstallation = "check-installation"
	checkUninstall    = "check-uninstall"
)

// checkAgain is how long a check of an installation that is just coming up waits before it looks again.
const checkAgain = time.Second

// check runs the command that the first argument names.
func check(ctx context.Context, cluster func() (*rest.Config, error), arguments []string) error {
	set := pflag.NewFlagSet("bailiwick "+arguments[0], pflag.ExitOnError)
	var run func(client.Client) error
	switch arguments[0] {
	case checkInstallation:
		namespace := set.String("namespace", "bailiwick-system", "where a Group is tried to be made")
		decisions := set.String("decision-url", "", "the URL of AuthZEN; empty does not ask it")
		authority := set.String("decision-ca-file", "", "file with the certificates that AuthZEN's is signed by, if they are not the system's")
		wait := set.Duration("wait", time.Minute, "how long to wait until the installation works")
		run = func(c client.Client) error {
			return eventually(ctx, *wait, func() error {
				if err := installation.CheckWebhook(ctx, c, *namespace); err != nil || *decisions == "" {
					return err
				}
				return installation.CheckDecisions(ctx, *decisions, *authority)
			})
		}
	case checkUninstall:
		run = func(c client.Client) error { return nothingRemains(ctx, c) }
	default:
		return fmt.Errorf("%s: there are the commands %s and %s, and without a command the operator runs", arguments[0], checkInstallation, checkUninstall)
	}
	if err := set.Parse(arguments[1:]); err != nil {
		return err
	}
	config, err := cluster()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("setting up the client: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("setting up the client: %w", err)
	}
	return run(c)
}

// eventually tries until it succeeds, or for as long as it may.
func eventually(ctx context.Context, wait time.Duration, try func() error) error {
	deadline := time.After(wait)
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-deadline:
			return fmt.Errorf("after %s: %w", wait, err)
		case <-time.After(checkAgain):
		}
	}
}

// nothingRemains refuses to have the operator go before what only it can let go of.
func nothingRemains(ctx context.Context, cluster client.Reader) error {
	remaining, err := installation.Remaining(ctx, cluster)
	if err != nil || len(remaining) == 0 {
		return err
	}
	return fmt.Errorf("not uninstalled, since there are still %s. Each has a finalizer that only the operator removes: without it they, "+
		"and their namespaces, can't be deleted. Delete them first, as docs/operations.md says; or, to keep them for a later "+
		"installation, uninstall without this check: helm uninstall --no-hooks", strings.Join(remaining, ", "))
}
