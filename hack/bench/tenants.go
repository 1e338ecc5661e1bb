package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
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
	// roundsBeside is how often each of what is compared has its turn, so that other work on the machine falls on all alike.
	roundsBeside = 10
)

// mallory may edit the roles of the organization, and holds nothing.
const mallory = "mallory@globex.example"

// beside is what another namespace does while an organization's own writes are measured.
type beside struct {
	name string
	// edit is number n of 20 a second, nil where there are none.
	edit func(ctx context.Context, n int) error
	took [3][]time.Duration
	sent float64
}

// measureTenants has one organization do its worst within the limits, and compares what another's writes, grants and deletions
// take meanwhile with what they take in quiet, and beside as many writes that are none of Bailiwick's: what these take is the API
// server's.
func (b *bench) measureTenants(ctx context.Context) error {
	editor, err := b.beginWorst(ctx)
	if err != nil {
		return err
	}
	if _, err := b.lifetimes(ctx, "warm", 20); err != nil {
		return err
	}
	quiet := &beside{name: "in quiet"}
	plain := &beside{name: "beside ConfigMaps", edit: b.editPlain(editor)}
	worst := &beside{name: "meanwhile", edit: b.editWorst(editor)}
	for round := range roundsBeside {
		for _, what := range []*beside{quiet, plain, worst} {
			if err := b.measureBeside(ctx, what, fmt.Sprint("round-", round), b.scaled(1000/roundsBeside)); err != nil {
				return err
			}
		}
	}
	b.report.told("edits of ConfigMaps, of another namespace", plain.sent/roundsBeside, "writes/s")
	b.report.told("edits of a role with 300 children, of another organization", worst.sent/roundsBeside, "writes/s")
	for n, what := range []string{"a create", "from a create to in force", "from a delete to gone"} {
		for _, of := range []*beside{quiet, plain, worst} {
			b.report.told(what+" "+of.name+", p50", milliseconds(percentile(of.took[n], 0.5)), "ms")
			b.report.told(what+" "+of.name+", p99", milliseconds(percentile(of.took[n], 0.99)), "ms")
		}
		ratio := func(of *beside) float64 {
			return float64(percentile(of.took[n], 0.99)) / float64(percentile(quiet.took[n], 0.99))
		}
		b.report.told("beside ConfigMaps, the p99s' ratio", ratio(plain), "")
		b.report.atMost("meanwhile, the p99s' ratio", ratio(worst), "", 2)
	}
	return nil
}

// measureBeside measures some of an organization's writes beside others.
func (b *bench) measureBeside(ctx context.Context, what *beside, prefix string, count int) error {
	stop := func() (float64, error) { return 0, nil }
	if what.edit != nil {
		stop = doWorst(ctx, what.edit)
	}
	took, err := b.lifetimes(ctx, prefix, count)
	sent, failed := stop()
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	for n := range took {
		what.took[n] = append(what.took[n], took[n]...)
	}
	what.sent += sent
	return nil
}

// beginWorst makes the organization, and returns a client for mallory.
func (b *bench) beginWorst(ctx context.Context) (client.Client, error) {
	rights := metav1.ObjectMeta{Namespace: worst, Name: "editor"}
	objects := []client.Object{
		namespaceNamed(worst), build.Organization(worst).Obj(), build.User(worst, "mallory").KnownAs(mallory).Obj(), rootGiving(view), plainGiving(),
		&rbacv1.Role{ObjectMeta: rights, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"roles"}, Verbs: []string{"get", "update", "patch"},
		}, {APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "update", "patch"}}}},
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

// plainGiving is an object of the same size that is none of Bailiwick's.
func plainGiving() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: worst, Name: "root"}, Data: map[string]string{"permissionGrants": view}}
}

// doWorst edits until stop is called, which returns how many edits a second there were.
func doWorst(ctx context.Context, edit func(ctx context.Context, n int) error) (stop func() (float64, error)) {
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
				err := edit(ctx, n)
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

// editWorst is an edit of the role: a dry run by mallory, who does not hold what it gives, or one by somebody who may.
func (b *bench) editWorst(mallory client.Client) func(ctx context.Context, n int) error {
	return func(ctx context.Context, n int) error {
		patch := func(permission string) client.Patch {
			return client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"permissionGrants":%s}}`, entriesOf([]string{permission})))
		}
		if n%2 == 0 {
			if err := mallory.Patch(ctx, rootGiving(), patch(added), client.DryRunAll); !apierrors.IsForbidden(err) {
				return fmt.Errorf("an edit that gives what its author does not hold: %w", errors.Join(errors.New("it is not refused"), err))
			}
			return nil
		}
		if err := b.client.Patch(ctx, rootGiving(), patch([]string{view, edit}[n/2%2])); err != nil {
			return fmt.Errorf("editing a role with children: %w", err)
		}
		return nil
	}
}

// editPlain is the same of a ConfigMap, which nobody refuses.
func (b *bench) editPlain(mallory client.Client) func(ctx context.Context, n int) error {
	return func(ctx context.Context, n int) error {
		var by client.Client = b.client
		var options []client.PatchOption
		if n%2 == 0 {
			by, options = mallory, []client.PatchOption{client.DryRunAll}
		}
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"data":{"permissionGrants":%q}}`, []string{view, edit}[n/2%2]))
		if err := by.Patch(ctx, plainGiving(), patch, options...); err != nil {
			return fmt.Errorf("editing a ConfigMap: %w", err)
		}
		return nil
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
