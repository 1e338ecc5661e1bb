package openfga

import (
	"context"
	"strings"
	"testing"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// slow is a server that answers when it is told to, or when it is given up.
type slow struct {
	openfgav1.UnimplementedOpenFGAServiceServer
	asked, answer chan struct{}
}

// Check implements openfgav1.OpenFGAServiceServer.
func (s *slow) Check(ctx context.Context, _ *openfgav1.CheckRequest) (*openfgav1.CheckResponse, error) {
	close(s.asked)
	select {
	case <-s.answer:
		return &openfgav1.CheckResponse{Allowed: true}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// askSlowly serves a slow server, asks it, and stops the API while the request is in flight.
func askSlowly(t *testing.T, shutdown time.Duration) (server *slow, asked, stopped <-chan error) {
	t.Helper()
	server = &slow{asked: make(chan struct{}), answer: make(chan struct{})}
	e := &EmbeddedStore{
		watch: newWatch(),
		Store: &Store{checks: newInFlight(), timeout: time.Hour}, service: server, clock: time.Now,
	}
	api := listen(t, e)
	api.shutdown = shutdown
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stops := make(chan error, 1)
	go func() { stops <- api.Start(ctx) }()
	connection, err := grpc.NewClient(api.GRPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	asks := make(chan error, 1)
	go func() {
		_, err := openfgav1.NewOpenFGAServiceClient(connection).Check(t.Context(), &openfgav1.CheckRequest{
			Context: requestContext("App:View", nil, time.Now()),
		})
		asks <- err
	}()
	<-server.asked
	return server, asks, stops
}

func listen(t *testing.T, e *EmbeddedStore) *API {
	t.Helper()
	api, err := e.Listen(APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestRequestsInFlightAreAnsweredWhenTheAPIStops(t *testing.T) {
	server, asked, stopped := askSlowly(t, time.Hour)
	close(server.answer)
	if err := <-asked; err != nil {
		t.Errorf("asking: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopping: %v", err)
	}
}

func TestRequestsThatDoNotEndAreGivenUpWhenTheAPIStops(t *testing.T) {
	_, asked, stopped := askSlowly(t, time.Millisecond)
	if err := <-stopped; err != nil {
		t.Errorf("stopping: %v", err)
	}
	if err := <-asked; err == nil {
		t.Error("the request was answered, want it given up")
	}
}

func TestTheAPINamesAddressesThatAreTaken(t *testing.T) {
	e := &EmbeddedStore{Store: &Store{checks: newInFlight()}, service: &slow{}, watch: newWatch()}
	api := listen(t, e)
	defer func() { _ = api.close() }()
	const free = "127.0.0.1:0"
	for _, options := range []APIOptions{
		{HTTPAddress: api.HTTPAddress(), GRPCAddress: free},
		{HTTPAddress: free, GRPCAddress: api.GRPCAddress()},
	} {
		if _, err := e.Listen(options); err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("got %v, want the address to be in use", err)
		}
	}
}
