package openfga

import (
	"context"
	"crypto/rand"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// Two tuples say which writes may still be applied: the writer's epoch, which changes with each writer, and the
// fence, which changes when a writer gives up a write. What they say is in the contexts of their conditions. Every write carries both: OpenFGA does
// nothing where they are there as they are, and refuses the whole transaction where one is there with another
// context. It locks them meanwhile, so that a transaction that began before one was replaced has ended when
// that is done.
//
// A ~ begins no id of ours: this user is nobody, and nothing is below this organization.
var (
	epochKey = store.Key{Object: "organization:~writer", Relation: store.RelationGrantA, User: "user:~writer"}
	fenceKey = store.Key{Object: epochKey.Object, Relation: store.RelationGrantB, User: epochKey.User}
)

// TakeOver implements store.Store. An embedded store is in the one process that writes to it, and does not
// answer before a write has ended, so nothing is to be done.
func (s *Store) TakeOver(ctx context.Context) error {
	if !s.shared {
		return nil
	}
	s.preconditions, s.epoch = nil, nil
	if err := s.Write(ctx, nil, []store.Key{epochKey, fenceKey}); err != nil {
		return err
	}
	s.preconditions = []store.Tuple{unique(epochKey), unique(fenceKey)}
	s.epoch = &s.preconditions[0]
	return s.Write(ctx, nil, nil)
}

// Fence implements store.Store.
func (s *Store) Fence(ctx context.Context) error {
	if !s.shared {
		return nil
	}
	s.preconditions = slices.Clip(s.preconditions[:1])
	if err := s.Write(ctx, nil, []store.Key{fenceKey}); err != nil {
		return err
	}
	s.preconditions = append(s.preconditions, unique(fenceKey))
	return s.Write(ctx, nil, nil)
}

// unique is the tuple of a key with a context that no other has.
func unique(key store.Key) store.Tuple { return saying(key, rand.Text()) }

// saying is the tuple of a key with a text in its context, which gives nobody anything.
func saying(key store.Key, text string) store.Tuple {
	permissions := &structpb.Struct{Fields: map[string]*structpb.Value{text: structpb.NewBoolValue(true)}}
	return store.Tuple{Key: key, Context: condition.Context(permissions, &structpb.Struct{})}
}

// replaced says whether somebody else has begun an epoch.
func (s *Store) replaced(ctx context.Context) bool {
	if s.epoch == nil {
		return false
	}
	epoch, found, err := s.Get(ctx, epochKey)
	return err == nil && found && !proto.Equal(epoch.Context, s.epoch.Context)
}
