package openfga

import (
	"context"
	"errors"
	"fmt"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	servererrors "github.com/openfga/openfga/pkg/server/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// OpenFGA's own codes come in the place of gRPC's, from 1000 upwards; those for requests that are
// wrong in themselves are between these two.
const (
	firstRequestCode = codes.Code(2000)
	lastRequestCode  = codes.Code(2999)
)

func unavailable(doing, why string) error {
	return fmt.Errorf("%s: %w: %s", doing, store.ErrUnavailable, why)
}

func refused(doing, why string) error {
	return fmt.Errorf("%s: %w: %s", doing, store.ErrRefused, why)
}

// mapped makes the store's error out of OpenFGA's. What is not plainly the fault of the request
// counts as unavailable, so that it is tried again: a key that is not accepted, a store that was
// deleted and comes back from a backup, an overload.
func mapped(doing string, err error) error {
	if refuses(status.Code(err)) {
		return refused(doing, reason(err))
	}
	return unavailable(doing, reason(err))
}

func refuses(code codes.Code) bool {
	switch code {
	case codes.InvalidArgument:
		return true
	case codes.Code(openfgav1.ErrorCode_cancelled),
		codes.Code(openfgav1.ErrorCode_authorization_model_not_found),
		codes.Code(openfgav1.ErrorCode_latest_authorization_model_not_found):
		return false
	default:
		return code >= firstRequestCode && code <= lastRequestCode
	}
}

// reason is what went wrong, for people. The in-process server hides the cause behind "Internal
// Server Error", but it is there.
func reason(err error) string {
	if internal, ok := errors.AsType[servererrors.InternalError](err); ok {
		return internal.Unwrap().Error()
	}
	return status.Convert(err).Message()
}

// writeError tells the things apart for which OpenFGA has one code: another transaction came in between, which
// passes, somebody else has taken over, and a tuple is there with another context, which do not. Where that tuple
// is the fence, calling Fence ends it.
func (s *Store) writeError(ctx context.Context, doing string, writes []store.Tuple, err error) error {
	if status.Code(err) != codes.Aborted {
		return mapped(doing, err)
	}
	if s.replaced(ctx) {
		return fmt.Errorf("%s: %w", doing, store.ErrReplaced)
	}
	for _, tuple := range writes {
		there, found, getErr := s.Get(ctx, tuple.Key)
		if getErr != nil {
			return mapped(doing, err)
		}
		if !found || proto.Equal(there.Context, tuple.Context) {
			continue
		}
		if tuple.Object == epochKey.Object {
			return fmt.Errorf("%s: %w: %w", doing, store.ErrUnavailable, store.ErrStaleWrite)
		}
		return refused(doing, fmt.Sprintf("%s %s %s is there with another context", tuple.User, tuple.Relation, tuple.Object))
	}
	return mapped(doing, err)
}
