package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const (
	// clients is how many requests the API server is sent at once.
	clients = 16
	// users hold the assignments: user n of a scope is user n of the organization.
	users = 100
	// perWorkspace is how many projects a workspace has.
	perWorkspace = 100

	organization = "acme"
	// owner administers it, and holds what no assignment below gives or takes.
	owner = "owner"
	// role is what every assignment gives.
	role = "editor"
	// standing is what everyone has beside.
	standing = "standing"
	// onCall is what ends for many at one moment.
	onCall = "on-call"

	view, edit, added, stand, alert = "doc:View", "doc:Edit", "doc:Added", "doc:Stand", "doc:Alert"
)

// bench is a run.
type bench struct {
	*stage.Stage
	scale  float64
	client client.WithWatch
	store  *asker
	report report

	// pairs is how many objects the API server can create and give a status in a second, patches and
	// assignmentPatches how many status patches of temporary grants and of assignments it takes.
	pairs, patches, assignmentPatches float64
	// assigned is how many assignments there are: number n gives user n%users the role at project n/users.
	assigned int
}

func newBench(s *stage.Stage, scale float64) (*bench, error) {
	c, err := client.NewWithWatch(s.Plane.Config(), client.Options{Scheme: operator.Scheme()})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &bench{Stage: s, scale: scale, client: c}, nil
}

// scaled is a number of things in this run, given that of a whole run.
func (b *bench) scaled(whole int) int { return int(math.Ceil(float64(whole) * b.scale)) }

// each does something for every number from begin up to end, many at a time, and says how long that took.
func each(ctx context.Context, begin, end int, do func(ctx context.Context, n int) error) (time.Duration, error) {
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(clients)
	for n := begin; n < end && ctx.Err() == nil; n++ {
		group.Go(func() error { return do(ctx, n) })
	}
	err := group.Wait()
	return time.Since(began), err
}

// measureCeiling finds out what the API server can do when nobody else is at work: with the resource
// definitions, and without operator and webhooks.
func (b *bench) measureCeiling(ctx context.Context) error {
	if _, err := b.Kubectl(ctx, "apply", "-k", "config/crd"); err != nil {
		return err
	}
	if _, err := b.Kubectl(ctx, "wait", "crd", "--all", "--for=condition=Established", stage.WaitArgument); err != nil {
		return err
	}
	const namespace = "ceiling"
	if err := b.client.Create(ctx, namespaceNamed(namespace)); err != nil {
		return fmt.Errorf("making a namespace: %w", err)
	}
	object := func(n int) *v1alpha1.RoleAssignment {
		return build.RoleAssignment(namespace, name(n)).Gives(role).ToUser(userOf(n)).Obj()
	}
	pair := func(ctx context.Context, n int) error {
		if err := b.client.Create(ctx, object(n)); err != nil {
			return err
		}
		return b.setStatus(ctx, object(n), `"inForce":true,"scope":"acme/workspace-0/project-0","subject":"user/u0"`, "in force")
	}
	// The first requests after its start are slow.
	warm, count := 500, b.scaled(5000)
	if _, err := each(ctx, count, count+warm, pair); err != nil {
		return fmt.Errorf("creating objects and patching their status: %w", err)
	}
	took, err := each(ctx, 0, count, pair)
	if err != nil {
		return fmt.Errorf("creating objects and patching their status: %w", err)
	}
	b.pairs = float64(count) / took.Seconds()
	b.report.told("API server alone: create and status patch", b.pairs, "objects/s")
	took, err = each(ctx, 0, count, func(ctx context.Context, n int) error {
		return b.setStatus(ctx, object(n), `"inForce":false,"phase":"Expired"`, "expired")
	})
	if err != nil {
		return fmt.Errorf("patching statuses: %w", err)
	}
	b.assignmentPatches = float64(count) / took.Seconds()
	b.report.told("API server alone: status patch of an assignment", b.assignmentPatches, "writes/s")
	grant := func(n int) *v1alpha1.TemporaryPermissionGrant {
		return build.TemporaryPermissionGrant(namespace, name(n)).ToUser(userOf(n)).Grants(edit).Until(time.Now().Add(time.Hour)).Obj()
	}
	_, err = each(ctx, 0, count, func(ctx context.Context, n int) error {
		if err := b.client.Create(ctx, grant(n)); err != nil {
			return err
		}
		return b.setStatus(ctx, grant(n), `"inForce":true,"phase":"Active","scope":"acme","startsAt":"2030-01-01T00:00:00Z","expiresAt":"2030-01-01T01:00:00Z",`+
			`"permissions":[{"permission":"doc:Edit","granted":true,"reason":"Granted","message":"granted"}]`, "in force")
	})
	if err != nil {
		return fmt.Errorf("creating grants and patching their status: %w", err)
	}
	took, err = each(ctx, 0, count, func(ctx context.Context, n int) error {
		return b.setStatus(ctx, grant(n), `"inForce":false,"phase":"Expired","permissions":null`, "expired")
	})
	if err != nil {
		return fmt.Errorf("patching statuses: %w", err)
	}
	b.patches = float64(count) / took.Seconds()
	b.report.told("API server alone: status patch of a temporary grant", b.patches, "writes/s")
	for _, kind := range []client.Object{&v1alpha1.RoleAssignment{}, &v1alpha1.TemporaryPermissionGrant{}} {
		if err := b.client.DeleteAllOf(ctx, kind, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("deleting the objects: %w", err)
		}
	}
	return nil
}

