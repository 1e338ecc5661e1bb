package openfga

import (
	"context"
	"path"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var questions = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "bailiwick_openfga_questions_total",
	Help: "What applications asked the embedded store's own API, over HTTP and gRPC, by method and gRPC code of the answer. Each check of a BatchCheck counts.",
}, []string{"method", "code"})

func init() { metrics.Registry.MustRegister(questions) }

// countUnary counts what came over the network, whatever became of it.
func countUnary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	answer, err := handle(ctx, request)
	several := 1
	if batch, is := request.(*openfgav1.BatchCheckRequest); is {
		several = len(batch.GetChecks())
	}
	count(info.FullMethod, err, several)
	return answer, err
}

func countStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	err := handle(server, stream)
	count(info.FullMethod, err, 1)
	return err
}

func count(method string, err error, several int) {
	questions.WithLabelValues(path.Base(method), status.Code(err).String()).Add(float64(several))
}
