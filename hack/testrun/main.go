// Command testrun runs the tests of every module of the checkout, and then says where the time went. `make test` runs it
// in the top directory, with everything built that the tests start.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// lanes run at the same time, and the jobs of a lane one after another. The integration tests are about as much work as
// all others together. What waits a lot comes first, so that nothing of it is left to wait alone.
func lanes(logs string) [][]job {
	return [][]job{
		{integration(logs)},
		{
			packages("test/gitops/argocd", logs, true), packages("test/gitops/flux", logs, true), packages(".", logs, false),
			packages("test/schema/inprocess", logs, true), packages("test/chart", logs, false), packages("test/monitoring", logs, false),
		},
	}
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	passed, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
	}
	if err != nil || !passed {
		cancel()
		os.Exit(1) //nolint:gocritic // all that is deferred has been done
	}
}

func run(ctx context.Context) (passed bool, err error) {
	logs, err := os.MkdirTemp("", "bailiwick-testrun-")
	if err != nil {
		return false, fmt.Errorf("making a directory for reports: %w", err)
	}
	defer func() { _ = os.RemoveAll(logs) }()
	if logs, err = filepath.EvalSymlinks(logs); err != nil {
		return false, fmt.Errorf("making a directory for reports: %w", err)
	}

	began := time.Now()
	report := &report{out: os.Stdout}
	var running sync.WaitGroup
	for _, lane := range lanes(logs) {
		running.Go(func() {
			for _, job := range lane {
				if err := job.run(ctx, report); err != nil {
					report.fail(job.name, err)
				}
			}
		})
	}
	running.Wait()
	return report.write(time.Since(began)), nil
}
