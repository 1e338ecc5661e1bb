// Package store is the port to the authorization store. It says what the rest of Bailiwick may ask of
// a store, and what a store owes: package storetest holds that contract as tests, which every
// implementation passes.
package store

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
)

// The limits of a stock OpenFGA server, which every store must take and nobody may exceed.
const (
	// MaxTuplesPerWrite counts written and deleted tuples together. OpenFGA takes 100, of which a store that
	// several processes write to needs two for itself: see TakeOver.
	MaxTuplesPerWrite = 98
	// MaxWriteBytes bounds the contexts of one Write together. OpenFGA takes about 600 KB.
	MaxWriteBytes = 400 << 10
	// MaxContextBytes bounds the context of one tuple, in its protobuf encoding.
	MaxContextBytes = 32 << 10
	// MaxConditionCost is what evaluating one condition may cost on a stock server.
	MaxConditionCost = 100
)

// EmbeddedConditionCost is what one condition may cost in the server that is embedded. Nobody else shares
// that one.
const EmbeddedConditionCost = 10_000

// Key names a tuple: user has relation to object.
type Key struct {
	Object, Relation, User string
}

// Tuple is a fact in the store. A nil Context means that it holds without a condition; otherwise it
// holds under the model's one condition, with this context.
type Tuple struct {
	Key
	Context *structpb.Struct
}

// Question asks whether User has Relation to Object.
type Question struct {
	Key
	// Parent, unless it is empty, is what Object lies in, for an object that the store may know nothing
	// of. It counts for this question alone.
	Parent string
	// Permission, Attributes and Time are what conditions are tested against.
	Permission string
	Attributes map[string]any
	Time       time.Time
}

var (
	// ErrUnavailable means that the store could not be asked, or did not answer. Whether a write
	// happened is unknown; the same write may be sent again.
	ErrUnavailable = errors.New("the authorization store does not answer")
	// ErrRefused means that the store will not take this request as it is; sending it again is no use.
	ErrRefused = errors.New("the authorization store refused the request")
	// ErrStaleWrite comes with ErrUnavailable. It means that a write was applied although Fence had ruled it out,
	// or that the store was put back to what it held earlier: nothing was written, the caller calls Fence before the
	// next write, and then reads the whole store again.
	ErrStaleWrite = errors.New("the authorization store holds what was given up")
	// ErrReplaced means that somebody else has taken over the store: nothing was written, and the caller is
	// not to write any more.
	ErrReplaced = errors.New("another operator writes to the authorization store now")
	// ErrForeign means that the store is somebody else's: nothing in it was changed. Opening it again finds out whether
	// that is still so.
	ErrForeign = errors.New("the authorization store is not this installation's")
)

// Store is an authorization store with Bailiwick's model in it. Its methods may be called
// concurrently. Every error is ErrUnavailable or ErrRefused, from Write and Fence also ErrReplaced or
// ErrStaleWrite, wrapped with what was being done; each call ends by itself even when its context has no deadline.
type Store interface {
	// TakeOver makes the caller the one who writes. Once it has returned, no write of anybody else who took
	// over earlier happens any more, not even one that is on its way. It comes before the first Write.
	TakeOver(ctx context.Context) error
	// Fence rules out the caller's outstanding writes: once it has returned, no write that was not answered is
	// applied any more. It comes after such a write, before the next.
	Fence(ctx context.Context) error
	// Write deletes and writes tuples in one transaction: a reader sees all of it or nothing. Writing
	// a tuple that is there as it is and deleting one that is not there succeed and change nothing;
	// writing one that is there with another context is refused, whole. No key may come twice, and
	// the caller keeps to the limits above.
	Write(ctx context.Context, writes []Tuple, deletes []Key) error
	// Get returns the tuple of a key, and whether there is one.
	Get(ctx context.Context, key Key) (Tuple, bool, error)
	// Walk calls visit for every tuple, in no order. It is not a snapshot: a tuple that is written or
	// deleted meanwhile may or may not be seen. It stops at the first error of visit and returns it.
	Walk(ctx context.Context, visit func(Tuple) error) error
	// Check answers a question from what is written: after Write has returned, every later Check
	// sees it.
	Check(ctx context.Context, question Question) (bool, error)
	// AwaitChecks returns when every decision that began before the call, whoever asked for it, has
	// been answered. A decision is not a snapshot, so this is how a caller knows that nobody is
	// still reading what was there before.
	AwaitChecks(ctx context.Context) error
	// Ping says whether the store answers.
	Ping(ctx context.Context) error
	// Close lets go of the store. Nothing may be called after it.
	Close() error
}
