package openfga

import (
	"context"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	serverconfig "github.com/openfga/openfga/pkg/server/config"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// memory answers Check and BatchCheck without the store, where it can. All else goes on to the server, which also says what is
// wrong with a request: it stands behind the guard, which has made the request's context anew.
type memory struct {
	storeID string
	// answer is APIOptions.Memory.
	answer func(store.Question) (allowed, answered bool)
}

func (m memory) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	switch request := request.(type) {
	case *openfgav1.CheckRequest:
		if response, ok := m.check(request); ok {
			return response, nil
		}
	case *openfgav1.BatchCheckRequest:
		if response, ok := m.batchCheck(request); ok {
			return response, nil
		}
	}
	return handle(ctx, request)
}

func (m memory) check(request *openfgav1.CheckRequest) (*openfgav1.CheckResponse, bool) {
	if request.GetStoreId() != m.storeID || request.GetTrace() || request.Validate() != nil {
		return nil, false
	}
	allowed, ok := m.ask(request)
	return &openfgav1.CheckResponse{Allowed: allowed}, ok
}

// batchCheck answers all checks of a batch, or none.
func (m memory) batchCheck(request *openfgav1.BatchCheckRequest) (*openfgav1.BatchCheckResponse, bool) {
	checks := request.GetChecks()
	if request.GetStoreId() != m.storeID || len(checks) > serverconfig.DefaultMaxChecksPerBatchCheck || request.Validate() != nil {
		return nil, false
	}
	results := make(map[string]*openfgav1.BatchCheckSingleResult, len(checks))
	for _, check := range checks {
		allowed, ok := m.ask(check)
		if !ok {
			return nil, false
		}
		results[check.GetCorrelationId()] = &openfgav1.BatchCheckSingleResult{
			CheckResult: &openfgav1.BatchCheckSingleResult_Allowed{Allowed: allowed},
		}
	}
	// An id that is there twice is for the server to refuse.
	return &openfgav1.BatchCheckResponse{Result: results}, len(results) == len(checks)
}

// single is a check, by itself or in a batch.
type single interface {
	GetTupleKey() *openfgav1.CheckRequestTupleKey
	GetContextualTuples() *openfgav1.ContextualTupleKeys
	GetContext() *structpb.Struct
}

func (m memory) ask(check single) (allowed, answered bool) {
	key, context := check.GetTupleKey(), check.GetContext().GetFields()
	question := store.Question{
		Key:        store.Key{Object: key.GetObject(), Relation: key.GetRelation(), User: key.GetUser()},
		Permission: context[condition.ParameterPermission].GetStringValue(),
		Attributes: context[condition.ParameterAttributes].GetStructValue().AsMap(),
	}
	// The guard lets through parents alone. One of another object may be what somebody asks about the object in question, too.
	for _, said := range check.GetContextualTuples().GetTupleKeys() {
		if said.GetObject() != question.Object || question.Parent != "" {
			return false, false
		}
		question.Parent = said.GetUser()
	}
	return m.answer(question)
}
