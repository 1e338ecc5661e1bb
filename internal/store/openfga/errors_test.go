package openfga

import (
	"context"
	"errors"
	"strings"
	"testing"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	servererrors "github.com/openfga/openfga/pkg/server/errors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/crash"
)

func TestErrorsSayWhetherToTryAgain(t *testing.T) {
	for _, test := range []struct {
		err  error
		want error
	}{
		{status.Error(codes.Unavailable, "why"), store.ErrUnavailable},
		{status.Error(codes.DeadlineExceeded, "why"), store.ErrUnavailable},
		{status.Error(codes.Canceled, "why"), store.ErrUnavailable},
		{status.Error(codes.Aborted, "why"), store.ErrUnavailable},
		{status.Error(codes.Internal, "why"), store.ErrUnavailable},
		{status.Error(codes.ResourceExhausted, "why"), store.ErrUnavailable},
		{status.Error(codes.Unauthenticated, "why"), store.ErrUnavailable},
		{status.Error(codes.PermissionDenied, "why"), store.ErrUnavailable},
		{status.Error(codes.Unimplemented, "why"), store.ErrUnavailable},
		{status.Error(codes.InvalidArgument, "why"), store.ErrRefused},
		{openfgaError(openfgav1.AuthErrorCode_auth_failed_invalid_bearer_token), store.ErrUnavailable},
		{openfgaError(openfgav1.ErrorCode_validation_error), store.ErrRefused},
		{openfgaError(openfgav1.ErrorCode_type_not_found), store.ErrRefused},
		{openfgaError(openfgav1.ErrorCode_exceeded_entity_limit), store.ErrRefused},
		{openfgaError(openfgav1.ErrorCode_cancelled), store.ErrUnavailable},
		{openfgaError(openfgav1.ErrorCode_authorization_model_not_found), store.ErrUnavailable},
		{openfgaError(openfgav1.ErrorCode_latest_authorization_model_not_found), store.ErrUnavailable},
		{openfgaError(openfgav1.UnprocessableContentErrorCode_throttled_timeout_error), store.ErrUnavailable},
		{openfgaError(openfgav1.InternalErrorCode_internal_error), store.ErrUnavailable},
		{openfgaError(openfgav1.InternalErrorCode_deadline_exceeded), store.ErrUnavailable},
		{openfgaError(openfgav1.NotFoundErrorCode_store_id_not_found), store.ErrUnavailable},
		{context.DeadlineExceeded, store.ErrUnavailable},
		{errors.New("why"), store.ErrUnavailable},
		{servererrors.HandleError("", errors.New("the reason why")), store.ErrUnavailable},
	} {
		got := mapped("asking", test.err)
		if !errors.Is(got, test.want) || errors.Is(got, store.ErrUnavailable) == errors.Is(got, store.ErrRefused) {
			t.Errorf("%v became %v, want %v", test.err, got, test.want)
		}
		if !strings.HasPrefix(got.Error(), "asking: ") || strings.Contains(got.Error(), "rpc error") {
			t.Errorf("%v became %v, want it to say what was being done, and why not", test.err, got)
		}
	}
	if got := mapped("asking", servererrors.HandleError("", errors.New("the disk is full"))); !strings.Contains(got.Error(), "the disk is full") {
		t.Errorf("got %v, want the cause that OpenFGA hides", got)
	}
}

func openfgaError[T interface{ ~int32 }](code T) error {
	return status.Error(codes.Code(code), "why")
}

func TestAConflictThatPassesIsNotRefused(t *testing.T) {
	conflict := status.Error(codes.Aborted, "transactional write failed due to conflict")
	for name, test := range map[string]struct {
		there []*openfgav1.Tuple
		read  error
		want  error
	}{
		"nothing is there":         {want: store.ErrUnavailable},
		"the same is there":        {there: []*openfgav1.Tuple{{Key: &openfgav1.TupleKey{}}}, want: store.ErrUnavailable},
		"nobody knows what is":     {read: status.Error(codes.Unavailable, "down"), want: store.ErrUnavailable},
		"another context is there": {there: []*openfgav1.Tuple{{Key: &openfgav1.TupleKey{Condition: &openfgav1.RelationshipCondition{}}}}, want: store.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Store{timeout: defaultTimeout, client: &fakeClient{
				write: func() error { return conflict },
				read:  func() (*openfgav1.ReadResponse, error) { return &openfgav1.ReadResponse{Tuples: test.there}, test.read },
			}}
			err := s.Write(t.Context(), []store.Tuple{{Key: store.Key{Object: "group:a", Relation: "member", User: "user:u"}}}, nil)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// fakeClient answers reads and writes.
type fakeClient struct {
	openfgav1.OpenFGAServiceClient
	write func() error
	read  func() (*openfgav1.ReadResponse, error)
}

func (c *fakeClient) Write(context.Context, *openfgav1.WriteRequest, ...grpc.CallOption) (*openfgav1.WriteResponse, error) {
	return nil, c.write()
}

func (c *fakeClient) Read(context.Context, *openfgav1.ReadRequest, ...grpc.CallOption) (*openfgav1.ReadResponse, error) {
	return c.read()
}

func TestAPanicInTheServerEndsTheProcess(t *testing.T) {
	crash.Expect(t, "out of order", func() {
		client := openfgav1.NewOpenFGAServiceClient(newInProcess(&faulty{}, newWatch().unary))
		_, _ = client.GetStore(t.Context(), &openfgav1.GetStoreRequest{})
	})
}

type faulty struct {
	openfgav1.UnimplementedOpenFGAServiceServer
}

func (faulty) GetStore(context.Context, *openfgav1.GetStoreRequest) (*openfgav1.GetStoreResponse, error) {
	panic("out of order")
}
