package liveness

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
)

// limit is how long a turn of a loop may take, calls to the outside not counted.
const limit = time.Minute

// Monitor knows the loops of an operator that are at work. A loop that waits for something to do is not.
type Monitor struct {
	clock clock.PassiveClock
	log   logr.Logger

	mu    sync.Mutex
	turns map[*turn]struct{}
}

// turn is one turn of a loop.
type turn struct {
	monitor *Monitor
	loop    string
	// since is when the turn began, or last came back from the outside.
	since time.Time
	// outside counts the calls to the outside that are under way.
	outside int
}

// NewMonitor is a monitor by a clock, which must not be set back or forward.
func NewMonitor(by clock.PassiveClock, log logr.Logger) *Monitor {
	return &Monitor{clock: by, log: log, turns: map[*turn]struct{}{}}
}

type monitorKey struct{}

// Watch has the monitor know of the turns that begin in the returned context.
func (m *Monitor) Watch(ctx context.Context) context.Context {
	return context.WithValue(ctx, monitorKey{}, m)
}

type turnKey struct{}

// Begin begins a turn of a loop, whose calls to the outside are to be made with the returned context. The returned
// function ends the turn. Where no monitor watches, both do nothing.
func Begin(ctx context.Context, loop string) (context.Context, func()) {
	m, ok := ctx.Value(monitorKey{}).(*Monitor)
	if !ok {
		return ctx, func() {}
	}
	t := &turn{monitor: m, loop: loop, since: m.clock.Now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turns[t] = struct{}{}
	return context.WithValue(ctx, turnKey{}, t), func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.turns, t)
	}
}

// Outside says that the turn of the context waits for something that this process can do nothing about: the API
// server, the store, or another turn. The returned function says that it is over.
func Outside(ctx context.Context) (back func()) {
	t, ok := ctx.Value(turnKey{}).(*turn)
	if !ok {
		return func() {}
	}
	t.enter(1)
	return func() { t.enter(-1) }
}

func (t *turn) enter(calls int) {
	now := t.monitor.clock.Now()
	t.monitor.mu.Lock()
	defer t.monitor.mu.Unlock()
	t.outside += calls
	t.since = now
}

// Check implements healthz.Checker: it fails where a turn has taken longer than a minute though no call to the outside
// is under way.
func (m *Monitor) Check(*http.Request) error {
	now := m.clock.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var stuck []string
	for t := range m.turns {
		if t.outside == 0 && now.Sub(t.since) > limit && !slices.Contains(stuck, t.loop) {
			stuck = append(stuck, t.loop)
		}
	}
	if len(stuck) == 0 {
		return nil
	}
	slices.Sort(stuck)
	err := fmt.Errorf("stuck for more than %s: %s", limit, strings.Join(stuck, ", "))
	m.log.Error(err, "work has stopped: the liveness probe fails until the operator is restarted")
	return err
}

// Serving has next's requests be turns that a monitor watches, and ends the process when it panics.
func (m *Monitor) Serving(name string, next http.Handler) http.Handler {
	next = Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := Begin(m.Watch(r.Context()), name)
		defer end()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
