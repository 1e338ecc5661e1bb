// Command engines asks Bailiwick, OpenFGA, cedar-go and OPA the same questions about the same organization, in one process, and
// prints what each needs: see docs/performance.md. It fails where an answer is not what the organization says.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	users := flag.Int("users", 1000, "how many users the organization has, each with 5 roles at projects and in 3 groups")
	duration := flag.Duration("for", 3*time.Second, "how long each engine is asked, by one asker and then by 32")
	flag.Parse()
	err := run(ctx, *users, *duration)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, users int, duration time.Duration) error {
	w := newWorld(users)
	fmt.Printf("%d users, %d assignments, %d groups, %d scopes, %d roles of %d permissions; %d processors, %s\n\n",
		users, len(w.assignments), len(w.groups), w.scopes(), roles, permissions, runtime.NumCPU(), runtime.Version())
	var rows []row
	for _, kind := range []struct {
		name, module string
		start        func(context.Context, *world) (engine, error)
	}{
		{"Bailiwick, in the process", "", startBailiwick},
		{"Bailiwick, AuthZEN over HTTP", "", startAuthZEN},
		{"cedar-go, in the process", "github.com/cedar-policy/cedar-go", startCedar},
		{"OPA, in the process", "github.com/open-policy-agent/opa", startOPA},
		{"OpenFGA, in the process, SQLite", "github.com/openfga/openfga", startOpenFGA},
	} {
		measured, err := measure(ctx, w, kind.start, duration)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		measured.name, measured.version = kind.name, cmp.Or(versionOf(kind.module), "this one")
		rows = append(rows, measured)
	}
	printTable(os.Stdout, rows)
	return nil
}
