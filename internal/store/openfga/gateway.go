package openfga

import (
	"context"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	openfgahttp "github.com/openfga/openfga/pkg/middleware/http"
	servererrors "github.com/openfga/openfga/pkg/server/errors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/bailiwick-dev/bailiwick/internal/liveness"
)

// addGateway makes the HTTP server, which passes requests on to the gRPC server as OpenFGA's own does,
// so that every request meets the same guard.
func (a *API) addGateway() error {
	connection, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return a.pipe.DialContext(ctx)
		}))
	if err != nil {
		return err
	}
	mux := runtime.NewServeMux(
		runtime.WithForwardResponseOption(openfgahttp.HTTPResponseModifier),
		runtime.WithErrorHandler(writeHTTPError),
		runtime.WithStreamErrorHandler(func(_ context.Context, err error) *status.Status {
			return encoded(err).GRPCStatus()
		}),
	)
	client := openfgav1.NewOpenFGAServiceClient(connection)
	if err := openfgav1.RegisterOpenFGAServiceHandlerClient(context.Background(), mux, client); err != nil {
		return err
	}
	a.gateway = connection
	a.http = &http.Server{
		Handler:           liveness.Handler(http.MaxBytesHandler(mux, maxRequestBytes)),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
	}
	return nil
}

func writeHTTPError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	openfgahttp.CustomHTTPErrorHandler(ctx, w, r, encoded(err))
}

// encoded is an error as OpenFGA's HTTP API writes it. OpenFGA has no words for what only the guard
// says, and would call both an internal error.
func encoded(err error) *servererrors.EncodedError {
	reason := status.Convert(err)
	special := func(httpStatus int, code string) *servererrors.EncodedError {
		return &servererrors.EncodedError{
			HTTPStatusCode: httpStatus,
			GRPCStatusCode: reason.Code(),
			ActualError:    servererrors.ErrorResponse{Code: code, Message: reason.Message()},
		}
	}
	switch reason.Code() {
	case codes.Unavailable:
		return special(http.StatusServiceUnavailable, openfgav1.InternalErrorCode_unavailable.String())
	case codes.Unauthenticated:
		return special(http.StatusUnauthorized, openfgav1.AuthErrorCode_unauthenticated.String())
	case codes.PermissionDenied:
		return special(http.StatusForbidden, openfgav1.AuthErrorCode_forbidden.String())
	default:
		return servererrors.NewEncodedError(servererrors.ConvertToEncodedErrorCode(reason), reason.Message())
	}
}
