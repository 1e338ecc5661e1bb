package tuplesync_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuplesync"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// compareEvery is so long that a comparison comes in no test that does not wait for it.
const compareEvery = time.Hour

// world is a syncer between a desired state and a fake store, in a bubble of its own time.
type world struct {
	*testing.T
	fake    *storetest.Fake
	state   *state.State
	syncer  *tuplesync.Syncer
	connect func(context.Context) (store.Store, error)
	// stop ends Run, ended is closed when it has returned.
	stop  context.CancelFunc
	ended chan struct{}
	// monitor watches the syncer's loops.
	monitor *liveness.Monitor
	// observe, unless it is nil, is called when the syncer says that the store answers or not, or is compared.
	observe func()

	mu        sync.Mutex
	confirmed []kinds.Ref
	available []bool
	compared  int
}

// inWorld runs a test in a world that has an organization with users, roles and permissions, and whose
// syncer is not started. In the end nobody may have broken the store's contract.
func inWorld(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			T: t, fake: storetest.NewFake(), state: state.New(state.Limits{ConditionCost: 1000}, clock.RealClock{}),
			monitor: liveness.NewMonitor(clock.RealClock{}, logr.Discard()),
		}
		w.connect = func(context.Context) (store.Store, error) { return w.fake, nil }
		w.anew()
		w.state.Put(beginning()...)
		test(w)
		if w.stop != nil {
			w.stop()
			<-w.ended
		}
		if err := w.fake.Broken(); err != nil {
			t.Errorf("the contract of the store is broken: %v", err)
		}
	})
}

// anew makes a new syncer, as a restart does.
func (w *world) anew() {
	w.syncer = tuplesync.New(
		func(ctx context.Context) (store.Store, error) { return w.connect(ctx) },
		w.state,
		tuplesync.Observer{
			Confirmed: func(refs []kinds.Ref) { w.note(func() { w.confirmed = append(w.confirmed, refs...) }) },
			Available: func(answers bool) { w.told(func() { w.available = append(w.available, answers) }) },
			Compared:  func() { w.told(func() { w.compared++ }) },
		},
		logr.Discard())
}

func (w *world) note(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
}

// told notes what the syncer says.
func (w *world) told(what func()) {
	w.note(what)
	if w.observe != nil {
		w.observe()
	}
}

func beginning() []client.Object {
	kind := build.ResourceType("flow")
	for n := range 8 {
		kind.Permits(fmt.Sprint("P", n), build.String("color"))
	}
	objects := []client.Object{
		&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "acme"}},
		build.Organization("acme").Workspace("w0").Workspace("w1").Obj(),
		kind.Obj(),
	}
	for n := range 10 {
		objects = append(objects, build.User("acme", fmt.Sprint("u", n)).Obj())
	}
	return append(objects, build.Role("acme", "r0").Grants("P0").Obj(), build.Role("acme", "r1").Grants("P1").Obj())
}

// start runs the syncer, and returns when it has nothing more to do for now.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.monitor.Watch(w.Context()))
	w.stop, w.ended = cancel, make(chan struct{})
	go func() {
		defer close(w.ended)
		if err := w.syncer.Run(ctx, compareEvery); err != nil {
			w.Errorf("Run: %v", err)
		}
	}()
	w.drain()
}

// drain returns when everything is written that can be, what gathers for the next write included.
func (w *world) drain() {
	<-time.After(time.Second / 10)
	synctest.Wait()
}

// put and remove do what the engine does with a change.
func (w *world) put(objects ...client.Object) {
	for _, object := range objects {
		w.syncer.MarkDirty(kinds.RefOf(object), w.state.Put(object.DeepCopyObject().(client.Object)))
	}
}

func (w *world) remove(object client.Object) {
	ref := kinds.RefOf(object)
	w.syncer.MarkDirty(ref, w.state.Remove(ref))
}

// awaiting waits for an object, and is sent the answer.
func (w *world) awaiting(object client.Object) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- w.syncer.Await(w.Context(), kinds.RefOf(object)) }()
	synctest.Wait()
	return answer
}

// expectPending wants no answer yet.
func (w *world) expectPending(answer <-chan error) {
	w.Helper()
	synctest.Wait()
	select {
	case err := <-answer:
		w.Errorf("answered before anything was done: %v", err)
	default:
	}
}

// sleep lets so much time pass, and what happens in it happen.
func (w *world) sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (w *world) hook(hooks storetest.Hooks) { w.fake.Hook(hooks) }

// was says whether an object was confirmed, and how often.
func (w *world) timesConfirmed(object client.Object) int {
	count := 0
	w.note(func() {
		for _, ref := range w.confirmed {
			if ref == kinds.RefOf(object) {
				count++
			}
		}
	})
	return count
}

func (w *world) expectAvailable(want ...bool) {
	w.Helper()
	w.note(func() {
		if !slices.Equal(w.available, want) {
			w.Errorf("the store was said to answer: %v, want %v", w.available, want)
		}
	})
}

func assignment(name, role, user string) *v1alpha1.RoleAssignment {
	return build.RoleAssignment("acme", name).Gives(role).ToUser(user).Obj()
}

// grant gives permissions to a user at the organization.
func grant(name, user string, permissions ...string) *v1alpha1.PermissionGrant {
	object := &v1alpha1.PermissionGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name}}
	object.Spec.Subject.User = user
	for _, permission := range permissions {
		object.Spec.Permissions = append(object.Spec.Permissions, v1alpha1.PermissionEntry{Permission: permission})
	}
	return object
}

// bulky is an entry that fills most of a context of its own; variants differ.
func bulky(permission string, variant int) v1alpha1.PermissionEntry {
	values := make([]string, 100)
	for n := range values {
		values[n] = fmt.Sprintf("%d-%d-%s", variant, n, strings.Repeat("x", 240))
	}
	return v1alpha1.PermissionEntry{Permission: permission, Conditions: map[string]v1alpha1.AttributeCondition{
		"color": {Type: v1alpha1.ConditionIn, Values: values},
	}}
}