// setStatus patches a status as the operator does, with these fields and a condition.
func (b *bench) setStatus(ctx context.Context, object client.Object, fields, message string) error {
	return b.client.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, fmt.Appendf(nil,
		`{"status":{"observedGeneration":1,%s,"conditions":[{"type":"Ready","status":"True","reason":"InForce","message":%q,"observedGeneration":1,"lastTransitionTime":"2030-01-01T00:00:00Z"}]}}`, fields, message)))
}

// begin installs everything, starts the operator, and makes an organization without assignments.
func (b *bench) begin(ctx context.Context) error {
	if err := b.Install(ctx); err != nil {
		return err
	}
	if err := b.StartOperator(ctx); err != nil {
		return err
	}
	var err error
	if b.store, err = findStore(ctx, b.OpenFGA); err != nil {
		return err
	}
	declared := build.Organization(organization).OwnedBy(owner)
	for workspace := range (b.scopes() + perWorkspace - 1) / perWorkspace {
		var projects []string
		for project := range perWorkspace {
			projects = append(projects, fmt.Sprint("project-", project))
		}
		declared.Workspace(fmt.Sprint("workspace-", workspace), projects...)
	}
	objects := []client.Object{
		namespaceNamed(organization), declared.Obj(), build.Role(organization, "admin").Grants(view).Obj(),
		build.ResourceType("doc").OfType("doc").Permits(view).Permits(edit).Permits(added).Permits(stand).Permits(alert).Obj(),
		build.Role(organization, role).Grants(view, edit).Obj(), build.Role(organization, standing).Grants(stand).Obj(),
		build.Role(organization, onCall).Grants(alert).Obj(),
		build.RoleAssignment(organization, "administers").Gives("admin").ToUser(owner).Obj(),
		build.User(organization, owner).KnownAs("owner@acme.example").Obj(),
	}
	for n := range users {
		// The last role of a user is protected, so that everyone has one that nobody takes.
		objects = append(objects, build.User(organization, userOf(n)).KnownAs(subjectOf(n)).Obj(),
			build.RoleAssignment(organization, "standing-"+userOf(n)).Gives(standing).ToUser(userOf(n)).Obj())
	}
	for _, object := range objects {
		if err := b.create(ctx, object); err != nil {
			return err
		}
	}
	err = b.until(ctx, "the API server calls the webhook", func(ctx context.Context) (bool, error) {
		probe := b.assignment(0)
		err := b.client.Create(ctx, probe, client.DryRunAll)
		return err == nil && len(probe.Finalizers) == 1, nil
	})
	if err != nil {
		return err
	}
	return b.until(ctx, "the organization is ready", func(ctx context.Context) (bool, error) {
		var read v1alpha1.Organization
		err := b.client.Get(ctx, types.NamespacedName{Name: organization}, &read)
		return isReady(&read), err
	})
}

