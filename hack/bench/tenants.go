package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const (
	// writesASecond are those of an organization that does its worst.
	writesASecond = 20
	// underWay is how many of them are waited for at once.
	underWay = 8
	// roundsBeside is how often each of what is compared has its turn, so that other work on the machine falls on all alike.
	roundsBeside = 10
)

// beside is what was measured of an organization's own writes in the turns of one attack.
type beside struct {
	attack
	took [3][]time.Duration
	// sent are the writes of the attack a second, and cpu what the operator used of a processor in each turn.
	sent, cpu float64
	// failed are those that were not answered as they should have been, as where everything is too busy.
	failed int
}

// measureTenants has organizations do their worst within the limits, each in turn, and compares what another's writes, grants and
// deletions take meanwhile with what they take in quiet, and beside as many writes that are none of Bailiwick's: what these take is
// the API server's.
func (b *bench) measureTenants(ctx context.Context) error {
	attacks, err := b.prepareAttacks(ctx)
	if err != nil {
		return err
	}
	if _, err := b.lifetimes(ctx, "warm", 20); err != nil {
		return err
	}
	quiet := &beside{attack: attack{name: "in quiet"}}
	var others, turns []*beside
	for _, a := range attacks {
		others = append(others, &beside{attack: a})
		turns = append(turns, quiet, others[len(others)-1])
	}
	// Quiet has a turn beside each of the others, so that it has as many of them as all others together.
	for round := range roundsBeside {
		for n, what := range turns {
			if err := b.measureBeside(ctx, what, fmt.Sprintf("round-%d-%d", round, n), b.scaled(1000/roundsBeside)); err != nil {
				return fmt.Errorf("%s: %w", what.name, err)
			}
		}
	}
	for _, of := range others {
		b.report.told(of.name+": writes", of.sent/roundsBeside, "writes/s")
		b.report.told(of.name+": of them failed", float64(of.failed), "")
		b.report.told(of.name+": the operator's CPU, beside "+fmt.Sprintf("%.2f in quiet", quiet.cpu/float64(roundsBeside*len(others))), of.cpu/roundsBeside, "s/s")
	}
	for n, what := range []string{"a create", "from a create to in force", "from a delete to gone"} {
		for _, of := range append([]*beside{quiet}, others...) {
			b.report.told(fmt.Sprintf("%s %s, p50", what, of.name), milliseconds(percentile(of.took[n], 0.5)), "ms")
			b.report.told(fmt.Sprintf("%s %s, %s", what, of.name, highest(of.took[n])), milliseconds(percentile(of.took[n], 0.99)), "ms")
		}
		for _, of := range others {
			ratio := float64(percentile(of.took[n], 0.99)) / float64(percentile(quiet.took[n], 0.99))
			name := fmt.Sprintf("%s %s, the ratio of %s to quiet", what, of.name, highest(of.took[n]))
			if of.isControl {
				b.report.told(name, ratio, "")
			} else {
				b.report.atMost(name, ratio, "", 2)
			}
			for _, control := range others {
				if control.name == of.control {
					name := fmt.Sprintf("%s %s, the ratio of %s to that %s", what, of.name, highest(of.took[n]), control.name)
					b.report.told(name, float64(percentile(of.took[n], 0.99))/float64(percentile(control.took[n], 0.99)), "")
				}
			}
		}
	}
	return nil
}

// highest says what a p99 of so many is.
func highest(took []time.Duration) string {
	if len(took) < 100 {
		return fmt.Sprintf("the longest of %d", len(took))
	}
	return "p99"
}

// measureBeside measures some of an organization's writes beside others, and returns when what these caused is over.
func (b *bench) measureBeside(ctx context.Context, what *beside, prefix string, count int) error {
	before, err := b.counters(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	stop := func() (float64, int) { return 0, 0 }
	if what.write != nil {
		stop = doWorst(ctx, what.attack)
	}
	took, err := b.lifetimes(ctx, prefix, count)
	after, failed := b.counters(ctx)
	what.cpu += (after.cpu - before.cpu) / time.Since(began).Seconds()
	sent, unanswered := stop()
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	for n := range took {
		what.took[n] = append(what.took[n], took[n]...)
	}
	what.sent += sent
	what.failed += unanswered
	if what.settled == nil {
		return nil
	}
	return b.until(ctx, "what the attack changed has settled", what.settled)
}

// doWorst writes until stop is called, which returns how many writes a second there were, and how many failed.
func doWorst(ctx context.Context, a attack) (stop func() (sent float64, failed int)) {
	ctx, cancel := context.WithCancel(ctx)
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	var sent, failed int
	atOnce, interval := underWay, time.Second/writesASecond
	if a.atOnce {
		atOnce, interval = clients, time.Nanosecond
	}
	room := make(chan struct{}, atOnce)
	all.Go(func() {
		ticks := time.NewTicker(interval)
		defer ticks.Stop()
		for n := range math.MaxInt {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				room <- struct{}{}
			}
			all.Go(func() {
				defer func() { <-room }()
				err := a.write(ctx, n)
				mu.Lock()
				defer mu.Unlock()
				if sent++; err != nil && ctx.Err() == nil {
					failed++
				}
			})
		}
	})
	return func() (float64, int) {
		cancel()
		all.Wait()
		return float64(sent) / time.Since(began).Seconds(), failed
	}
}

// lifetimes creates assignments and deletes them, one after the other, and says how long each took to be created, to be in force,
// and to be gone.
func (b *bench) lifetimes(ctx context.Context, prefix string, count int) (took [3][]time.Duration, err error) {
	watcher, err := b.client.Watch(ctx, &v1alpha1.RoleAssignmentList{}, client.InNamespace(organization))
	if err != nil {
		return took, fmt.Errorf("watching assignments: %w", err)
	}
	defer watcher.Stop()
	workspace, project := projectOf(0)
	for n := range count {
		object := build.RoleAssignment(organization, fmt.Sprint(prefix, "-", n)).Gives(role).ToUser(userOf(1)).InProject(workspace, project).Obj()
		until := func(what string, is func(watch.Event) bool) error {
			for event := range watcher.ResultChan() {
				if found, ok := event.Object.(client.Object); ok && found.GetName() == object.Name && is(event) {
					return nil
				}
			}
			return fmt.Errorf("waiting until %s: %w", what, errors.Join(errors.New("the watch has ended"), ctx.Err()))
		}
		began := time.Now()
		if err := b.client.Create(ctx, object); err != nil {
			return took, fmt.Errorf("creating an assignment: %w", err)
		}
		took[0] = append(took[0], time.Since(began))
		if err := until("it is in force", func(event watch.Event) bool { return event.Object.(*v1alpha1.RoleAssignment).Status.InForce }); err != nil {
			return took, err
		}
		took[1] = append(took[1], time.Since(began))
		began = time.Now()
		if err := b.client.Delete(ctx, object); err != nil {
			return took, fmt.Errorf("deleting an assignment: %w", err)
		}
		if err := until("it is gone", func(event watch.Event) bool { return event.Type == watch.Deleted }); err != nil {
			return took, err
		}
		took[2] = append(took[2], time.Since(began))
	}
	return took, nil
}
