package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// memoryOfAnAssignment is how many bytes a replica that only answers may need for each, informers included: a fifth more than was
// measured. docs/performance.md has what they are.
const memoryOfAnAssignment = 2100

// A field more in each of many objects is easily added, and never seen.
func TestAReplicaThatOnlyAnswersNeedsLittleMemory(t *testing.T) {
	const count = 15_000
	before := liveMemory()
	e := engine.New(engine.Options{
		OnlyAnswers: true, Clock: clock.RealClock{}, Log: logr.Discard(), Limits: state.Limits{ConditionCost: store.EmbeddedConditionCost},
	})
	replica := &watchingCache{engine: e, transform: slimmer(&state.Reducer{}), objects: manyAssignments(count)}
	go func() { _ = e.Feed(replica).Start(t.Context()) }()
	loaded, err := e.Loaded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := scope.Path{Organization: "acme", Workspace: "w0", Project: "p7"}
	q := entitlement.Question{Subject: "user-7@example.com", Permission: "edit", At: at}
	if !loaded.Decide("acme", q).Allowed {
		t.Fatal("what was assigned is denied")
	}
	each := (liveMemory() - before) / count
	t.Logf("%d bytes for each of %d assignments", each, count)
	if each > memoryOfAnAssignment {
		t.Errorf("it needs %d bytes for each of %d assignments, want %d at most", each, count, memoryOfAnAssignment)
	}
	runtime.KeepAlive(replica)
}

// liveMemory is what is left when all that nobody needs has gone; what the last collection makes unreachable goes with the next.
func liveMemory() int64 {
	var now runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&now)
	return int64(now.HeapAlloc)
}

// manyAssignments are those of 100 users, at one project after the other, as the API server has them.
func manyAssignments(count int) map[string]func(func(client.Object)) {
	const users, projects = 100, 50
	organization := build.Organization("acme").Workspace("w0").Obj()
	for n := range count / users {
		if n > 0 && n%projects == 0 {
			organization.Spec.Workspaces = append(organization.Spec.Workspaces, v1alpha1.Workspace{Name: fmt.Sprint("w", n/projects)})
		}
		in := &organization.Spec.Workspaces[n/projects]
		in.Projects = append(in.Projects, v1alpha1.Project{Name: fmt.Sprint("p", n)})
	}
	one := func(object client.Object) func(func(client.Object)) {
		return func(yield func(client.Object)) { yield(object) }
	}
	governed := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "acme", ResourceVersion: "1"}}
	governed.SetGroupVersionKind(engine.NamespaceKind)
	return map[string]func(func(client.Object)){
		kinds.Namespace:    one(governed),
		kinds.ResourceType: one(inCluster(build.ResourceType("doc").Permits("view").Permits("edit").Obj(), 1)),
		kinds.Organization: one(inCluster(organization, 2)),
		kinds.Role:         one(inCluster(build.Role("acme", "editor").Grants("view", "edit").Obj(), 3)),
		kinds.User: func(yield func(client.Object)) {
			for n := range users {
				yield(inCluster(build.User("acme", fmt.Sprint("user-", n)).KnownAs(fmt.Sprintf("user-%d@example.com", n)).Obj(), 10+n))
			}
		},
		kinds.RoleAssignment: func(yield func(client.Object)) {
			for n := range count {
				user, project := fmt.Sprint("user-", n%users), n/users
				workspace := project / projects
				a := build.RoleAssignment("acme", fmt.Sprint("assigned-", n)).Gives("editor").ToUser(user).
					InProject(fmt.Sprint("w", workspace), fmt.Sprint("p", project)).Obj()
				a.Annotations = map[string]string{v1alpha1.AnnotationAuthor: fmt.Sprintf(
					`{"username":"kubernetes-admin","subject":"kubernetes-admin","verb":"bind","generation":1,"user":{"uid":"%s","subject":"%s@example.com"}}`, uidOf(10+n%users), user)}
				a.Status.InForce, a.Status.Subject, a.Status.Scope = true, "user/"+user, fmt.Sprintf("acme/w%d/p%d", workspace, project)
				a.Status.Conditions = []metav1.Condition{{Message: "in force at " + a.Status.Scope}}
				yield(inCluster(a, 1000+n))
			}
		},
	}
}

func uidOf(n int) types.UID { return types.UID(fmt.Sprintf("0d3e4e2b-56a4-4d8e-9a3a-%012d", n)) }

// inCluster is an object as it is read from the API server, where it is in force.
func inCluster[T any, O interface {
	*T
	v1alpha1.Object
}](o O, n int) client.Object {
	made := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, n/50, 0, time.UTC))
	o.SetUID(uidOf(n))
	o.SetResourceVersion(fmt.Sprint(100_000 + n))
	o.SetGeneration(1)
	o.SetCreationTimestamp(made)
	o.SetFinalizers([]string{v1alpha1.Finalizer})
	o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: "Update", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}})
	status := o.CommonStatus()
	status.ObservedGeneration = 1
	if len(status.Conditions) == 0 {
		status.Conditions = []metav1.Condition{{}}
	}
	ready := &status.Conditions[0]
	ready.Type, ready.Status, ready.Reason, ready.LastTransitionTime = v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonInForce, made
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	var read T // with texts of its own
	if err := json.Unmarshal(text, &read); err != nil {
		panic(err)
	}
	return O(&read)
}

// watchingCache has informers of some objects, as the manager's cache has them.
type watchingCache struct {
	cache.Cache

	engine    *engine.Engine
	transform toolscache.TransformFunc
	objects   map[string]func(func(client.Object))
	informers []cache.Informer
}

// GetInformer implements cache.Cache.
func (c *watchingCache) GetInformer(ctx context.Context, of client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	kind := kinds.Namespace
	if ours, ok := of.(v1alpha1.Object); ok {
		kind = kinds.RefOf(ours).Kind
	}
	watches := func(context.Context, metav1.ListOptions) (watch.Interface, error) {
		events := make(chan watch.Event)
		w := watch.NewProxyWatcher(events)
		show := func(e watch.Event) {
			select {
			case events <- e:
			case <-w.StopChan():
			}
		}
		go func() {
			if each := c.objects[kind]; each != nil {
				each(func(object client.Object) { show(watch.Event{Type: watch.Added, Object: object}) })
			}
			all := of.DeepCopyObject().(client.Object)
			all.SetResourceVersion("1000000")
			all.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
			show(watch.Event{Type: watch.Bookmark, Object: all})
		}()
		return w, nil
	}
	lists := func(context.Context, metav1.ListOptions) (kruntime.Object, error) { return &metav1.List{}, nil }
	i := c.engine.NewInformer(&toolscache.ListWatch{ListWithContextFunc: lists, WatchFuncWithContext: watches}, of, 0, toolscache.Indexers{
		toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc,
	})
	if err := i.SetTransform(c.transform); err != nil {
		return nil, err
	}
	go i.RunWithContext(ctx)
	c.informers = append(c.informers, i)
	return i, nil
}
