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

// Two tuples say which writes may still happen: whose turn it is to write, and which of its writes were not
// given up. What they say is in the contexts of their conditions. Every write carries both: OpenFGA does
// nothing where they are there as they are, and refuses the whole transaction where one is there with another
// context. It locks them meanwhile, so that a transaction that began before one was replaced has ended when
// that is done.
//
// A ~ begins no id of ours: this user is nobody, and nothing is below this organization.
var (
	turnKey = store.Key{Object: "organization:~writer", Relation: store.RelationGrantA, User: "user:~writer"}
	markKey = store.Key{Object: turnKey.Object, Relation: store.RelationGrantB, User: turnKey.User}
)

// TakeOver implements store.Store. An embedded store is in the one process that writes to it, and does not
// answer before a write has ended, so nothing is to be done.
func (s *Store) TakeOver(ctx context.Context) error {
	if !s.shared {
		return nil
	}
	s.carried, s.turn = nil, nil
	if err := s.Write(ctx, nil, []store.Key{turnKey, markKey}); err != nil {
		return err
	}
	s.carried = []store.Tuple{unique(turnKey), unique(markKey)}
	s.turn = &s.carried[0]
	return s.Write(ctx, nil, nil)
}

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context) error {
	if !s.shared {
		return nil
	}
	s.carried = slices.Clip(s.carried[:1])
	if err := s.Write(ctx, nil, []store.Key{markKey}); err != nil {
		return err
	}
	s.carried = append(s.carried, unique(markKey))
	return s.Write(ctx, nil, nil)
}

// unique is the tuple of a key with a context that no other has.
func unique(key store.Key) store.Tuple { return saying(key, rand.Text()) }

// saying is the tuple of a key with a text in its context, which gives nobody anything.
func saying(key store.Key, text string) store.Tuple {
	permissions := &structpb.Struct{Fields: map[string]*structpb.Value{text: structpb.NewBoolValue(true)}}
	return store.Tuple{Key: key, Context: condition.Context(permissions, &structpb.Struct{})}
}

// replaced says whether it is somebody else's turn.
func (s *Store) replaced(ctx context.Context) bool {
	if s.turn == nil {
		return false
	}
	turn, found, err := s.Get(ctx, turnKey)
	return err == nil && found && !proto.Equal(turn.Context, s.turn.Context)
}
