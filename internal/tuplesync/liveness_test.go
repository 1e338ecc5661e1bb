package tuplesync_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/test/crash"
)

func TestAPanicOfALoopEndsTheProcess(t *testing.T) {
	panics := func(context.Context) error { panic("planted") }
	for name, plant := range map[string]func(*world){
		"writing": func(w *world) {
			w.start()
			w.hook(storetest.Hooks{Write: func(ctx context.Context, _ []store.Tuple, _ []store.Key) error { return panics(ctx) }})
			w.put(assignment("a0", "r0", "u0"))
		},
		"comparing first": func(w *world) {
			w.hook(storetest.Hooks{Walk: panics})
			w.start()
		},
		"comparing later": func(w *world) {
			w.start()
			w.hook(storetest.Hooks{Walk: panics})
			w.sleep(2 * compareEvery)
		},
		"waiting for decisions": func(w *world) {
			w.put(grant("g0", "u0", "P0"))
			w.start()
			w.hook(storetest.Hooks{AwaitChecks: panics})
			w.put(grant("g0", "u0", "P1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			crash.Expect(t, "planted", func() {
				inWorld(t, func(w *world) {
					plant(w)
					w.sleep(aWhile)
				})
			})
		})
	}
}

func TestTheProbeFailsWhereALoopHangsAndNotWhereTheStoreDoes(t *testing.T) {
	for name, test := range map[string]struct {
		// occupy has the syncer do something, which may last until a context ends.
		occupy func(*world, context.Context)
		// hangs has the syncer hang where it says what it has found.
		hangs bool
		want  string
	}{
		"nothing to do": {occupy: func(*world, context.Context) {}},
		"the store is away": {occupy: func(w *world, _ context.Context) {
			w.hook(down())
			w.put(assignment("a0", "r0", "u0"))
		}},
		"the store refuses": {occupy: func(w *world, _ context.Context) {
			w.hook(refusing("u5@"))
			w.put(assignment("a0", "r0", "u5"))
		}},
		"a write hangs": {occupy: func(w *world, until context.Context) {
			w.hook(storetest.Hooks{Write: func(context.Context, []store.Tuple, []store.Key) error { return untilEnded(until) }})
			w.put(assignment("a0", "r0", "u0"))
		}},
		"a comparison hangs": {occupy: func(w *world, _ context.Context) {
			w.hook(storetest.Hooks{Walk: untilEnded})
			w.sleep(2 * compareEvery)
		}},
		"decisions hang": {occupy: func(w *world, _ context.Context) {
			w.put(grant("g0", "u0", "P0"))
			w.drain()
			w.hook(storetest.Hooks{AwaitChecks: untilEnded})
			w.put(grant("g0", "u0", "P1"))
		}},
		"the loop that writes hangs": {hangs: true, want: "writing to the store", occupy: func(w *world, _ context.Context) {
			w.hook(down())
			w.put(assignment("a0", "r0", "u0"))
		}},
		"the loop that compares hangs": {hangs: true, want: "comparing the store", occupy: func(w *world, _ context.Context) { w.sleep(2 * compareEvery) }},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.start()
				until, over := context.WithCancel(w.Context())
				defer over()
				if test.hangs {
					w.observe = func() { <-until.Done() }
				}
				test.occupy(w, until)
				w.sleep(time.Hour)
				err := w.monitor.Check(nil)
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+test.want)) {
					w.Errorf("got %v, want one about %q", err, test.want)
				}
			})
		})
	}
}
