package openfga

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	serverconfig "github.com/openfga/openfga/pkg/server/config"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

const (
	// Loopback only: unless it is told to, the API asks nobody who they are.
	defaultHTTPAddress = "127.0.0.1:8080"
	defaultGRPCAddress = "127.0.0.1:8081"
	// maxRequestBytes is what a stock OpenFGA server takes.
	maxRequestBytes = serverconfig.DefaultMaxRPCMessageSizeInBytes
	// headerTimeout ends a connection that says nothing.
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// defaultShutdown is how long requests in flight may still take when the API is stopped.
	defaultShutdown = 10 * time.Second
	gatewayBuffer   = 256 << 10
)

// APIOptions say where and when the embedded store's API is served.
type APIOptions struct {
	// HTTPAddress and GRPCAddress are host:port. Default: loopback, on OpenFGA's own ports 8080 and 8081.
	HTTPAddress, GRPCAddress string
	// Ready says whether the store holds what it should. Until then every request is answered
	// Unavailable, over HTTP 503. Default: always.
	Ready func() bool
	// TLS is how connections are encrypted. Default: everything goes in the clear.
	TLS *tls.Config
	// Admit says who may ask, by all values of a request's Authorization header. An error is answered
	// Unauthenticated, over HTTP 401, with its text. Default: everyone.
	Admit func(authorization []string) error
	// Memory answers what Check and BatchCheck ask without the store, as the store would; it answers nothing that it is not
	// certain of, and then the store is asked. Default: the store answers everything.
	Memory func(store.Question) (allowed, answered bool)
}

// API is OpenFGA's own API for applications, read-only: see docs/store.md.
type API struct {
	http         *http.Server
	httpListener net.Listener
	grpc         *grpc.Server
	grpcListener net.Listener
	gateway      *grpc.ClientConn
	pipe         *bufconn.Listener
	shutdown     time.Duration
}

// Listen binds the addresses of the embedded store's API. Start serves it.
func (e *EmbeddedStore) Listen(options APIOptions) (*API, error) {
	if options.HTTPAddress == "" {
		options.HTTPAddress = defaultHTTPAddress
	}
	if options.GRPCAddress == "" {
		options.GRPCAddress = defaultGRPCAddress
	}
	if options.Ready == nil {
		options.Ready = func() bool { return true }
	}
	if options.Admit == nil {
		options.Admit = func([]string) error { return nil }
	}
	if options.Memory == nil {
		options.Memory = func(store.Question) (bool, bool) { return false, false }
	}
	grpcListener, err := net.Listen("tcp", options.GRPCAddress)
	if err != nil {
		return nil, fmt.Errorf("serving the store's API over gRPC: %w", err)
	}
	httpListener, err := net.Listen("tcp", options.HTTPAddress)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serving the store's API over HTTP: %w", err), grpcListener.Close())
	}
	guard := &guard{
		ready: options.Ready, clock: e.clock, modelID: e.modelID, checks: e.checks, timeout: e.timeout,
		authorize: options.Admit,
	}
	if options.TLS != nil {
		grpcListener = tls.NewListener(grpcListener, speaking(options.TLS, "h2"))
		httpListener = tls.NewListener(httpListener, speaking(options.TLS, "h2", "http/1.1"))
	}
	api := &API{
		grpcListener: grpcListener,
		httpListener: httpListener,
		grpc: grpc.NewServer(
			grpc.MaxRecvMsgSize(maxRequestBytes),
			grpc.ConnectionTimeout(headerTimeout),
			grpc.WaitForHandlers(true),
			grpc.ChainUnaryInterceptor(countUnary, guard.unary, e.watch.unary, memory{e.storeID, options.Memory}.unary),
			grpc.ChainStreamInterceptor(countStream, guard.stream, e.watch.stream),
		),
		pipe:     bufconn.Listen(gatewayBuffer),
		shutdown: defaultShutdown,
	}
	openfgav1.RegisterOpenFGAServiceServer(api.grpc, e.service)
	if err := api.addGateway(); err != nil {
		return nil, errors.Join(fmt.Errorf("serving the store's API over HTTP: %w", err), api.close())
	}
	return api, nil
}

// speaking is a configuration for these protocols.
func speaking(config *tls.Config, protocols ...string) *tls.Config {
	config = config.Clone()
	config.NextProtos = protocols
	return config
}

// HTTPAddress is where the API is served over HTTP.
func (a *API) HTTPAddress() string { return a.httpListener.Addr().String() }

// GRPCAddress is where the API is served over gRPC.
func (a *API) GRPCAddress() string { return a.grpcListener.Addr().String() }

// Start serves the API until the context is done. Requests in flight then have 10 s to end, after
// which they are cancelled. The store must stay open until it returns.
func (a *API) Start(ctx context.Context) error {
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return unlessStopped(a.grpc.Serve(a.grpcListener)) })
	servers.Go(func() error { return unlessStopped(a.grpc.Serve(a.pipe)) })
	servers.Go(func() error { return unlessStopped(a.http.Serve(a.httpListener)) })
	servers.Go(func() error {
		<-ctx.Done()
		return a.stop()
	})
	if err := servers.Wait(); err != nil {
		return fmt.Errorf("serving the store's API: %w", err)
	}
	return nil
}

func unlessStopped(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// stop goes from the outside in: HTTP requests are gRPC requests too.
func (a *API) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.shutdown)
	defer cancel()
	err := a.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = a.http.Close()
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		a.grpc.GracefulStop()
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		a.grpc.Stop()
		<-stopped
	}
	return errors.Join(err, a.gateway.Close())
}

// close lets go of what was bound, where nothing was served yet.
func (a *API) close() error {
	return errors.Join(a.grpcListener.Close(), a.httpListener.Close(), a.pipe.Close())
}
