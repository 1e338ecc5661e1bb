package openfga

import (
	"context"
	"path"
	"strings"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// served are the methods that applications may call, and whether each is a decision, for which the
// operator waits before it takes away what a decision may be reading. Lists are not: they take up to
// three seconds, and promise nothing about changes meanwhile.
var served = map[string]struct{ decision bool }{
	openfgav1.OpenFGAService_Check_FullMethodName:                   {decision: true},
	openfgav1.OpenFGAService_BatchCheck_FullMethodName:              {decision: true},
	openfgav1.OpenFGAService_ListObjects_FullMethodName:             {},
	openfgav1.OpenFGAService_StreamedListObjects_FullMethodName:     {},
	openfgav1.OpenFGAService_ListUsers_FullMethodName:               {},
	openfgav1.OpenFGAService_Expand_FullMethodName:                  {},
	openfgav1.OpenFGAService_Read_FullMethodName:                    {},
	openfgav1.OpenFGAService_ReadChanges_FullMethodName:             {},
	openfgav1.OpenFGAService_ReadAuthorizationModel_FullMethodName:  {},
	openfgav1.OpenFGAService_ReadAuthorizationModels_FullMethodName: {},
	openfgav1.OpenFGAService_GetStore_FullMethodName:                {},
	openfgav1.OpenFGAService_ListStores_FullMethodName:              {},
}

// guard stands before everything that comes over the network. It recovers no panic, and neither does gRPC: it ends the
// process.
type guard struct {
	ready   func() bool
	clock   func() time.Time
	modelID string
	checks  *inFlight
	timeout time.Duration
	// authorize says who may ask, by the values of the authorization header.
	authorize func([]string) error
}

func (g *guard) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if err := g.admit(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	if err := g.rewrite(request); err != nil {
		return nil, err
	}
	if served[info.FullMethod].decision {
		defer g.checks.begin()()
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	return handle(ctx, request)
}

func (g *guard) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := g.admit(stream.Context(), info.FullMethod); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(stream.Context(), g.timeout)
	defer cancel()
	return handle(server, &guardedStream{ServerStream: stream, ctx: ctx, guard: g})
}

// guardedStream rewrites the request of a stream, which is read only once the call is under way.
type guardedStream struct {
	grpc.ServerStream
	ctx   context.Context //nolint:containedctx // a stream hands out its context by a method
	guard *guard
}

// Context implements grpc.ServerStream.
func (s *guardedStream) Context() context.Context { return s.ctx }

// RecvMsg implements grpc.ServerStream.
func (s *guardedStream) RecvMsg(request any) error {
	if err := s.ServerStream.RecvMsg(request); err != nil {
		return err
	}
	return s.guard.rewrite(request)
}

func (g *guard) admit(ctx context.Context, method string) error {
	if err := g.authorize(metadata.ValueFromIncomingContext(ctx, "authorization")); err != nil {
		return status.Error(codes.Unauthenticated, err.Error())
	}
	if _, ok := served[method]; !ok {
		return status.Errorf(codes.PermissionDenied,
			"%s is not served: this store is written by the Bailiwick operator alone, from the resources in the cluster",
			path.Base(method))
	}
	if !g.ready() {
		return status.Error(codes.Unavailable, "the store does not hold yet what the resources in the cluster say: ask again soon")
	}
	return nil
}

// rewrite makes a request one that can't fool the store. Requests that are not about decisions pass.
func (g *guard) rewrite(request any) error {
	switch request := request.(type) {
	case *openfgav1.CheckRequest:
		return g.question(&request.AuthorizationModelId, request.GetContextualTuples().GetTupleKeys(), &request.Context)
	case *openfgav1.BatchCheckRequest:
		for _, check := range request.GetChecks() {
			err := g.question(&request.AuthorizationModelId, check.GetContextualTuples().GetTupleKeys(), &check.Context)
			if err != nil {
				return status.Errorf(codes.InvalidArgument, "check %s: %s", check.GetCorrelationId(), status.Convert(err).Message())
			}
		}
	case *openfgav1.ListObjectsRequest:
		return g.question(&request.AuthorizationModelId, request.GetContextualTuples().GetTupleKeys(), &request.Context)
	case *openfgav1.StreamedListObjectsRequest:
		return g.question(&request.AuthorizationModelId, request.GetContextualTuples().GetTupleKeys(), &request.Context)
	case *openfgav1.ListUsersRequest:
		return g.question(&request.AuthorizationModelId, request.GetContextualTuples(), &request.Context)
	case *openfgav1.ExpandRequest:
		request.AuthorizationModelId = g.modelID
		return onlyParents(request.GetContextualTuples().GetTupleKeys())
	}
	return nil
}

// question sees to it that a decision is made by our model and our clock, and that its context says
// what is asked and nothing else: what a tuple leaves open, a request could fill in.
func (g *guard) question(modelID *string, tuples []*openfgav1.TupleKey, context **structpb.Struct) error {
	*modelID = g.modelID
	if err := onlyParents(tuples); err != nil {
		return err
	}
	fields := (*context).GetFields()
	permission := fields[condition.ParameterPermission].GetStringValue()
	if permission == "" {
		return status.Errorf(codes.InvalidArgument,
			"the request's context has no %q: pass the name of the permission that is asked for, as a string", condition.ParameterPermission)
	}
	attributes := &structpb.Struct{}
	if given, ok := fields[condition.ParameterAttributes]; ok {
		if attributes = given.GetStructValue(); attributes == nil {
			return status.Errorf(codes.InvalidArgument,
				"%q in the request's context is no object: pass the values of attributes by their names", condition.ParameterAttributes)
		}
	}
	*context = requestContext(permission, attributes, g.clock())
	return nil
}

// onlyParents lets a request say where an object lives that the store knows nothing about, as far as
// the object's own id says the same, and nothing else. Which workspaces and projects there are is for the
// Organization to say: the store has their places.
func onlyParents(tuples []*openfgav1.TupleKey) error {
	for _, tuple := range tuples {
		parent, ok := objectid.Parent(tuple.GetObject())
		if !ok || !strings.HasPrefix(tuple.GetObject(), objectid.TypeResource+":") || tuple.GetRelation() != store.RelationParent ||
			tuple.GetUser() != parent || tuple.GetCondition() != nil {
			return status.Errorf(codes.InvalidArgument,
				"the contextual tuple %s %s %s is not accepted: only that a resource's %s is the one its own id names",
				tuple.GetUser(), tuple.GetRelation(), tuple.GetObject(), store.RelationParent)
		}
	}
	return nil
}
