// Command demo shows Bailiwick at work: a Kubernetes API server of its own, the operator as it would run
// in a cluster, and an authorization store that is asked as an application would ask it. It exits 0 if
// every answer was as expected, and leaves nothing behind, however it ends.
//
// With --stay it starts the same and waits to be interrupted, for those who want to try for themselves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	stay := flag.Bool("stay", false, "keep running until interrupted, instead of showing things")
	flag.Parse()
	// What the libraries log is not for the audience.
	ctrl.SetLogger(logr.Discard())

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	perform := show
	if *stay {
		perform = hold
	}
	err := run(ctx, perform)
	interrupted := ctx.Err() != nil
	cancel()

	switch {
	case interrupted && *stay:
		// That is how it is meant to end.
	case interrupted:
		fmt.Println("\nInterrupted. Everything that was started has been stopped.")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// run starts everything, lets perform use it, and stops everything.
func run(ctx context.Context, perform func(context.Context, *theatre) error) (err error) {
	s, err := setUp(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return perform(ctx, s)
}

// show goes through the steps of the demo.
func show(ctx context.Context, s *theatre) error {
	for i, step := range steps {
		fmt.Printf("\n%d. %s\n", i+1, step.title)
		tell(step.words)
		if err := step.show(ctx, s); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, step.title, err)
		}
	}
	fmt.Println()
	tell(fmt.Sprintf("That was it, with every answer as expected. The store was asked %d times, and half of its answers took less than %s. Everything is being stopped.",
		len(s.store.took), s.store.median().Round(10*time.Microsecond)))
	tell("`make run` starts the same and stays, for you to try. What was applied is in config/samples.")
	return nil
}
