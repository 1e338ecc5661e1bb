package readlease

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

const (
	duration  = 10 * time.Second
	namespace = "bailiwick-system"
)

// world is an API server and the replicas that use it, in a bubble of its own time.
type world struct {
	*testing.T

	cluster client.Client
	mu      sync.Mutex
	// writes counts what was written.
	writes   int
	replicas []*replica
	// rules and length are those of whoever is started, and of its leases.
	rules  string
	length time.Duration
}

// replica is a process. Its state is told how far it is.
type replica struct {
	*Leases

	world *world
	// cut off from the API server, and deaf to its watches.
	cut, deaf bool
	// leads is what its own lease says.
	leads bool
	// ahead is by how much its wall clock is wrong, and slept how long its machine was suspended without that clock.
	ahead, slept time.Duration
	end          context.CancelFunc
	ended        chan struct{}

	mu       sync.Mutex
	progress engine.Progress
	moved    chan struct{}
	// catchUp is what the state includes once it was compared with the API server; nil while it can't be.
	catchUp engine.Position
	proofs  int
	// history is what it goes by, and told what it has heard of the leader's.
	history, told state.History
	version       int64
}

var errCut = errors.New("the API server does not answer")

func inWorld(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		scheme := runtime.NewScheme()
		if err := coordinationv1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		test(&world{T: t, rules: "1", length: duration, cluster: fake.NewClientBuilder().WithScheme(scheme).Build()})
	})
}

// start starts a replica, whose state includes everything up to a version.
func (w *world) start(name, version string) *replica {
	r := &replica{world: w, moved: make(chan struct{}), ended: make(chan struct{})}
	r.progress = engine.Progress{Position: engine.Position{"User": version}, Marks: engine.Position{"User": version}, Proven: true, Moved: r.moved}
	r.catchUp = engine.Position{"User": version}
	r.Leases = New(Options{
		Name: name, Engine: r, Client: r.client(), Rules: w.rules, Namespace: namespace, Duration: w.length,
		Leads: func() bool { return r.leads },
		Clock: Clock{
			Wall: func() time.Time { return time.Now().Add(r.ahead) },
			Boot: func() time.Duration { return time.Since(time.Time{}.AddDate(1999, 0, 0)) + r.slept },
		},
		Log: logr.Discard(),
	})
	var found coordinationv1.LeaseList
	if err := w.cluster.List(w.Context(), &found); err != nil {
		w.Fatal(err)
	}
	for n := range found.Items {
		r.Seen(&found.Items[n])
	}
	w.mu.Lock()
	w.replicas = append(w.replicas, r)
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.Context())
	r.end = func() { cancel(); <-r.ended }
	go func() {
		defer close(r.ended)
		if err := r.Leases.Start(ctx); err != nil {
			w.Error(err)
		}
	}()
	w.Cleanup(r.end)
	return r
}

// lead starts a replica that leads.
func (w *world) lead(name, version string) *replica {
	r := w.start(name, version)
	r.takeLead()
	return r
}

func (r *replica) takeLead() {
	r.leads = true
	r.Begin(r.world.Context())
	synctest.Wait()
}

// client is the API server as a replica reaches it. What is written is shown to all.
func (r *replica) client() client.Client {
	w := r.world
	show := func(object client.Object, err error) error {
		if err == nil {
			w.shown(object.(*coordinationv1.Lease), false)
		}
		return err
	}
	through := func() error {
		if r.cut {
			return errCut
		}
		return nil
	}
	return interceptor.NewClient(w.cluster.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
			return errors.Join(through(), c.Get(ctx, key, into, options...))
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if err := through(); err != nil {
				return err
			}
			return show(object, c.Create(ctx, object, options...))
		},
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			if err := through(); err != nil {
				return err
			}
			return show(object, c.Update(ctx, object, options...))
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			if err := through(); err != nil {
				return err
			}
			return show(object, c.Patch(ctx, object, patch, options...))
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if err := through(); err != nil {
				return err
			}
			err := c.Delete(ctx, object, options...)
			if err == nil {
				w.shown(object.(*coordinationv1.Lease), true)
			}
			return err
		},
	})
}

func (w *world) shown(lease *coordinationv1.Lease, gone bool) {
	w.mu.Lock()
	w.writes++
	replicas := w.replicas
	w.mu.Unlock()
	for _, r := range replicas {
		switch {
		case r.deaf:
		case gone:
			r.Gone(lease.DeepCopy())
		default:
			r.Seen(lease.DeepCopy())
		}
	}
}

// Progress implements Engine.
func (r *replica) Progress() engine.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.progress
	now.Position, now.Marks = maps.Clone(now.Position), maps.Clone(now.Marks)
	return now
}

// CatchUp implements Engine.
func (r *replica) CatchUp(ctx context.Context) {
	for ctx.Err() == nil {
		r.mu.Lock()
		to := r.catchUp
		if to != nil {
			r.progress.Proven, r.progress.Position = true, maps.Clone(to)
			r.proofs++
		}
		r.mu.Unlock()
		if to != nil {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}

// History implements Engine.
func (r *replica) History() (state.History, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history, r.version
}

// FollowHistory implements Engine.
func (r *replica) FollowHistory(told state.History) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = told
}

// goesBy has a replica go by something else, with what it has evaluated.
func (r *replica) goesBy(history state.History) {
	r.mu.Lock()
	r.history = history
	r.version++
	r.announce()
	r.mu.Unlock()
	synctest.Wait()
}

// falls has a replica's state not include any more what there is.
func (r *replica) falls() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.catchUp = nil
}

// evaluates has a replica's state include a version.
func (r *replica) evaluates(version string) {
	r.mu.Lock()
	r.progress.Marks = engine.Position{"User": version}
	r.progress.Position = engine.Position{"User": version}
	r.catchUp = engine.Position{"User": version}
	r.announce()
	r.mu.Unlock()
	synctest.Wait()
}

func (r *replica) announce() {
	close(r.moved)
	r.moved = make(chan struct{})
	r.progress.Moved = r.moved
}

// rewinds has a replica see that versions went back.
func (r *replica) rewinds(to string) {
	r.mu.Lock()
	r.progress.Rewound++
	r.progress.Marks, r.progress.Position, r.progress.Proven = engine.Position{"User": to}, engine.Position{}, false
	r.catchUp = engine.Position{"User": to}
	r.announce()
	r.mu.Unlock()
	synctest.Wait()
}

// stops has a process stand still: it neither hears nor says anything.
func (r *replica) stops() { r.cut, r.deaf = true, true }

func (r *replica) expect(answers bool, when string) {
	r.world.Helper()
	synctest.Wait()
	if err := r.Enter(); (err == nil) != answers {
		r.world.Errorf("%s %s answers: %t: %v", when, r.Name, !answers, err)
	}
}

// change begins to wait for everybody to know what the leader knows. The returned function says whether that is over.
func (r *replica) change() (over func() bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Wait(r.world.Context(), r.Progress())
	}()
	return func() bool {
		synctest.Wait()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// waitsForTheLeaseOf changes something, and expects that a reader that can't know of it is waited for as long as its lease lasts.
func (r *replica) waitsForTheLeaseOf(reader *replica) {
	t := r.world
	t.Helper()
	r.evaluates("101")
	over := r.change()
	if reader.expect(true, "with the old lease"); over() {
		t.Fatal("nobody waits for it")
	}
	for began := time.Now(); !over(); sleep(10 * time.Millisecond) {
		if time.Since(began) > duration {
			t.Fatal("it is waited for longer than its lease lasts")
		}
	}
	reader.expect(false, "when the change is told")
}

func sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
