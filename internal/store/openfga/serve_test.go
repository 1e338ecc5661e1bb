package openfga_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/crash"
)

// served is an embedded store that serves its API, with a clock of its own.
type served struct {
	store  *openfga.EmbeddedStore
	client openfgav1.OpenFGAServiceClient
	url    string
	ready  atomic.Bool
	now    atomic.Pointer[time.Time]
	// grpcAddress is where client asks, without TLS.
	grpcAddress string
}

func serve(t *testing.T) *served {
	t.Helper()
	return serveWith(t, openfga.APIOptions{})
}

func serveWith(t *testing.T, options openfga.APIOptions) *served {
	t.Helper()
	s := &served{}
	s.now.Store(&asked.Time)
	s.ready.Store(true)
	var err error
	s.store, err = openfga.Embedded(t.Context(), openfga.EmbeddedOptions{Clock: func() time.Time { return *s.now.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	closeInTheEnd(t, s.store)
	options.HTTPAddress, options.GRPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	if options.Ready == nil {
		options.Ready = s.ready.Load
	}
	api, err := s.store.Listen(options)
	if err != nil {
		t.Fatal(err)
	}
	start(t, api)
	s.grpcAddress = api.GRPCAddress()
	connection, err := grpc.NewClient(s.grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	s.client = openfgav1.NewOpenFGAServiceClient(connection)
	s.url = fmt.Sprintf("http://%s/stores/%s", api.HTTPAddress(), s.store.StoreID())
	return s
}

// start serves the API until the test ends, and expects that it ends well.
func start(t *testing.T, api *openfga.API) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- api.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// checkRequest asks the question, with this context.
func (s *served) checkRequest(context map[string]any) *openfgav1.CheckRequest {
	return &openfgav1.CheckRequest{
		StoreId:  s.store.StoreID(),
		TupleKey: &openfgav1.CheckRequestTupleKey{Object: asked.Object, Relation: asked.Relation, User: asked.User},
		Context:  object(context),
	}
}

func (s *served) check(t *testing.T, context map[string]any) bool {
	t.Helper()
	response, err := s.client.Check(t.Context(), s.checkRequest(context))
	if err != nil {
		t.Fatal(err)
	}
	return response.GetAllowed()
}

// post returns the HTTP status and the answer to a request over HTTP.
func (s *served) post(t *testing.T, path, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return s.do(t, request)
}

// do returns the HTTP status and the answer to a request; only JSON is an answer.
func (s *served) do(t *testing.T, request *http.Request) (int, map[string]any) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(content, &answer); err != nil && response.Header.Get("Content-Type") == "application/json" {
		t.Fatalf("%s: %v", content, err)
	}
	return response.StatusCode, answer
}

func expectCode(t *testing.T, err error, want codes.Code, words string) {
	t.Helper()
	if status.Code(err) != want || !strings.Contains(status.Convert(err).Message(), words) {
		t.Errorf("got %v, want %v with %q", err, want, words)
	}
}

const checkBody = `{"tuple_key": {"user": "user:alice", "relation": "can", "object": "organization:acme"}, "context": {"permission": "App:View"}}`

func TestApplicationsAskOverHTTPAndGRPC(t *testing.T) {
	s := serve(t)
	for _, want := range []bool{false, true} {
		if want {
			write(t, s.store, granted)
		}
		if got := s.check(t, map[string]any{"permission": "App:View"}); got != want {
			t.Errorf("over gRPC: %t, want %t", got, want)
		}
		if code, answer := s.post(t, "/check", checkBody); code != http.StatusOK || answer["allowed"] != want {
			t.Errorf("over HTTP: %d, %v, want %t", code, answer, want)
		}
	}
	code, answer := s.post(t, "/list-objects", `{"type": "organization", "relation": "can", "user": "user:alice", "context": {"permission": "App:View"}}`)
	if code != http.StatusOK || fmt.Sprint(answer["objects"]) != "[organization:acme]" {
		t.Errorf("listing objects: %d, %v", code, answer)
	}
	code, answer = s.post(t, "/streamed-list-objects", `{"type": "organization", "relation": "can", "user": "user:alice", "context": {"permission": "App:View"}}`)
	if code != http.StatusOK || fmt.Sprint(answer["result"]) != "map[object:organization:acme]" {
		t.Errorf("listing objects as a stream: %d, %v", code, answer)
	}
	code, answer = s.post(t, "/list-users", `{"object": {"type": "organization", "id": "acme"}, "relation": "can", "user_filters": [{"type": "user"}], "context": {"permission": "App:View"}}`)
	if code != http.StatusOK || fmt.Sprint(answer["users"]) != "[map[object:map[id:alice type:user]]]" {
		t.Errorf("listing users: %d, %v", code, answer)
	}
	code, answer = s.post(t, "/batch-check", `{"checks": [{"correlation_id": "1", "tuple_key": {"user": "user:alice", "relation": "can", "object": "organization:acme"}, "context": {"permission": "App:View"}}]}`)
	if code != http.StatusOK || fmt.Sprint(answer["result"]) != "map[1:map[allowed:true]]" {
		t.Errorf("asking several questions: %d, %v", code, answer)
	}
}

func TestApplicationsMayRead(t *testing.T) {
	s := serve(t)
	write(t, s.store, granted)
	id := s.store.StoreID()
	_, read := s.client.Read(t.Context(), &openfgav1.ReadRequest{StoreId: id})
	_, changes := s.client.ReadChanges(t.Context(), &openfgav1.ReadChangesRequest{StoreId: id})
	_, models := s.client.ReadAuthorizationModels(t.Context(), &openfgav1.ReadAuthorizationModelsRequest{StoreId: id})
	_, model := s.client.ReadAuthorizationModel(t.Context(), &openfgav1.ReadAuthorizationModelRequest{StoreId: id, Id: s.store.ModelID()})
	_, one := s.client.GetStore(t.Context(), &openfgav1.GetStoreRequest{StoreId: id})
	_, all := s.client.ListStores(t.Context(), &openfgav1.ListStoresRequest{})
	_, expand := s.client.Expand(t.Context(), &openfgav1.ExpandRequest{
		StoreId: id, TupleKey: &openfgav1.ExpandRequestTupleKey{Object: asked.Object, Relation: asked.Relation},
	})
	for name, err := range map[string]error{
		"Read": read, "ReadChanges": changes, "ReadAuthorizationModels": models, "ReadAuthorizationModel": model,
		"GetStore": one, "ListStores": all, "Expand": expand,
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApplicationsMayNotWrite(t *testing.T) {
	s := serve(t)
	id, model := s.store.StoreID(), openfga.Model()
	_, write := s.client.Write(t.Context(), &openfgav1.WriteRequest{StoreId: id})
	_, writeModel := s.client.WriteAuthorizationModel(t.Context(), &openfgav1.WriteAuthorizationModelRequest{
		StoreId: id, SchemaVersion: "1.1", TypeDefinitions: model.GetTypeDefinitions(),
	})
	_, create := s.client.CreateStore(t.Context(), &openfgav1.CreateStoreRequest{Name: "mine"})
	_, update := s.client.UpdateStore(t.Context(), &openfgav1.UpdateStoreRequest{StoreId: id, Name: "mine"})
	_, remove := s.client.DeleteStore(t.Context(), &openfgav1.DeleteStoreRequest{StoreId: id})
	_, writeAssertions := s.client.WriteAssertions(t.Context(), &openfgav1.WriteAssertionsRequest{StoreId: id})
	_, readAssertions := s.client.ReadAssertions(t.Context(), &openfgav1.ReadAssertionsRequest{StoreId: id})
	for _, err := range []error{write, writeModel, create, update, remove, writeAssertions, readAssertions} {
		expectCode(t, err, codes.PermissionDenied, "written by the Bailiwick operator alone")
	}
	code, answer := s.post(t, "/write", `{"writes": {"tuple_keys": [{"user": "user:eve", "relation": "member", "object": "group:acme/a"}]}}`)
	if code != http.StatusForbidden || answer["code"] != "forbidden" {
		t.Errorf("writing over HTTP: %d, %v", code, answer)
	}
}

func TestNothingIsAnsweredBeforeTheStoreIsReady(t *testing.T) {
	s := serve(t)
	s.ready.Store(false)
	_, err := s.client.Check(t.Context(), s.checkRequest(map[string]any{"permission": "App:View"}))
	expectCode(t, err, codes.Unavailable, "ask again soon")
	_, err = s.client.Read(t.Context(), &openfgav1.ReadRequest{StoreId: s.store.StoreID()})
	expectCode(t, err, codes.Unavailable, "ask again soon")
	if code, answer := s.post(t, "/check", checkBody); code != http.StatusServiceUnavailable || answer["code"] != "unavailable" {
		t.Errorf("over HTTP: %d, %v", code, answer)
	}
	s.ready.Store(true)
	if code, answer := s.post(t, "/check", checkBody); code != http.StatusOK {
		t.Errorf("when it is ready: %d, %v", code, answer)
	}
}

func TestRequestsThatAreTooLargeAreRefused(t *testing.T) {
	s := serve(t)
	huge := strings.Repeat("x", 1<<20)
	_, err := s.client.Check(t.Context(), s.checkRequest(map[string]any{"permission": huge}))
	expectCode(t, err, codes.ResourceExhausted, "larger than max")
	if code, answer := s.post(t, "/check", `{"context": {"permission": "`+huge+`"}}`); code < 400 || code >= 500 {
		t.Errorf("over HTTP: %d, %v", code, answer)
	}
}

func TestAPanicOfTheAPIEndsTheProcess(t *testing.T) {
	planted := openfga.APIOptions{Ready: func() bool { panic("planted") }}
	t.Run("over HTTP", func(t *testing.T) {
		crash.Expect(t, "planted", func() { serveWith(t, planted).post(t, "/check", checkBody) })
	})
	t.Run("over gRPC", func(t *testing.T) {
		crash.Expect(t, "planted", func() { serveWith(t, planted).check(t, map[string]any{"permission": "App:View"}) })
	})
}
