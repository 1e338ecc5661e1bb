package openfga_test

import (
	"context"
	"errors"
	"testing"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// granted is a tuple that gives App:View, and asked the question for it.
var (
	granted = store.Tuple{
		Key:     store.Key{Object: "organization:acme", Relation: "grant_a", User: "user:alice"},
		Context: conditions(map[string]any{"App:View": true}, nil),
	}
	asked = store.Question{
		Key:        store.Key{Object: "organization:acme", Relation: "can", User: "user:alice"},
		Permission: "App:View",
		Time:       time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	}
)

func conditions(permissions, rules map[string]any) *structpb.Struct {
	return object(map[string]any{"permissions": permissions, "rules": rules})
}

// object fails in no test: it is given what JSON can say.
func object(fields map[string]any) *structpb.Struct {
	made, err := structpb.NewStruct(fields)
	if err != nil {
		panic(err)
	}
	return made
}

func write(t *testing.T, s store.Store, tuples ...store.Tuple) {
	t.Helper()
	if err := s.Write(t.Context(), tuples, nil); err != nil {
		t.Fatal(err)
	}
}

func expectCheck(t *testing.T, s store.Store, want bool) {
	t.Helper()
	got, err := s.Check(t.Context(), asked)
	if err != nil || got != want {
		t.Errorf("got %t, %v, want %t", got, err, want)
	}
}

func expectUnavailable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrRefused) {
		t.Errorf("got %v, want it unavailable", err)
	}
}

func expectRefused(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrRefused) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want it refused", err)
	}
}

// anyone is a client without our adapter, as any application may have it.
func anyone(t *testing.T, running *server.Server) openfgav1.OpenFGAServiceClient {
	t.Helper()
	trusted, err := credentials.NewClientTLSFromFile(running.CAFile, "")
	if err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient(running.Address,
		grpc.WithTransportCredentials(trusted), grpc.WithPerRPCCredentials(bearer(preSharedKey)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return openfgav1.NewOpenFGAServiceClient(connection)
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (b bearer) RequireTransportSecurity() bool { return true }
