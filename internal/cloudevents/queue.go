package cloudevents

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"

	"github.com/bailiwick-dev/bailiwick/internal/liveness"
)

const (
	// queueLength is how many events wait at most.
	queueLength = 1000
	// keptFor is how long an event is tried to be sent: a sink may restart meanwhile.
	keptFor = 10 * time.Minute
	// Between two attempts at one event it waits, longer each time.
	firstPause, longestPause = time.Second, 30 * time.Second
)

// Queue sends events as well as it can: nobody waits for it, and what it can't send is counted. Offer may be called
// concurrently.
type Queue struct {
	sink    *Sink
	log     logr.Logger
	waiting chan queued
}

type queued struct {
	Event
	since time.Time
}

// NewQueue is an empty queue to a sink.
func NewQueue(sink *Sink, log logr.Logger) *Queue {
	return &Queue{sink: sink, log: log, waiting: make(chan queued, queueLength)}
}

// Offer has an event sent if there is room.
func (q *Queue) Offer(events ...Event) {
	for _, event := range events {
		select {
		case q.waiting <- queued{event, time.Now()}:
		default:
			lost.WithLabelValues(lostFull).Inc()
		}
	}
}

// Start implements manager.Runnable.
func (q *Queue) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			if left := len(q.waiting); left > 0 {
				q.log.Info("events that nobody has been told of are dropped", "count", left)
			}
			return nil
		case next := <-q.waiting:
			q.deliver(ctx, next)
		}
	}
}

// deliver sends an event until the sink has taken or refused it, or it is too old.
func (q *Queue) deliver(ctx context.Context, e queued) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := q.try(ctx, e.Event)
		var answer refusal
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case errors.As(err, &answer) && answer.isFinal():
			lost.WithLabelValues(lostRefused).Inc()
			q.log.Info("the events sink refuses an event, which is lost", "type", e.Type, "reason", err.Error())
			return
		case time.Since(e.since) > keptFor:
			lost.WithLabelValues(lostOld).Inc()
			q.log.Info("an event is lost", "type", e.Type, "reason", err.Error())
			return
		}
		q.log.V(1).Info("an event was not sent yet", "type", e.Type, "reason", err.Error())
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (q *Queue) try(ctx context.Context, e Event) error {
	ctx, end := liveness.Begin(ctx, "sending events")
	defer end()
	return q.sink.Send(ctx, e)
}
