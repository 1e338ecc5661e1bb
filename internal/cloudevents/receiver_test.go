package cloudevents

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/go-logr/logr"
)

// receiver is a sink within this process, so that time may stand still. It may be slow, fail, or be away.
type receiver struct {
	t *testing.T

	mu sync.Mutex
	// does is what becomes of the next events; it takes them where it is nil. It returns the status of the answer.
	does  func(ctx context.Context, event cloudevents.Event) int
	taken []cloudevents.Event
}

func (r *receiver) set(does func(context.Context, cloudevents.Event) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.does = does
}

// RoundTrip implements http.RoundTripper.
func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	event, err := cloudevents.NewEventFromHTTPRequest(request)
	if err != nil {
		r.t.Errorf("this is no CloudEvent: %v", err)
		return nil, err
	}
	r.mu.Lock()
	does := r.does
	r.mu.Unlock()
	status := http.StatusAccepted
	if does != nil {
		status = does(request.Context(), *event)
	}
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	if status/100 == 2 {
		r.mu.Lock()
		r.taken = append(r.taken, *event)
		r.mu.Unlock()
	}
	answer := httptest.NewRecorder()
	answer.WriteHeader(status)
	return answer.Result(), nil
}

// told are the types of the events that the receiver has taken, with the names of what they are about.
func (r *receiver) told() (texts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range r.taken {
		texts = append(texts, event.Subject()+" "+event.Type()[len(typePrefix):])
	}
	return texts
}

func (r *receiver) sink() *Sink {
	sink, err := connect(SinkOptions{URL: "https://events.example.com"}, r, logr.Discard())
	if err != nil {
		r.t.Fatal(err)
	}
	return sink
}

// away answers nothing, as a machine that is switched off.
func away(ctx context.Context, _ cloudevents.Event) int {
	<-ctx.Done()
	return 0
}

// answers refuses with a status.
func answers(status int) func(context.Context, cloudevents.Event) int {
	return func(context.Context, cloudevents.Event) int { return status }
}

// slow takes its time.
func slow(takes time.Duration) func(context.Context, cloudevents.Event) int {
	return func(ctx context.Context, _ cloudevents.Event) int {
		select {
		case <-ctx.Done():
		case <-time.After(takes):
		}
		return http.StatusOK
	}
}
