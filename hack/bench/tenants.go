package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// The organization that does its worst.
const (
	worst = "globex"
	// childrenOfRoot are roles that inherit from one that is edited.
	childrenOfRoot = 300
	// writesASecond are its edits, of which every other one is a dry run that is refused.
	writesASecond = 20
	// underWay is how many of its edits are waited for at once.
	underWay = 8
)

// mallory may edit the roles of the organization, and holds nothing.
const mallory = "mallory@globex.example"

// measureTenants has one organization do its worst within the limits, and compares what another's writes, grants and deletions
// take meanwhile with what they take in quiet.
func (b *bench) measureTenants(ctx context.Context) error {
	editor, err := b.beginWorst(ctx)
	if err != nil {
		return err
	}
	if _, err := b.lifetimes(ctx, "warm", 20); err != nil {
		return err
	}
	quiet, err := b.lifetimes(ctx, "quiet", b.scaled(500))
	if err != nil {
		return err
	}
	stop := b.doWorst(ctx, editor)
	meanwhile, err := b.lifetimes(ctx, "meanwhile", b.scaled(500))
	sent, failed := stop()
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	b.report.told("edits of a role with 300 children, of another organization", sent, "writes/s")
	for n, what := range []string{"a create", "from a create to in force", "from a delete to gone"} {
		before, after := percentile(quiet[n], 0.99), percentile(meanwhile[n], 0.99)
		b.report.told(what+" in quiet, p99", milliseconds(before), "ms")
		b.report.told(what+" meanwhile, p50", milliseconds(percentile(meanwhile[n], 0.5)), "ms")
		b.report.told(what+" meanwhile, p99", milliseconds(after), "ms")
		b.report.atMost("the p99s' ratio", float64(after)/float64(before), "", 2)
	}
	return nil
}

// beginWorst makes the organization, and returns a client for mallory.
func (b *bench) beginWorst(ctx context.Context) (client.Client, error) {
	rights := metav1.ObjectMeta{Namespace: worst, Name: "editor"}
	objects := []client.Object{
		namespaceNamed(worst), build.Organization(worst).Obj(), build.User(worst, "mallory").KnownAs(mallory).Obj(), rootGiving(view),
		&rbacv1.Role{ObjectMeta: rights, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"roles"}, Verbs: []string{"get", "update", "patch"},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: rights, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: rights.Name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: mallory}},
		},
	}
	for n := range childrenOfRoot {
		objects = append(objects, build.Role(worst, fmt.Sprint("child-", n)).Inherits("root").Obj())
	}
	for _, object := range objects {
		if err := b.create(ctx, object); err != nil {
			return nil, err
		}
	}
	last := build.Role(worst, fmt.Sprint("child-", childrenOfRoot-1)).Obj()
	err := b.until(ctx, "the roles are ready", func(ctx context.Context) (bool, error) {
		err := b.client.Get(ctx, client.ObjectKeyFromObject(last), last)
		return isReady(last), err
	})
	if err != nil {
		return nil, err
	}
	config, err := b.Plane.UserConfig(mallory)
	if err != nil {
		return nil, fmt.Errorf("making a user: %w", err)
	}
	config.QPS = -1 // no limit of its own
	return client.New(config, client.Options{Scheme: operator.Scheme()})
}

func rootGiving(permissions ...string) *v1alpha1.Role {
	return build.Role(worst, "root").Grants(permissions...).Obj()
}

// doWorst edits the role until stop is called, which returns how many edits a second there were.
func (b *bench) doWorst(ctx context.Context, editor client.Client) (stop func() (float64, error)) {
	ctx, cancel := context.WithCancel(ctx)
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	var sent int
	var failed error
	room := make(chan struct{}, underWay)
	all.Go(func() {
		ticks := time.NewTicker(time.Second / writesASecond)
		defer ticks.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				room <- struct{}{}
			}
			all.Go(func() {
				defer func() { <-room }()
				err := b.editWorst(ctx, editor, n)
				mu.Lock()
				defer mu.Unlock()
				if sent++; err != nil && ctx.Err() == nil {
					failed = err
				}
			})
		}
	})
	return func() (float64, error) {
		cancel()
		all.Wait()
		return float64(sent) / time.Since(began).Seconds(), failed
	}
}

// editWorst is edit number n: a dry run by mallory, who does not hold what it gives, or an edit by somebody who may.
func (b *bench) editWorst(ctx context.Context, editor client.Client, n int) error {
	patch := func(permission string) client.Patch {
		return client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"permissionGrants":%s}}`, entriesOf([]string{permission})))
	}
	if n%2 == 0 {
		if err := editor.Patch(ctx, rootGiving(), patch(added), client.DryRunAll); !apierrors.IsForbidden(err) {
			return fmt.Errorf("an edit that gives what its author does not hold: %w", errors.Join(errors.New("it is not refused"), err))
		}
		return nil
	}
	if err := b.client.Patch(ctx, rootGiving(), patch([]string{view, edit}[n/2%2])); err != nil {
		return fmt.Errorf("editing a role with children: %w", err)
	}
	return nil
}

// lifetimes creates assignments and deletes them, one after the other, and says how long each took to be created, to be in force,
// and to be gone.
func (b *bench) lifetimes(ctx context.Context, prefix string, count int) (took [3][]time.Duration, err error) {
	workspace, project := projectOf(0)
	for n := range count {
		object := build.RoleAssignment(organization, fmt.Sprint(prefix, "-", n)).Gives(role).ToUser(userOf(1)).InProject(workspace, project).Obj()
		read := object.DeepCopy()
		began := time.Now()
		if err := b.client.Create(ctx, object); err != nil {
			return took, fmt.Errorf("creating an assignment: %w", err)
		}
		took[0] = append(took[0], time.Since(began))
		err := untilEvery(ctx, 2*time.Millisecond, "it is in force", func(ctx context.Context) (bool, error) {
			err := b.client.Get(ctx, client.ObjectKeyFromObject(object), read)
			return read.Status.InForce, err
		})
		if err != nil {
			return took, err
		}
		took[1] = append(took[1], time.Since(began))
		began = time.Now()
		if err := b.client.Delete(ctx, object); err != nil {
			return took, fmt.Errorf("deleting an assignment: %w", err)
		}
		err = untilEvery(ctx, 2*time.Millisecond, "it is gone", func(ctx context.Context) (bool, error) {
			err := b.client.Get(ctx, client.ObjectKeyFromObject(object), read)
			return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
		})
		if err != nil {
			return took, err
		}
		took[2] = append(took[2], time.Since(began))
	}
	return took, nil
}
