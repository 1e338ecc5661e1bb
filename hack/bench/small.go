package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// measureConvergence creates assignments and waits until all are in force.
func (b *bench) measureConvergence(ctx context.Context) error {
	before, err := b.counters(ctx)
	if err != nil {
		return err
	}
	count := b.scaled(5000)
	took, err := b.assign(ctx, count)
	if err != nil {
		return err
	}
	after, err := b.counters(ctx)
	if err != nil {
		return err
	}
	rate := float64(count) / took.Seconds()
	b.report.told("assignments, from create to Ready", rate, "objects/s")
	b.report.atLeast("the same, as part of the API server's ceiling", rate/b.pairs, "", 0.8)
	// Beside one for each there is the role, which says once a second how many assignments it has.
	b.report.atMost("operator's API writes per new assignment", (after.apiWrites-before.apiWrites)/float64(count), "", 1.01)
	b.report.told("store writes per new assignment", (after.storeWrites-before.storeWrites)/float64(count), "")
	return nil
}

// measureRevocation deletes one assignment after the other, and asks until it is denied.
func (b *bench) measureRevocation(ctx context.Context) error {
	var took []time.Duration
	for n := range b.scaled(400) {
		assigned := b.assignment(n)
		q := b.questionOf(n, view)
		if allowed, err := b.store.may(ctx, q); err != nil || !allowed {
			return fmt.Errorf("before the deletion: allowed %t, %w", allowed, err)
		}
		began := time.Now()
		if err := b.client.Delete(ctx, assigned); err != nil {
			return fmt.Errorf("deleting an assignment: %w", err)
		}
		for allowed := true; allowed; {
			var err error
			if allowed, err = b.store.may(ctx, q); err != nil {
				return err
			}
		}
		took = append(took, time.Since(began))
	}
	b.report.told("delete to deny, p50", milliseconds(percentile(took, 0.5)), "ms")
	b.report.atMost("delete to deny, p99", milliseconds(percentile(took, 0.99)), "ms", 50)
	// What was taken is given again, so that the numbering has no holes.
	if _, err := each(ctx, 0, len(took), func(ctx context.Context, n int) error { return b.create(ctx, b.assignment(n)) }); err != nil {
		return err
	}
	return b.until(ctx, "all are in force again", func(ctx context.Context) (bool, error) {
		allowed, err := b.store.may(ctx, b.questionOf(len(took)-1, view))
		return allowed, err
	})
}

// measureDeadlines lets many grants end at one moment, and asks for them without pause.
func (b *bench) measureDeadlines(ctx context.Context) error {
	count := b.scaled(10000)
	before, err := b.store.tuples(ctx)
	if err != nil {
		return err
	}
	// Four times what the API server alone needs to create them and to say that they are in force.
	deadline := time.Now().Add(time.Duration(4*float64(count)/b.pairs*float64(time.Second)) + 20*time.Second).Truncate(time.Second)
	_, err = each(ctx, 0, count, func(ctx context.Context, n int) error {
		return b.client.Create(ctx, build.TemporaryPermissionGrant(organization, name(n)).ToUser(userOf(n)).Grants(edit).
			At(v1alpha1.Scope{Resource: &v1alpha1.ResourceReference{Type: "doc", ID: fmt.Sprint(n / users)}}).Until(deadline).Obj())
	})
	if err != nil {
		return fmt.Errorf("creating grants: %w", err)
	}
	inTime, cancel := context.WithDeadline(ctx, deadline.Add(-5*time.Second))
	defer cancel()
	if err := b.untilPhase(inTime, v1alpha1.PhaseActive, count); err != nil {
		return fmt.Errorf("before their deadline: %w", err)
	}
	during, err := b.store.tuples(ctx)
	if err != nil {
		return err
	}
	last, err := b.watch(ctx, &v1alpha1.TemporaryPermissionGrantList{}, count, func(object client.Object) bool {
		return object.(*v1alpha1.TemporaryPermissionGrant).Status.Phase == v1alpha1.PhaseExpired
	})
	if err != nil {
		return err
	}
	answers, err := b.askAround(ctx, deadline, func(n int) question {
		object := objectid.Scope(scope.Path{Organization: organization, ResourceType: "doc", ResourceID: fmt.Sprint(n % count / users)})
		return question{subjectOf(n), edit, object}
	})
	if err != nil {
		return err
	}
	var ended time.Time
	select {
	case ended = <-last:
	case <-ctx.Done():
		return ctx.Err()
	}
	if answers.allowed == 0 {
		return fmt.Errorf("of %d questions none was allowed: nothing was measured", answers.count)
	}
	b.report.told("grants with one deadline", float64(count), "")
	b.report.atMost("the last decision, after the deadline", max(0, milliseconds(answers.lastAllowed.Sub(deadline))), "ms", 0)
	b.report.told("the last status, after the deadline", ended.Sub(deadline).Seconds(), "s")
	b.report.atLeast("statuses, as part of the API server's ceiling", float64(count)/ended.Sub(deadline).Seconds()/b.patches, "", 0.8)
	after, err := b.store.tuples(ctx)
	if err != nil {
		return err
	}
	b.report.told("tuples before the grants", float64(before), "")
	b.report.told("tuples with the grants", float64(during), "")
	b.report.atMost("tuples left of the grants", float64(after-before), "", 0)
	// One by one: the API server gives up one request for all of them after a minute.
	_, err = each(ctx, 0, count, func(ctx context.Context, n int) error {
		return b.client.Delete(ctx, build.TemporaryPermissionGrant(organization, name(n)).Obj())
	})
	if err != nil {
		return fmt.Errorf("deleting the grants: %w", err)
	}
	return b.untilPhase(ctx, v1alpha1.PhaseExpired, 0)
}

// untilPhase waits until so many grants are in a phase.
func (b *bench) untilPhase(ctx context.Context, phase v1alpha1.GrantPhase, count int) error {
	// A list of so many is work for the API server, of which there is to be little.
	return untilEvery(ctx, time.Second, fmt.Sprintf("%d grants are %s", count, phase), func(ctx context.Context) (bool, error) {
		var list v1alpha1.TemporaryPermissionGrantList
		err := b.client.List(ctx, &list, client.InNamespace(organization), client.MatchingFields{"status.phase": string(phase)})
		return len(list.Items) == count, err
	})
}

// askAround asks without pause from shortly before an instant until shortly after it.
func (b *bench) askAround(ctx context.Context, instant time.Time, questions func(n int) question) (asked, error) {
	const before, after = 2 * time.Second, time.Second
	if err := sleepUntil(ctx, instant.Add(-before)); err != nil {
		return asked{}, err
	}
	stop := b.store.ask(ctx, questions)
	err := sleepUntil(ctx, instant.Add(after))
	answers, failed := stop()
	return answers, errors.Join(err, failed)
}

func sleepUntil(ctx context.Context, instant time.Time) error {
	select {
	case <-time.After(time.Until(instant)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// questionOf is about what assignment number n gives.
func (b *bench) questionOf(n int, permission string) question {
	workspace, project := projectOf(n / users)
	return question{subjectOf(n), permission, objectid.Scope(scope.Path{Organization: organization, Workspace: workspace, Project: project})}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
