package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// always is a decision.Memory that answers from the state of the moment.
type always struct{ *state.State }

func (a always) Enter(string) (decision.Reading, error) { return a, nil }
func (always) Leave() error                             { return nil }

// openFGA is the embedded store's own API, as applications ask it, with a memory.
type openFGA struct {
	*testing.T
	*openfga.EmbeddedStore
	client openfgav1.OpenFGAServiceClient
	now    time.Time
	memory decision.Memory
	// remembered counts what memory answered.
	remembered int
}

func serveOpenFGA(t *testing.T) *openFGA {
	t.Helper()
	s := &openFGA{T: t}
	var err error
	s.EmbeddedStore, err = openfga.Embedded(t.Context(), openfga.EmbeddedOptions{Timeout: time.Minute, Clock: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	api, err := s.Listen(openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0", Memory: func(q store.Question) (allowed, answered bool) {
		if allowed, answered = decision.FromMemory(s.memory, q); answered {
			s.remembered++
		}
		return allowed, answered
	}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx := t.Context() // which ends before what is cleaned up
	go func() { ended <- api.Start(ctx) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = s.Close()
	})
	connection, err := grpc.NewClient(api.GRPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	s.client = openfgav1.NewOpenFGAServiceClient(connection)
	return s
}

// check is a question as applications ask it.
func (s *openFGA) check(q store.Question) *openfgav1.CheckRequest {
	s.Helper()
	context, err := structpb.NewStruct(map[string]any{"permission": q.Permission, "attributes": q.Attributes})
	if err != nil {
		s.Fatal(err)
	}
	request := &openfgav1.CheckRequest{
		StoreId: s.StoreID(), Context: context,
		TupleKey: &openfgav1.CheckRequestTupleKey{Object: q.Object, Relation: q.Relation, User: q.User},
	}
	if q.Parent != "" {
		request.ContextualTuples = &openfgav1.ContextualTupleKeys{TupleKeys: []*openfgav1.TupleKey{
			{Object: q.Object, Relation: store.RelationParent, User: q.Parent},
		}}
	}
	return request
}

// expectSame asks everything one by one and in batches, and has memory and the store answer the same. It counts the answers
// that are yes.
func (s *openFGA) expectSame() (allowed int) {
	s.Helper()
	const inABatch = 50
	batch, want := &openfgav1.BatchCheckRequest{StoreId: s.StoreID()}, map[string]bool{}
	for n, q := range questions {
		asked := asked(q, s.now)
		of, err := s.Check(s.Context(), asked)
		if err != nil {
			s.Fatal(err)
		}
		request := s.check(asked)
		answer, err := s.client.Check(s.Context(), request)
		if err != nil || answer.GetAllowed() != of {
			s.Errorf("%+v: from memory %t, %v, and from the store %t", q, answer.GetAllowed(), err, of)
		}
		if of {
			allowed++
		}
		id := fmt.Sprint(n)
		batch.Checks, want[id] = append(batch.Checks, &openfgav1.BatchCheckItem{
			TupleKey: request.GetTupleKey(), ContextualTuples: request.GetContextualTuples(), Context: request.GetContext(), CorrelationId: id,
		}), of
		if len(batch.GetChecks()) < inABatch && n < len(questions)-1 {
			continue
		}
		answers, err := s.client.BatchCheck(s.Context(), batch)
		if err != nil || len(answers.GetResult()) != len(batch.GetChecks()) {
			s.Fatalf("%d answers to %d checks: %v", len(answers.GetResult()), len(batch.GetChecks()), err)
		}
		for id, answer := range answers.GetResult() {
			if answer.GetError() != nil || answer.GetAllowed() != want[id] {
				s.Errorf("check %s of a batch: from memory %v, and from the store %t", id, answer, want[id])
			}
		}
		batch.Checks = nil
	}
	return allowed
}

// [D4] What OpenFGA's API is asked is answered from memory as the store answers it, for random objects.
func TestD4OpenFGAsAPIAnswersFromMemoryAsTheStoreDoes(t *testing.T) {
	s := serveOpenFGA(t)
	allowed := 0
	worlds := 0
	for seed := range seeds.Of(t, 6) {
		worlds++
		var tuples []store.Tuple
		var keys []store.Key
		var objects []client.Object
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, scriptOf(3_000_000+seed))
			m.ended = func(m *model) {
				s.now, objects = m.clock.Now(), m.standing()
				for key, context := range m.fake.Tuples() {
					tuples, keys = append(tuples, store.Tuple{Key: key, Context: context}), append(keys, key)
				}
			}
			m.run()
		})
		known := state.New(state.Limits{ConditionCost: store.EmbeddedConditionCost}, clocktesting.NewFakePassiveClock(s.now))
		known.Put(objects...)
		s.memory = always{known}
		if err := s.Write(t.Context(), tuples, nil); err != nil {
			t.Fatal(err)
		}
		allowed += s.expectSame()
		if err := s.Write(t.Context(), nil, keys); err != nil {
			t.Fatal(err)
		}
	}
	if want := 2 * worlds * len(questions); s.remembered != want {
		t.Errorf("memory answered %d questions of %d", s.remembered, want)
	}
	if allowed < 20 {
		t.Errorf("only %d questions were answered with yes", allowed)
	}
}
