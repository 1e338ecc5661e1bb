package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
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
	// Webhooks and the embedded store are in the same process.
	b.report.told("operator's CPU per new assignment", 1000*(after.cpu-before.cpu)/float64(count), "ms")
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

// ending is a kind of objects of which many end at one moment.
type ending struct {
	// plural is what they are called, list an empty list of them.
	plural string
	list   client.ObjectList
	object func(n int, deadline time.Time) client.Object
	// gives is what number n gives.
	gives func(n int) question
	// patches is how many of their statuses the API server takes in a second.
	patches float64
}

// measureDeadlines lets many grants end at one moment, and then as many assignments.
func (b *bench) measureDeadlines(ctx context.Context) error {
	doc := func(n int) *v1alpha1.ResourceReference {
		return &v1alpha1.ResourceReference{Type: "doc", ID: fmt.Sprint(n / users)}
	}
	for _, e := range []ending{
		{
			plural: "grants", list: &v1alpha1.TemporaryPermissionGrantList{}, patches: b.patches,
			object: func(n int, deadline time.Time) client.Object {
				return build.TemporaryPermissionGrant(organization, name(n)).ToUser(userOf(n)).Grants(edit).At(v1alpha1.Scope{Resource: doc(n)}).Until(deadline).Obj()
			},
			gives: func(n int) question {
				return question{subjectOf(n), edit, objectid.Scope(scope.Path{Organization: organization, ResourceType: "doc", ResourceID: doc(n).ID})}
			},
		},
		{
			plural: "assignments", list: &v1alpha1.RoleAssignmentList{}, patches: b.assignmentPatches,
			object: func(n int, deadline time.Time) client.Object {
				workspace, project := projectOf(n / users)
				return build.RoleAssignment(organization, "ends-"+name(n)).Gives(onCall).ToUser(userOf(n)).InProject(workspace, project).Until(deadline).Obj()
			},
			gives: func(n int) question { return b.questionOf(n, alert) },
		},
	} {
		if err := b.measureDeadline(ctx, e); err != nil {
			return fmt.Errorf("%s: %w", e.plural, err)
		}
	}
	return nil
}

// measureDeadline lets many objects end at one moment, and asks for what they give without pause.
func (b *bench) measureDeadline(ctx context.Context, e ending) error {
	count := b.scaled(10000)
	before, err := b.store.tuples(ctx)
	if err != nil {
		return err
	}
	// Four times what the API server alone needs to create them and to say that they are in force.
	deadline := time.Now().Add(time.Duration(4*float64(count)/b.pairs*float64(time.Second)) + 20*time.Second).Truncate(time.Second)
	_, err = each(ctx, 0, count, func(ctx context.Context, n int) error {
		return b.client.Create(ctx, e.object(n, deadline))
	})
	if err != nil {
		return fmt.Errorf("creating them: %w", err)
	}
	inTime, cancel := context.WithDeadline(ctx, deadline.Add(-5*time.Second))
	defer cancel()
	if err := b.untilPhase(inTime, e.list, v1alpha1.PhaseActive, count); err != nil {
		return fmt.Errorf("before their deadline: %w", err)
	}
	during, err := b.store.tuples(ctx)
	if err != nil {
		return err
	}
	last, err := b.watch(ctx, e.list, count, func(object client.Object) bool { return phaseOf(object) == v1alpha1.PhaseExpired })
	if err != nil {
		return err
	}
	answers, err := b.askAround(ctx, deadline, func(n int) question { return e.gives(n % count) })
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
	b.report.told(e.plural+" with one deadline", float64(count), "")
	b.report.atMost("the last decision, after the deadline", max(0, milliseconds(answers.lastAllowed.Sub(deadline))), "ms", 0)
	b.report.told("the last status, after the deadline", ended.Sub(deadline).Seconds(), "s")
	b.report.atLeast("statuses, as part of the API server's ceiling", float64(count)/ended.Sub(deadline).Seconds()/e.patches, "", 0.8)
	after, err := b.store.tuples(ctx)
	if err != nil {
		return err
	}
	b.report.told("tuples before the "+e.plural, float64(before), "")
	b.report.told("tuples with the "+e.plural, float64(during), "")
	b.report.atMost("tuples left of the "+e.plural, float64(after-before), "", 0)
	// One by one: the API server gives up one request for all of them after a minute.
	_, err = each(ctx, 0, count, func(ctx context.Context, n int) error {
		return b.client.Delete(ctx, e.object(n, deadline))
	})
	if err != nil {
		return fmt.Errorf("deleting them: %w", err)
	}
	return b.untilPhase(ctx, e.list, v1alpha1.PhaseExpired, 0)
}

// phaseOf is where in its window an object is.
func phaseOf(object client.Object) v1alpha1.GrantPhase {
	if grant, ok := object.(*v1alpha1.TemporaryPermissionGrant); ok {
		return grant.Status.Phase
	}
	_, status := v1alpha1.WindowOf(object.(v1alpha1.Object))
	return status.Phase
}

// untilPhase waits until so many objects are in a phase.
func (b *bench) untilPhase(ctx context.Context, list client.ObjectList, phase v1alpha1.GrantPhase, count int) error {
	// A list of so many is work for the API server, of which there is to be little.
	return untilEvery(ctx, time.Second, fmt.Sprintf("%d of %T are %s", count, list, phase), func(ctx context.Context) (bool, error) {
		err := b.client.List(ctx, list, client.InNamespace(organization), client.MatchingFields{"status.phase": string(phase)})
		return meta.LenList(list) == count, err
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
