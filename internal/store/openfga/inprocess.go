package openfga

import (
	"context"
	"path"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// inProcess is a gRPC connection to a server in this process, without the wire: a call is a function
// call with copies of its messages, so neither side can change what the other holds. The server
// validates each request as it does those that come over the network.
type inProcess struct {
	server  openfgav1.OpenFGAServiceServer
	methods map[string]grpc.MethodDesc
	// around is around every call.
	around grpc.UnaryServerInterceptor
}

var _ grpc.ClientConnInterface = (*inProcess)(nil)

func newInProcess(server openfgav1.OpenFGAServiceServer, around grpc.UnaryServerInterceptor) *inProcess {
	methods := map[string]grpc.MethodDesc{}
	for _, method := range openfgav1.OpenFGAService_ServiceDesc.Methods {
		methods[method.MethodName] = method
	}
	return &inProcess{server: server, methods: methods, around: around}
}

// Invoke implements grpc.ClientConnInterface.
func (c *inProcess) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	decode := func(into any) error {
		proto.Merge(into.(proto.Message), args.(proto.Message))
		return nil
	}
	response, err := c.methods[path.Base(method)].Handler(c.server, ctx, decode, c.around)
	if err != nil {
		return err
	}
	proto.Merge(reply.(proto.Message), response.(proto.Message))
	return nil
}

// NewStream implements grpc.ClientConnInterface. The store does not use streams.
func (c *inProcess) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "there are no streams inside the process")
}
