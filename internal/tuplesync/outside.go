package tuplesync

import (
	"context"

	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// outside is a store whose calls are none of this process' own: a loop that waits for one has not stopped.
type outside struct{ store.Store }

// TakeOver implements store.Store.
func (o outside) TakeOver(ctx context.Context) error {
	defer liveness.Outside(ctx)()
	return o.Store.TakeOver(ctx)
}

// Fence implements store.Store.
func (o outside) Fence(ctx context.Context) error {
	defer liveness.Outside(ctx)()
	return o.Store.Fence(ctx)
}

// Write implements store.Store.
func (o outside) Write(ctx context.Context, writes []store.Tuple, deletes []store.Key) error {
	defer liveness.Outside(ctx)()
	return o.Store.Write(ctx, writes, deletes)
}

// Get implements store.Store.
func (o outside) Get(ctx context.Context, key store.Key) (store.Tuple, bool, error) {
	defer liveness.Outside(ctx)()
	return o.Store.Get(ctx, key)
}

// Walk implements store.Store.
func (o outside) Walk(ctx context.Context, visit func(store.Tuple) error) error {
	defer liveness.Outside(ctx)()
	return o.Store.Walk(ctx, visit)
}

// AwaitChecks implements store.Store.
func (o outside) AwaitChecks(ctx context.Context) error {
	defer liveness.Outside(ctx)()
	return o.Store.AwaitChecks(ctx)
}
