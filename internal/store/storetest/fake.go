package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// Fake is a store in memory, for tests of those who write to one. It keeps what the contract says of
// tuples and their limits, and makes no decisions.
type Fake struct {
	mu     sync.Mutex
	hooks  Hooks
	tuples map[store.Key]*structpb.Struct
	broken []error
	closed bool
}

var _ store.Store = (*Fake)(nil)

// Hooks let a test watch and disturb the calls to a Fake. They may block. The error of one is that of the
// call; nil hooks do nothing.
type Hooks struct {
	// Write is called before a write, Written when it has happened and nobody knows yet: its error is an
	// answer that was lost.
	Write, Written func(ctx context.Context, writes []store.Tuple, deletes []store.Key) error
	Get            func(ctx context.Context, key store.Key) error
	// Walk is called before a walk, Visit before each of its tuples.
	Walk, Visit func(ctx context.Context) error
	AwaitChecks func(ctx context.Context) error
	Fence       func(ctx context.Context) error
	TakeOver    func(ctx context.Context) error
}

// NewFake is an empty store.
func NewFake() *Fake { return &Fake{tuples: map[store.Key]*structpb.Struct{}} }

// Hook replaces all hooks.
func (f *Fake) Hook(hooks Hooks) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = hooks
}

// Plant writes tuples behind everybody's back, also such as are there with another context.
func (f *Fake) Plant(tuples ...store.Tuple) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, tuple := range tuples {
		f.put(tuple)
	}
}

// Uproot deletes tuples behind everybody's back.
func (f *Fake) Uproot(keys ...store.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range keys {
		delete(f.tuples, key)
	}
}

// Tuples are all that the store holds, with their contexts.
func (f *Fake) Tuples() map[store.Key]*structpb.Struct {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.tuples)
}

// Broken is how callers have broken the contract: they exceeded a limit, named a key twice, or called a
// store that was closed.
func (f *Fake) Broken() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.broken...)
}

// TakeOver implements store.Store. A Fake has one writer.
func (f *Fake) TakeOver(ctx context.Context) error { return simple(ctx, f.begin("take over").TakeOver) }

// Fence implements store.Store.
func (f *Fake) Fence(ctx context.Context) error { return simple(ctx, f.begin("fence").Fence) }

// Write implements store.Store.
func (f *Fake) Write(ctx context.Context, writes []store.Tuple, deletes []store.Key) error {
	hooks := f.begin("write")
	if err := call(ctx, hooks.Write, writes, deletes); err != nil {
		return err
	}
	if err := f.write(writes, deletes); err != nil {
		return err
	}
	return call(ctx, hooks.Written, writes, deletes)
}

func (f *Fake) write(writes []store.Tuple, deletes []store.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := withinLimits(writes, deletes); err != nil {
		f.broken = append(f.broken, err)
		return err
	}
	for _, tuple := range writes {
		if there, found := f.tuples[tuple.Key]; found && ((there == nil) != (tuple.Context == nil) || !proto.Equal(there, tuple.Context)) {
			return fmt.Errorf("%w: %v is there with another context", store.ErrRefused, tuple.Key)
		}
	}
	for _, key := range deletes {
		delete(f.tuples, key)
	}
	for _, tuple := range writes {
		f.put(tuple)
	}
	return nil
}

// put keeps a copy, as a store does that is somewhere else.
func (f *Fake) put(tuple store.Tuple) {
	f.tuples[tuple.Key] = nil
	if tuple.Context != nil {
		f.tuples[tuple.Key] = proto.CloneOf(tuple.Context)
	}
}

func withinLimits(writes []store.Tuple, deletes []store.Key) error {
	keys := map[store.Key]bool{}
	bytes := 0
	for _, tuple := range writes {
		keys[tuple.Key] = true
		size := proto.Size(tuple.Context)
		if size > store.MaxContextBytes {
			return fmt.Errorf("%w: a context of %d bytes", store.ErrRefused, size)
		}
		bytes += size
	}
	for _, key := range deletes {
		keys[key] = true
	}
	count := len(writes) + len(deletes)
	switch {
	case count > store.MaxTuplesPerWrite:
		return fmt.Errorf("%w: %d tuples in one write", store.ErrRefused, count)
	case bytes > store.MaxWriteBytes:
		return fmt.Errorf("%w: %d bytes in one write", store.ErrRefused, bytes)
	case len(keys) < count:
		return fmt.Errorf("%w: a key comes twice in %v and %v", store.ErrRefused, writes, deletes)
	}
	return nil
}

// Get implements store.Store.
func (f *Fake) Get(ctx context.Context, key store.Key) (store.Tuple, bool, error) {
	hooks := f.begin("get")
	if err := ended(ctx); err != nil {
		return store.Tuple{}, false, err
	}
	if hooks.Get != nil {
		if err := hooks.Get(ctx, key); err != nil {
			return store.Tuple{}, false, err
		}
	}
	tuple, found := f.get(key)
	return tuple, found, nil
}

func (f *Fake) get(key store.Key) (store.Tuple, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	context, found := f.tuples[key]
	if !found {
		return store.Tuple{}, false
	}
	if context != nil {
		context = proto.CloneOf(context)
	}
	return store.Tuple{Key: key, Context: context}, true
}

// Walk implements store.Store. What is written meanwhile is seen or not, as by any store.
func (f *Fake) Walk(ctx context.Context, visit func(store.Tuple) error) error {
	if err := simple(ctx, f.begin("walk").Walk); err != nil {
		return err
	}
	for key := range f.Tuples() {
		if err := simple(ctx, f.begin("walk").Visit); err != nil {
			return err
		}
		if tuple, found := f.get(key); found {
			if err := visit(tuple); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check implements store.Store, by refusing.
func (f *Fake) Check(ctx context.Context, _ store.Question) (bool, error) {
	f.begin("check")
	if err := ended(ctx); err != nil {
		return false, err
	}
	return false, fmt.Errorf("%w: a fake decides nothing", store.ErrRefused)
}

// AwaitChecks implements store.Store.
func (f *Fake) AwaitChecks(ctx context.Context) error {
	return simple(ctx, f.begin("wait for checks").AwaitChecks)
}

// Ping implements store.Store.
func (f *Fake) Ping(ctx context.Context) error {
	f.begin("ping")
	return ended(ctx)
}

// Close implements store.Store.
func (f *Fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

// begin notes a call, and returns the hooks that it meets.
func (f *Fake) begin(doing string) Hooks {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		f.broken = append(f.broken, fmt.Errorf("%s after Close", doing))
	}
	return f.hooks
}

func call(ctx context.Context, hook func(context.Context, []store.Tuple, []store.Key) error, writes []store.Tuple, deletes []store.Key) error {
	return simple(ctx, func(ctx context.Context) error {
		if hook == nil {
			return nil
		}
		return hook(ctx, writes, deletes)
	})
}

func simple(ctx context.Context, hook func(context.Context) error) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if hook == nil {
		return nil
	}
	return hook(ctx)
}

func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	return nil
}
