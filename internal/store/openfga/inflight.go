package openfga

import (
	"context"
	"sync"
)

// inFlight knows which calls have begun and not ended.
type inFlight struct {
	mu    sync.Mutex
	calls map[chan struct{}]struct{}
}

func newInFlight() *inFlight {
	return &inFlight{calls: map[chan struct{}]struct{}{}}
}

// begin counts a call until the returned function is called.
func (f *inFlight) begin() (end func()) {
	ended := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[ended] = struct{}{}
	return func() {
		close(ended)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.calls, ended)
	}
}

// await returns when every call that is in flight now has ended. Calls that begin meanwhile are not
// waited for, so it ends however busy the store is.
func (f *inFlight) await(ctx context.Context) error {
	f.mu.Lock()
	now := make([]chan struct{}, 0, len(f.calls))
	for ended := range f.calls {
		now = append(now, ended)
	}
	f.mu.Unlock()
	for _, ended := range now {
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
