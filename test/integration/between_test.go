package integration

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// between stands between an operator and its OpenFGA server. It passes on what it is asked, until a spec
// disturbs it.
type between struct {
	openfgav1.UnimplementedOpenFGAServiceServer
	address string
	// timeout is how long the operator waits for an answer.
	timeout time.Duration
	server  openfgav1.OpenFGAServiceClient

	mu          sync.Mutex
	disturbance disturbance
}

// disturbance answers a call, of which the request is known. It may have the server answer it, with pass.
type disturbance func(ctx context.Context, request any, pass func(context.Context) (any, error)) (any, error)

// through is the same storage, to whose server an operator speaks through one that a spec can disturb.
func (s storage) through(timeout time.Duration) storage {
	GinkgoHelper()
	trusted, err := credentials.NewClientTLSFromFile(s.external.CAFile, "")
	Expect(err).NotTo(HaveOccurred())
	connection, err := grpc.NewClient(s.external.Address, grpc.WithTransportCredentials(trusted))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(connection.Close)
	b := &between{server: openfgav1.NewOpenFGAServiceClient(connection), timeout: timeout}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	b.address = listener.Addr().String()
	serving := grpc.NewServer(grpc.UnaryInterceptor(b.intercept))
	openfgav1.RegisterOpenFGAServiceServer(serving, b)
	ended := make(chan error, 1)
	go func() { ended <- serving.Serve(listener) }()
	DeferCleanup(func() {
		b.disturb(nil)
		serving.Stop()
		if err := <-ended; !errors.Is(err, grpc.ErrServerStopped) {
			Expect(err).NotTo(HaveOccurred())
		}
	})
	s.between = b
	return s
}

// disturb has every call from now on answered by this; nil passes them on again.
func (b *between) disturb(how disturbance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.disturbance = how
}

func (b *between) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	b.mu.Lock()
	how := b.disturbance
	b.mu.Unlock()
	pass := func(ctx context.Context) (any, error) { return handler(ctx, request) }
	if how == nil {
		return pass(ctx)
	}
	return how(ctx, request, pass)
}

// ofWrites disturbs writes only.
func ofWrites(how disturbance) disturbance {
	return func(ctx context.Context, request any, pass func(context.Context) (any, error)) (any, error) {
		if _, ok := request.(*openfgav1.WriteRequest); ok {
			return how(ctx, request, pass)
		}
		return pass(ctx)
	}
}

// heldWrite is a write that is on its way for as long as a spec wants, whoever still waits for it.
type heldWrite struct {
	// arrived is closed when there is one.
	arrived  chan struct{}
	released chan struct{}
	answered chan error
	// done counts the writes that succeeded after it was released.
	done atomic.Int64
}

// holdWrite holds the next write, and passes on those that come after it.
func (b *between) holdWrite() *heldWrite {
	h := &heldWrite{arrived: make(chan struct{}), released: make(chan struct{}), answered: make(chan error, 1)}
	var first atomic.Bool
	b.disturb(ofWrites(func(ctx context.Context, _ any, pass func(context.Context) (any, error)) (any, error) {
		if first.CompareAndSwap(false, true) {
			close(h.arrived)
			<-h.released
			held, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
			defer cancel()
			answer, err := pass(held)
			h.answered <- err
			return answer, err
		}
		answer, err := pass(ctx)
		select {
		case <-h.released:
			if err == nil {
				h.done.Add(1)
			}
		default:
		}
		return answer, err
	}))
	return h
}

// release has the write go on, and returns what the server says to it.
func (h *heldWrite) release() error {
	close(h.released)
	return <-h.answered
}

// These are what the operator asks.

func (b *between) ListStores(ctx context.Context, r *openfgav1.ListStoresRequest) (*openfgav1.ListStoresResponse, error) {
	return b.server.ListStores(ctx, r)
}

func (b *between) GetStore(ctx context.Context, r *openfgav1.GetStoreRequest) (*openfgav1.GetStoreResponse, error) {
	return b.server.GetStore(ctx, r)
}

func (b *between) CreateStore(ctx context.Context, r *openfgav1.CreateStoreRequest) (*openfgav1.CreateStoreResponse, error) {
	return b.server.CreateStore(ctx, r)
}

func (b *between) ReadAuthorizationModels(ctx context.Context, r *openfgav1.ReadAuthorizationModelsRequest) (*openfgav1.ReadAuthorizationModelsResponse, error) {
	return b.server.ReadAuthorizationModels(ctx, r)
}

func (b *between) WriteAuthorizationModel(ctx context.Context, r *openfgav1.WriteAuthorizationModelRequest) (*openfgav1.WriteAuthorizationModelResponse, error) {
	return b.server.WriteAuthorizationModel(ctx, r)
}

func (b *between) Write(ctx context.Context, r *openfgav1.WriteRequest) (*openfgav1.WriteResponse, error) {
	return b.server.Write(ctx, r)
}

func (b *between) Read(ctx context.Context, r *openfgav1.ReadRequest) (*openfgav1.ReadResponse, error) {
	return b.server.Read(ctx, r)
}

func (b *between) Check(ctx context.Context, r *openfgav1.CheckRequest) (*openfgav1.CheckResponse, error) {
	return b.server.Check(ctx, r)
}