// scopes is how many projects there are.
func (b *bench) scopes() int { return b.scaled(1000) }

// create creates an object; until the webhook serves, which is after the operator is ready, again.
func (b *bench) create(ctx context.Context, object client.Object) error {
	var failure error
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, stage.Patience, true, func(ctx context.Context) (bool, error) {
		failure = b.client.Create(ctx, object)
		return failure == nil, nil
	})
	if err != nil {
		return fmt.Errorf("creating %T %s: %w", object, object.GetName(), failure)
	}
	return nil
}

// until waits for something to become true.
func (b *bench) until(ctx context.Context, what string, is func(context.Context) (bool, error)) error {
	return untilEvery(ctx, 20*time.Millisecond, what, is)
}

func untilEvery(ctx context.Context, interval time.Duration, what string, is func(context.Context) (bool, error)) error {
	if err := wait.PollUntilContextTimeout(ctx, interval, 30*time.Minute, true, is); err != nil {
		return fmt.Errorf("waiting until %s: %w", what, err)
	}
	return nil
}

// assign creates assignments until there are so many, and returns when all are in force, and how long that
// took.
func (b *bench) assign(ctx context.Context, upTo int) (time.Duration, error) {
	began := time.Now()
	last, err := b.watch(ctx, &v1alpha1.RoleAssignmentList{}, upTo-b.assigned, func(object client.Object) bool {
		return object.(*v1alpha1.RoleAssignment).Status.InForce
	})
	if err != nil {
		return 0, err
	}
	if _, err := each(ctx, b.assigned, upTo, func(ctx context.Context, n int) error { return b.client.Create(ctx, b.assignment(n)) }); err != nil {
		return 0, fmt.Errorf("creating assignments: %w", err)
	}
	b.assigned = upTo
	select {
	case ended := <-last:
		return ended.Sub(began), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// watch tells when so many objects that change from now on have come to be as wanted.
func (b *bench) watch(ctx context.Context, list client.ObjectList, count int, is func(client.Object) bool) (<-chan time.Time, error) {
	return b.watchIn(ctx, organization, list, count, is)
}

func (b *bench) watchIn(ctx context.Context, namespace string, list client.ObjectList, count int, is func(client.Object) bool) (<-chan time.Time, error) {
	if err := b.client.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	// One that goes on where it was when the API server ends it, as it does to those that are slow.
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return b.client.Watch(ctx, list, client.InNamespace(namespace), &client.ListOptions{Raw: &options})
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watching: %w", err)
	}
	last := make(chan time.Time, 1)
	go func() {
		defer watcher.Stop()
		done := map[types.UID]bool{}
		for event := range watcher.ResultChan() {
			if object, ok := event.Object.(client.Object); ok && is(object) {
				if done[object.GetUID()] = true; len(done) == count {
					last <- time.Now()
					return
				}
			}
		}
	}()
	return last, nil
}

// assignment is number n of all.
func (b *bench) assignment(n int) *v1alpha1.RoleAssignment {
	workspace, project := projectOf(n / users)
	return build.RoleAssignment(organization, name(n)).Gives(role).ToUser(userOf(n)).InProject(workspace, project).Obj()
}

func projectOf(scope int) (workspace, project string) {
	return fmt.Sprint("workspace-", scope/perWorkspace), fmt.Sprint("project-", scope%perWorkspace)
}

func name(n int) string { return fmt.Sprint("a", n) }

func userOf(n int) string { return fmt.Sprint("u", n%users) }

func subjectOf(n int) string { return userOf(n) + "@acme.example" }

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func isReady(object v1alpha1.Object) bool {
	status := object.CommonStatus()
	for _, condition := range status.Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			return condition.Status == metav1.ConditionTrue && status.ObservedGeneration == object.GetGeneration()
		}
	}
	return false
}
