package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// measureReaders adds two replicas that only answer, and measures what they take, how quickly they answer, and what it costs a
// revocation that it has to reach them.
func (b *bench) measureReaders(ctx context.Context) (err error) {
	// Only a leader that was elected grants read leases.
	if err := b.Operator.Stop(); err != nil {
		return fmt.Errorf("stopping the operator: %w", err)
	}
	if err := b.StartOperator(ctx, "--leader-elect=true"); err != nil {
		return err
	}
	if _, err := findStore(ctx, b.OpenFGA); err != nil {
		return err
	}
	alone, err := b.revocations(ctx, "alone")
	if err != nil {
		return err
	}
	readers := make([]*stage.Reader, 2)
	defer func() {
		for _, reader := range readers {
			if reader != nil {
				err = errors.Join(err, reader.Stop())
			}
		}
	}()
	for n := range readers {
		began := time.Now()
		if readers[n], err = b.StartReader(ctx); err != nil {
			return err
		}
		if n == 0 {
			b.report.atMost(fmt.Sprintf("a decision-only replica, from its start to its first answer, %d assignments", b.assigned), time.Since(began).Seconds(), "s", 8)
		}
	}
	with, err := b.revocations(ctx, "with")
	if err != nil {
		return err
	}
	b.report.told("delete to gone, one replica, p99", milliseconds(alone.p99), "ms")
	b.report.told("delete to gone, three replicas, p50", milliseconds(with.p50), "ms")
	b.report.atMost("delete to gone, three replicas, p99", milliseconds(with.p99), "ms", 150)
	b.report.told("deletions at once until all are gone, one replica", alone.rate, "objects/s")
	b.report.told("deletions at once until all are gone, three replicas", with.rate, "objects/s")
	b.report.told("the second rate over the first", with.rate/alone.rate, "")
	if err := b.measureAnswers(ctx, readers[0].Decisions); err != nil {
		return err
	}
	now, err := countersAt(ctx, readers[1].Metrics)
	if err != nil {
		return err
	}
	b.report.atMost("a decision-only replica's live memory, per assignment", now.heap/float64(b.assigned)/1024, "KiB", 1.5)
	return nil
}

// revoked is what deletions took.
type revoked struct {
	p50, p99 time.Duration
	// rate is how many a second were gone that were sent several at a time.
	rate float64
}

// revocations deletes assignments, one after the other, and then as many at once.
func (b *bench) revocations(ctx context.Context, prefix string) (revoked, error) {
	count := b.scaled(200)
	took, err := b.lifetimes(ctx, prefix, count)
	if err != nil {
		return revoked{}, err
	}
	workspace, project := projectOf(0)
	object := func(n int) client.Object {
		return build.RoleAssignment(organization, fmt.Sprint(prefix, "-at-once-", n)).Gives(onCall).ToUser(userOf(n)).InProject(workspace, project).Obj()
	}
	count *= 5
	inForce, err := b.watch(ctx, &v1alpha1.RoleAssignmentList{}, count, func(object client.Object) bool {
		return object.(*v1alpha1.RoleAssignment).Status.InForce
	})
	if err != nil {
		return revoked{}, err
	}
	if _, err := each(ctx, 0, count, func(ctx context.Context, n int) error { return b.client.Create(ctx, object(n)) }); err != nil {
		return revoked{}, fmt.Errorf("creating assignments: %w", err)
	}
	select {
	case <-inForce:
	case <-ctx.Done():
		return revoked{}, ctx.Err()
	}
	began := time.Now()
	if _, err := each(ctx, 0, count, func(ctx context.Context, n int) error { return b.client.Delete(ctx, object(n)) }); err != nil {
		return revoked{}, fmt.Errorf("deleting assignments: %w", err)
	}
	for n := range count {
		gone := func(ctx context.Context) (bool, error) {
			err := b.client.Get(ctx, client.ObjectKeyFromObject(object(n)), &v1alpha1.RoleAssignment{})
			return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
		}
		if err := untilEvery(ctx, 2*time.Millisecond, "all are gone", gone); err != nil {
			return revoked{}, err
		}
	}
	rate := float64(count) / time.Since(began).Seconds()
	return revoked{percentile(took[2], 0.5), percentile(took[2], 0.99), rate}, nil
}

// measureAnswers asks one replica: one question after the other, 32 at a time, and while a role in use everywhere is edited.
func (b *bench) measureAnswers(ctx context.Context, url string) error {
	ask := func(ctx context.Context, n int) (time.Duration, error) {
		began := time.Now()
		q := b.questionOf(n*7919%b.assigned, view)
		allowed, err := b.evaluateAt(ctx, url, q)
		if err == nil && !allowed {
			err = fmt.Errorf("%+v was denied", q)
		}
		return time.Since(began), err
	}
	several := func(askers, count int) (took []time.Duration, seconds float64, err error) {
		began := time.Now()
		took = make([]time.Duration, count)
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(askers)
		for n := range count {
			group.Go(func() (err error) {
				took[n], err = ask(ctx, n)
				return err
			})
		}
		err = group.Wait()
		return took, time.Since(began).Seconds(), err
	}
	one, _, err := several(1, rounds*checks)
	if err != nil {
		return err
	}
	b.report.atMost("AuthZEN of a replica, one asker, p50", milliseconds(percentile(one, 0.5)), "ms", 0.2)
	_, seconds, err := several(32, 20*rounds*checks)
	if err != nil {
		return err
	}
	b.report.atLeast("AuthZEN of a replica, 32 askers", 20*rounds*checks/seconds, "answers/s", 10000)

	quiet, _, err := several(4, rounds*checks)
	if err != nil {
		return err
	}
	done, edited := make(chan struct{}), make(chan error, 1)
	go func() { edited <- b.editUntil(ctx, done) }()
	meanwhile, _, err := several(4, 10*rounds*checks)
	close(done)
	if err := errors.Join(err, <-edited); err != nil {
		return err
	}
	before, after := percentile(quiet, 0.99), percentile(meanwhile, 0.99)
	b.report.told("AuthZEN of a replica, 4 askers, p99", milliseconds(before), "ms")
	b.report.told("the same while a role in use at every scope is edited", milliseconds(after), "ms")
	b.report.atMost("the second over the first", float64(after)/float64(before), "", 10)
	return nil
}

// editUntil adds a permission to the role that everyone has and takes it away, again and again, until something is done.
func (b *bench) editUntil(ctx context.Context, done <-chan struct{}) error {
	for {
		for _, given := range [][]string{{view, edit, added}, {view, edit}} {
			if err := b.editRole(ctx, given); err != nil {
				return err
			}
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}
