// Command snapshot keeps the state of an installation for the test of upgrades, in a directory that it is
// given: it starts a control plane and the operator that is in bin, applies the samples, and writes down what
// there is then. hack/snapshot.sh calls it when a version is released.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/test/upgrade/kept"
)

func main() {
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "snapshot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, directory string) (err error) {
	s, err := stage.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := s.Install(ctx); err != nil {
		return err
	}
	if err := s.StartOperator(ctx); err != nil {
		return err
	}
	if _, err := s.Kubectl(ctx, "apply", "-k", "config/samples"); err != nil {
		return err
	}
	if _, err := s.Kubectl(ctx, "wait", "--for=condition=Ready", kept.Resources, "--all", "--all-namespaces", stage.WaitArgument); err != nil {
		return err
	}
	state, err := kept.Take(ctx, s)
	if err != nil {
		return err
	}
	if err := state.Write(filepath.Join(directory, "state.json")); err != nil {
		return err
	}
	// The file is whole once it is closed.
	if err := s.Operator.Stop(); err != nil {
		return err
	}
	s.Operator = nil
	file, err := os.ReadFile(s.StorePath())
	if err != nil {
		return fmt.Errorf("reading the store's file: %w", err)
	}
	return os.WriteFile(filepath.Join(directory, "store.db"), file, 0o600)
}
