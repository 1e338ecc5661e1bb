package tuplesync_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
)

// A span says where the time of a revocation went: here to a store that takes three seconds to answer.
func TestASpanSaysWhatARevocationWaitedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		given, kept := assignment("given", "r0", "u0"), assignment("kept", "r1", "u1")
		w.put(given, kept)
		w.drain()
		// One write is under way until everybody waits, and the next takes three seconds.
		block := newGate()
		w.hook(storetest.Hooks{Write: func(ctx context.Context, writes []store.Tuple, deletes []store.Key) error {
			select {
			case <-block.opened:
				<-time.After(3 * time.Second)
				return nil
			default:
				return block.pass(ctx, writes, deletes)
			}
		}})
		w.put(assignment("under-way", "r0", "u2"))
		w.drain()
		spans := tracetest.NewSpanRecorder()
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")

		w.remove(given)
		ctx, revocation := tracer.Start(w.Context(), "revocation")
		answer := make(chan error, 1)
		go func() { answer <- w.syncer.Await(ctx, kinds.RefOf(given)) }()
		idle, other := tracer.Start(w.Context(), "nothing to wait for")
		if err := w.syncer.Await(idle, kinds.RefOf(kept)); err != nil {
			t.Error(err)
		}
		other.End()
		synctest.Wait()
		block.open()
		if err := <-answer; err != nil {
			t.Error(err)
		}
		revocation.End()

		ended := spans.Ended()
		if events := ended[0].Events(); len(events) != 0 {
			t.Errorf("what waited for nothing says %v", events)
		}
		var said []string
		at := map[string]time.Time{}
		for _, event := range ended[1].Events() {
			said, at[event.Name] = append(said, event.Name), event.Time
		}
		const begins, answers = "a write to the store begins", "the store answers"
		if len(said) != 3 || said[0] != "evaluated" || said[1] != begins || said[2] != answers {
			t.Fatalf("the span says %q", said)
		}
		if took := at[answers].Sub(at[begins]); took != 3*time.Second {
			t.Errorf("the store took %s by the span", took)
		}
		if got := ended[1].Events()[2].Attributes; len(got) != 1 || got[0] != attribute.Bool("bailiwick.failed", false) {
			t.Errorf("the store's answer is %v", got)
		}
	})
}
