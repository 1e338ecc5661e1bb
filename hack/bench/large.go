package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// few is how many assignments a decision is compared with; checks how many are made in a round.
const (
	few    = 1000
	checks = 500
	rounds = 5
)

// measureMany grows the organization to its full size, and compares decisions before and after. They are
// about the same few assignments, so that only the others make the difference.
func (b *bench) measureMany(ctx context.Context) error {
	small, err := b.decisionTime(ctx)
	if err != nil {
		return err
	}
	had := b.assigned
	took, err := b.assign(ctx, b.scopes()*users)
	if err != nil {
		return err
	}
	b.report.told("assignments", float64(b.assigned), "")
	b.report.told("the rest of them, from create to Ready", float64(b.assigned-had)/took.Seconds(), "objects/s")
	large, err := b.decisionTime(ctx)
	if err != nil {
		return err
	}
	b.report.told(fmt.Sprintf("check p50 with %d assignments", had), milliseconds(small), "ms")
	b.report.told(fmt.Sprintf("check p50 with %d assignments", b.assigned), milliseconds(large), "ms")
	b.report.atMost("the second over the first", float64(large)/float64(small), "", 1.2)
	return nil
}

// decisionTime is the median of several rounds' medians.
func (b *bench) decisionTime(ctx context.Context) (time.Duration, error) {
	var medians []time.Duration
	for range rounds {
		median, err := b.store.median(ctx, checks, func(n int) question { return b.questionOf(n%min(few, b.assigned), view) })
		if err != nil {
			return 0, err
		}
		medians = append(medians, median)
	}
	return percentile(medians, 0.5), nil
}

