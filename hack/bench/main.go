// Command bench measures what docs/performance.md promises: it starts a control plane, the operator as a
// process of its own, and its store, measures the API server's own ceiling in the same run, and prints a
// table of each figure beside its target. bin/bench.json has the same, for programs.
//
// BENCH_SCALE, a number up to 1, makes the run smaller. The targets that depend on the size are those of a
// whole run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

func main() {
	// What the libraries log belongs to no figure.
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	scale, err := scaleOf(os.Getenv("BENCH_SCALE"))
	if err != nil {
		return err
	}
	s, err := stage.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	b, err := newBench(s, scale)
	if err != nil {
		return err
	}
	sayf("%d processors, scale %g", runtime.NumCPU(), scale)
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"the API server's ceiling", b.measureCeiling},
		{"installing, and the organization", b.begin},
		{"convergence", b.measureConvergence},
		{"what the webhooks add", b.measureWebhook},
		{"AuthZEN beside OpenFGA", b.measureDecisions},
		{"delete to deny", b.measureRevocation},
		{"one deadline for many", b.measureDeadlines},
		{"many assignments", b.measureMany},
		{"a role edit", b.measureRoleEdit},
		{"resync and restart", b.measureRestart},
		{"replicas that only answer", b.measureReaders},
		{"people by SCIM", b.measurePeople},
		{"one organization while another does its worst", b.measureTenants},
		{"a deadline without the operator", b.measureLateness},
	} {
		began := time.Now()
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		sayf("%s: %s", part.name, time.Since(began).Round(100*time.Millisecond))
	}
	return b.report.publish("bin/bench.json")
}

// scaleOf reads how large the run is to be.
func scaleOf(written string) (float64, error) {
	if written == "" {
		return 1, nil
	}
	scale, err := strconv.ParseFloat(written, 64)
	if err != nil || scale <= 0 || scale > 1 {
		return 0, fmt.Errorf("BENCH_SCALE=%s: it is a number above 0, up to 1", written)
	}
	return scale, nil
}

// sayf tells whoever waits what is going on.
func sayf(format string, args ...any) {
	fmt.Printf("%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
