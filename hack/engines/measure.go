package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// engine answers questions about a world.
type engine interface {
	may(ctx context.Context, q question) (bool, error)
	// revoke takes an assignment away. When it returns, no answer that is given from then on knows of it.
	revoke(ctx context.Context, a assignment) error
	close() error
}

// row is what was measured of one engine.
type row struct {
	name, version string
	p50, p99      time.Duration
	// alone and many are answers a second, with one asker and with askers.
	alone, many float64
	// memory is what the engine keeps for the whole organization, in bytes of Go's heap.
	memory uint64
	// lastYes is how long after a revocation began the last question was answered with yes: the median, and the longest.
	lastYes, latestYes time.Duration
}

const askers = 32

func measure(ctx context.Context, w *world, start func(context.Context, *world) (engine, error), duration time.Duration) (r row, err error) {
	before := heap()
	e, err := start(ctx, w)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	r.memory = heap() - min(before, heap())
	asked := w.questions(20_000)
	right := make([]bool, len(asked))
	for n, q := range asked {
		right[n] = w.may(q)
	}
	check := func(n int) error {
		n %= len(asked)
		allowed, err := e.may(ctx, asked[n])
		if err == nil && allowed != right[n] {
			err = fmt.Errorf("%+v is answered with %t, and the organization says %t", asked[n], allowed, right[n])
		}
		return err
	}
	if r.p50, r.p99, r.alone, err = askAlone(check, duration); err != nil {
		return r, err
	}
	if r.many, err = askTogether(check, duration); err != nil {
		return r, err
	}
	r.lastYes, r.latestYes, err = revokeAll(ctx, e, w)
	return r, err
}

// heap is how much of it is in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what a finalizer held in the first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func askAlone(check func(n int) error, duration time.Duration) (p50, p99 time.Duration, rate float64, err error) {
	var took []time.Duration
	began := time.Now()
	for n := 0; time.Since(began) < duration; n++ {
		before := time.Now()
		if err := check(n); err != nil {
			return 0, 0, 0, err
		}
		took = append(took, time.Since(before))
	}
	rate = float64(len(took)) / time.Since(began).Seconds()
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], rate, nil
}

func askTogether(check func(n int) error, duration time.Duration) (rate float64, err error) {
	var all sync.WaitGroup
	var answered atomic.Int64
	failed := make([]error, askers)
	began := time.Now()
	for a := range askers {
		all.Go(func() {
			for n := a * 7919; time.Since(began) < duration && failed[a] == nil; n++ {
				failed[a] = check(n)
				answered.Add(1)
			}
		})
	}
	all.Wait()
	return float64(answered.Load()) / time.Since(began).Seconds(), errors.Join(failed...)
}

// revokeAll takes the assignments of leavers away, one after the other, while what each gives is asked without pause.
func revokeAll(ctx context.Context, e engine, w *world) (median, longest time.Duration, err error) {
	var took []time.Duration
	for _, a := range w.leaving() {
		q := question{user: a.user, permission: permissionOf(a.role, 0), place: a.place}
		if allowed, err := e.may(ctx, q); err != nil || !allowed {
			return 0, 0, fmt.Errorf("before the revocation of %s: allowed %t, %w", a.name, allowed, err)
		}
		one, err := revoke(ctx, e, a, q)
		if err != nil {
			return 0, 0, fmt.Errorf("revoking %s: %w", a.name, err)
		}
		took = append(took, one)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1], nil
}

func revoke(ctx context.Context, e engine, a assignment, q question) (lastYes time.Duration, err error) {
	var last time.Time
	asking, first := make(chan error, 1), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			allowed, err := e.may(ctx, q)
			if n == 0 {
				close(first)
			}
			if err != nil || !allowed {
				asking <- err
				return
			}
			last = time.Now()
		}
	}()
	<-first
	began := time.Now()
	if err := e.revoke(ctx, a); err != nil {
		return 0, err
	}
	if allowed, err := e.may(ctx, q); err != nil || allowed {
		return 0, fmt.Errorf("afterwards: allowed %t, %w", allowed, err)
	}
	err = <-asking
	return max(0, last.Sub(began)), err
}

// versionOf is the version of a module that this program is built with, empty for none.
func versionOf(module string) string {
	built, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dependency := range built.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return ""
}

func printTable(to io.Writer, rows []row) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "engine\tversion\tp50 µs\tp99 µs\tanswers/s\twith %d askers\tmemory MB\tlast yes µs\tlongest µs\tp50 over the first\n", askers)
	microseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t%.0f\t%.0f\t%.1f\n", r.name, r.version, microseconds(r.p50), microseconds(r.p99),
			r.alone, r.many, float64(r.memory)/1e6, microseconds(r.lastYes), microseconds(r.latestYes), float64(r.p50)/float64(rows[0].p50))
	}
	_ = table.Flush() // It goes to a terminal or nowhere.
}