// measureRoleEdit adds a permission to the role that everyone has, and takes it away, while what the role
// gives before and after is asked for without pause.
func (b *bench) measureRoleEdit(ctx context.Context) error {
	scopes := b.assigned / users
	stop := b.store.ask(ctx, func(n int) question { return b.questionOf(n*7919%b.assigned, view) })
	for _, step := range []struct {
		name        string
		permissions []string
		gives       bool
	}{
		{"a permission added", []string{view, edit, added}, true},
		{"a permission taken away", []string{view, edit}, false},
	} {
		before, err := b.counters(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := b.editRole(ctx, step.permissions); err != nil {
			return err
		}
		took := time.Since(began)
		for scope := range scopes {
			if allowed, err := b.store.may(ctx, b.questionOf(scope*users, added)); err != nil || allowed != step.gives {
				return fmt.Errorf("%s: at scope %d it is allowed: %t, %w", step.name, scope, allowed, err)
			}
		}
		after, err := b.counters(ctx)
		if err != nil {
			return err
		}
		b.report.told(step.name+" at "+fmt.Sprint(scopes)+" scopes", took.Seconds(), "s")
		// A transaction takes 98 tuples, and a scope has two: the new one, and the old one that goes.
		b.report.atMost("store writes for that, per 50 scopes", (after.storeWrites-before.storeWrites)/(float64(scopes)/50), "", 1.2)
		b.report.atMost("the operator's API writes for that", after.apiWrites-before.apiWrites, "", 3)
	}
	answers, err := stop()
	if err != nil {
		return err
	}
	b.report.told("questions meanwhile that both revisions allow", float64(answers.count), "")
	b.report.atMost("of them wrongly denied", float64(answers.count-answers.allowed), "", 0)
	return nil
}

// editRole has the role that everyone has give these permissions, and returns once it does.
func (b *bench) editRole(ctx context.Context, permissions []string) error {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"permissionGrants":%s}}`, entriesOf(permissions)))
	if err := b.client.Patch(ctx, build.Role(organization, role).Obj(), patch); err != nil {
		return fmt.Errorf("editing the role: %w", err)
	}
	return b.until(ctx, "the role is switched", func(ctx context.Context) (bool, error) {
		read := build.Role(organization, role).Obj()
		err := b.client.Get(ctx, client.ObjectKeyFromObject(read), read)
		return isReady(read), err
	})
}

func entriesOf(permissions []string) string {
	entries := make([]string, len(permissions))
	for n, permission := range permissions {
		entries[n] = fmt.Sprintf(`{"permission":%q}`, permission)
	}
	return "[" + strings.Join(entries, ",") + "]"
}

// measureRestart stops the operator and starts it again, and lets it compare the whole store once more.
func (b *bench) measureRestart(ctx context.Context) error {
	if err := b.Operator.Stop(); err != nil {
		return fmt.Errorf("stopping the operator: %w", err)
	}
	before, err := b.written(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.StartOperator(ctx, "--resync-interval=10s"); err != nil {
		return err
	}
	if _, err := findStore(ctx, b.OpenFGA); err != nil {
		return err
	}
	b.report.atMost(fmt.Sprintf("restart with %d assignments, store verified", b.assigned), time.Since(began).Seconds(), "s", 15)

	comparedAgain := func(since counters) (now counters, err error) {
		err = b.until(ctx, "the store has been compared", func(ctx context.Context) (bool, error) {
			now, err = b.counters(ctx)
			return now.comparisons > since.comparisons, err
		})
		return now, err
	}
	started, err := comparedAgain(counters{comparisons: 1})
	if err != nil {
		return err
	}
	after, err := b.written(ctx)
	if err != nil {
		return err
	}
	b.report.atMost("writes of the operator's kinds on restart", after-before, "", 0)
	again, err := comparedAgain(started)
	if err != nil {
		return err
	}
	b.report.atMost("the operator's API writes on resync", again.apiWrites-started.apiWrites, "", 0)
	b.report.atMost("store writes on restart and resync", again.storeWrites, "", 0)
	b.report.told("the operator's live memory", again.heap/1e6, "MB")
	b.report.atMost("the same, per assignment", again.heap/float64(b.assigned)/1024, "KiB", 4)
	return nil
}

// measureLateness kills the operator before a deadline, and asks its store with a second OpenFGA.
func (b *bench) measureLateness(ctx context.Context) error {
	deadline := time.Now().Add(10 * time.Second).Truncate(time.Second)
	granted := build.TemporaryPermissionGrant(organization, "last").ToUser(userOf(1)).Grants(added).Until(deadline).Obj()
	assigned := build.RoleAssignment(organization, "last").Gives(onCall).ToUser(userOf(1)).Until(deadline).Obj()
	if err := errors.Join(b.create(ctx, granted), b.create(ctx, assigned)); err != nil {
		return err
	}
	for _, list := range []client.ObjectList{&v1alpha1.TemporaryPermissionGrantList{}, &v1alpha1.RoleAssignmentList{}} {
		if err := b.untilPhase(ctx, list, v1alpha1.PhaseActive, 1); err != nil {
			return err
		}
	}
	if err := b.Operator.Kill(); err != nil {
		return fmt.Errorf("killing the operator: %w", err)
	}
	b.Operator = nil
	second, err := openfga.Embedded(ctx, openfga.EmbeddedOptions{Path: b.StorePath()})
	if err != nil {
		return fmt.Errorf("opening the store again: %w", err)
	}
	defer func() { _ = second.Close() }()
	lastAllowed := map[string]time.Time{}
	for time.Now().Before(deadline.Add(time.Second)) {
		for _, permission := range []string{added, alert} {
			began := time.Now()
			allowed, err := second.Check(ctx, store.Question{
				Key:        store.Key{Object: "organization:" + organization, Relation: store.RelationCan, User: objectid.User(subjectOf(1))},
				Permission: permission, Time: began,
			})
			if err != nil {
				return fmt.Errorf("asking the store: %w", err)
			}
			if allowed {
				lastAllowed[permission] = began
			}
		}
	}
	for _, ended := range []struct{ permission, by string }{{added, "a permission"}, {alert, "a role"}} {
		last, allowed := lastAllowed[ended.permission]
		if !allowed {
			return fmt.Errorf("%s was not allowed before the deadline: nothing was measured", ended.permission)
		}
		b.report.atMost("delay of the deadline of "+ended.by+" with the operator killed", max(0, milliseconds(last.Sub(deadline))), "ms", 0)
	}
	return nil
}
