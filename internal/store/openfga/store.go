// Package openfga keeps Bailiwick's tuples in OpenFGA: a server inside this process on a SQLite file
// (Embedded), or one that runs elsewhere (Remote). Both are asked by the same client code.
package openfga

import (
	"context"
	"fmt"
	"slices"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	serverconfig "github.com/openfga/openfga/pkg/server/config"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

const (
	defaultStoreName = "bailiwick"
	// defaultTimeout ends a call whose context has no deadline of its own.
	defaultTimeout = 10 * time.Second
	// pageSize is the most that OpenFGA returns in one answer.
	pageSize = 100
	// ignore makes writing what is there, and deleting what is not, succeed.
	ignore = "ignore"
)

// Store is Bailiwick's store in an OpenFGA server.
type Store struct {
	client  openfgav1.OpenFGAServiceClient
	timeout time.Duration
	storeID string
	modelID string
	// checks are the decisions in flight that this process knows of.
	checks *inFlight
	// grace is how long decisions may take that this process does not know of.
	grace time.Duration
	// shared means that other processes can write too, and that a write may happen after its call has ended.
	// preconditions are the tuples by which such writes are told from ours; none before TakeOver.
	shared        bool
	preconditions []store.Tuple
	// epoch is the first of them, which never changes after TakeOver.
	epoch *store.Tuple
	// installation owns a shared store.
	installation string
	close        func() error
}

var _ store.Store = (*Store)(nil)

// StoreID is the id of the store in OpenFGA, which applications pass.
func (s *Store) StoreID() string { return s.storeID }

// ModelID is the id of the authorization model in OpenFGA, which applications may pass.
func (s *Store) ModelID() string { return s.modelID }

// Write implements store.Store. A context that lacks one of a tuple's own parameters, or has another
// than these, is refused: the first could be filled in by whoever asks, the second would overrule
// what is asked.
func (s *Store) Write(ctx context.Context, writes []store.Tuple, deletes []store.Key) error {
	doing := fmt.Sprintf("writing %d and deleting %d tuples", len(writes), len(deletes))
	if len(writes)+len(deletes) > store.MaxTuplesPerWrite {
		return refused(doing, fmt.Sprintf("one write takes %d", store.MaxTuplesPerWrite))
	}
	return s.write(ctx, doing, append(slices.Clip(writes), s.preconditions...), deletes)
}

func (s *Store) write(ctx context.Context, doing string, writes []store.Tuple, deletes []store.Key) error {
	if len(writes)+len(deletes) == 0 {
		return nil
	}
	request := &openfgav1.WriteRequest{StoreId: s.storeID, AuthorizationModelId: s.modelID}
	if len(writes) > 0 {
		request.Writes = &openfgav1.WriteRequestWrites{OnDuplicate: ignore}
	}
	for _, tuple := range writes {
		condition, err := conditionOf(tuple)
		if err != nil {
			return refused(doing, err.Error())
		}
		request.Writes.TupleKeys = append(request.Writes.TupleKeys, &openfgav1.TupleKey{
			Object: tuple.Object, Relation: tuple.Relation, User: tuple.User, Condition: condition,
		})
	}
	if len(deletes) > 0 {
		request.Deletes = &openfgav1.WriteRequestDeletes{OnMissing: ignore}
	}
	for _, key := range deletes {
		request.Deletes.TupleKeys = append(request.Deletes.TupleKeys, &openfgav1.TupleKeyWithoutCondition{
			Object: key.Object, Relation: key.Relation, User: key.User,
		})
	}
	// A server cuts the connection to whoever sends more; its error can't be told from overload.
	if size := proto.Size(request); size > serverconfig.DefaultMaxRPCMessageSizeInBytes {
		return refused(doing, fmt.Sprintf("the request has %d bytes, more than the %d that OpenFGA takes",
			size, serverconfig.DefaultMaxRPCMessageSizeInBytes))
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if _, err := s.client.Write(ctx, request); err != nil {
		return s.writeError(ctx, doing, writes, err)
	}
	return nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Tuple, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	response, err := s.client.Read(ctx, &openfgav1.ReadRequest{
		StoreId:     s.storeID,
		TupleKey:    &openfgav1.ReadRequestTupleKey{Object: key.Object, Relation: key.Relation, User: key.User},
		PageSize:    wrapperspb.Int32(1),
		Consistency: openfgav1.ConsistencyPreference_HIGHER_CONSISTENCY,
	})
	if err != nil {
		return store.Tuple{}, false, mapped("reading a tuple", err)
	}
	if len(response.GetTuples()) == 0 {
		return store.Tuple{}, false, nil
	}
	return tupleOf(response.GetTuples()[0].GetKey()), true, nil
}

// Walk implements store.Store. Whoever asks without naming a model gets the newest, so it first sees to it that this
// is ours, in case somebody has written another one, unless the store itself is no longer ours.
func (s *Store) Walk(ctx context.Context, visit func(store.Tuple) error) error {
	if err := s.keepOwner(ctx); err != nil {
		return err
	}
	if err := s.renewModel(ctx); err != nil {
		return mapped("seeing to the model", err)
	}
	return s.read(ctx, visit)
}

// read calls visit for every tuple that says who may do what, and writes nothing.
func (s *Store) read(ctx context.Context, visit func(store.Tuple) error) error {
	for token := ""; ; {
		response, err := s.readPage(ctx, token)
		if err != nil {
			return mapped("reading all tuples", err)
		}
		for _, tuple := range response.GetTuples() {
			if object := tuple.GetKey().GetObject(); object == epochKey.Object || object == ownerObject {
				continue // they give nobody anything
			}
			if err := visit(tupleOf(tuple.GetKey())); err != nil {
				return err
			}
		}
		if token = response.GetContinuationToken(); token == "" {
			return nil
		}
	}
}

func (s *Store) readPage(ctx context.Context, token string) (*openfgav1.ReadResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.Read(ctx, &openfgav1.ReadRequest{
		StoreId:           s.storeID,
		PageSize:          wrapperspb.Int32(pageSize),
		ContinuationToken: token,
		Consistency:       openfgav1.ConsistencyPreference_HIGHER_CONSISTENCY,
	})
}

// Check implements store.Store.
func (s *Store) Check(ctx context.Context, question store.Question) (bool, error) {
	const doing = "asking for a decision"
	attributes, err := structpb.NewStruct(scalars(question.Attributes))
	if err != nil {
		return false, refused(doing, fmt.Sprintf("an attribute is nothing that JSON can say: %v", err))
	}
	defer s.checks.begin()()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	request := &openfgav1.CheckRequest{
		StoreId:              s.storeID,
		AuthorizationModelId: s.modelID,
		TupleKey: &openfgav1.CheckRequestTupleKey{
			Object: question.Object, Relation: question.Relation, User: question.User,
		},
		Context:     requestContext(question.Permission, attributes, question.Time),
		Consistency: openfgav1.ConsistencyPreference_HIGHER_CONSISTENCY,
	}
	if question.Parent != "" {
		ctx = context.WithValue(ctx, saidParent{}, question.Object)
		request.ContextualTuples = &openfgav1.ContextualTupleKeys{TupleKeys: []*openfgav1.TupleKey{
			{Object: question.Object, Relation: store.RelationParent, User: question.Parent},
		}}
	}
	response, err := s.client.Check(ctx, request)
	if err != nil {
		return false, mapped(doing, err)
	}
	return response.GetAllowed(), nil
}

// AwaitChecks implements store.Store.
func (s *Store) AwaitChecks(ctx context.Context) error {
	const doing = "waiting for earlier decisions"
	if s.grace > 0 {
		grace := time.NewTimer(s.grace)
		defer grace.Stop()
		select {
		case <-grace.C:
		case <-ctx.Done():
			return unavailable(doing, ctx.Err().Error())
		}
	}
	// No decision outlives the timeout, so this ends.
	if err := s.checks.await(ctx); err != nil {
		return unavailable(doing, err.Error())
	}
	return nil
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// Unlike the model, the store's own row is cached nowhere: this reaches the database.
	if _, err := s.client.GetStore(ctx, &openfgav1.GetStoreRequest{StoreId: s.storeID}); err != nil {
		return mapped("asking for the store", err)
	}
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error { return s.close() }

func tupleOf(key *openfgav1.TupleKey) store.Tuple {
	tuple := store.Tuple{Key: store.Key{Object: key.GetObject(), Relation: key.GetRelation(), User: key.GetUser()}}
	if with := key.GetCondition(); with != nil {
		// A condition without a context is still a condition: nil would say that there is none. Neither is
		// one of another name, which only a foreign model has: an empty context is what nobody wants.
		tuple.Context = with.GetContext()
		if tuple.Context == nil || with.GetName() != condition.NameOf(tuple.Context) {
			tuple.Context = &structpb.Struct{}
		}
	}
	return tuple
}
