package openfga_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/protobuf/proto"

	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// bobs is a decision.Memory, and the state in it, by which bob may do everything.
type bobs struct{ decision.State }

func (b bobs) Enter(string) (decision.Reading, error) { return b, nil }
func (bobs) Leave() error                             { return nil }

func (bobs) Decide(_ string, q entitlement.Question) entitlement.Answer {
	return entitlement.Answer{Allowed: q.Subject == "bob"}
}

// remembering serves an empty store beside such a memory, which answers nothing about carol, and knows what memory was asked.
func remembering(t *testing.T) (s *served, questions *[]store.Question) {
	t.Helper()
	questions = &[]store.Question{}
	s = serveWith(t, openfga.APIOptions{Memory: func(question store.Question) (allowed, answered bool) {
		*questions = append(*questions, question)
		if question.User == "user:carol" {
			return false, false
		}
		return decision.FromMemory(bobs{}, question)
	}})
	return s, questions
}

func requestOf(s *served, user, about, relation string, said ...*openfgav1.TupleKey) *openfgav1.CheckRequest {
	return &openfgav1.CheckRequest{
		StoreId:          s.store.StoreID(),
		TupleKey:         &openfgav1.CheckRequestTupleKey{Object: about, Relation: relation, User: user},
		ContextualTuples: &openfgav1.ContextualTupleKeys{TupleKeys: said},
		Context:          object(map[string]any{"permission": "App:View", "attributes": map[string]any{"size": 3, "bad": "\x01", "list": []any{1}}, "other": 1}),
	}
}

func batchOf(s *served, requests ...*openfgav1.CheckRequest) *openfgav1.BatchCheckRequest {
	batch := &openfgav1.BatchCheckRequest{StoreId: s.store.StoreID()}
	for n, request := range requests {
		batch.Checks = append(batch.Checks, &openfgav1.BatchCheckItem{
			TupleKey: request.GetTupleKey(), ContextualTuples: request.GetContextualTuples(), Context: request.GetContext(), CorrelationId: fmt.Sprint("n", n),
		})
	}
	return batch
}

func said(object, parent string) *openfgav1.TupleKey {
	return &openfgav1.TupleKey{Object: object, Relation: "parent", User: parent}
}

func TestMemoryAnswersChecksAndBatchesOfThem(t *testing.T) {
	s, questions := remembering(t)
	const flow, project = "resource:acme/prod/vision/flow/42", "project:acme/prod/vision"
	for _, request := range []*openfgav1.CheckRequest{
		requestOf(s, "user:bob", project, "can"),
		requestOf(s, "user:bob", flow, "can", said(flow, project)),
		requestOf(s, "user:dora", "group:acme/devs", "can"),
	} {
		want := request.GetTupleKey().GetUser() == "user:bob"
		if response, err := s.client.Check(t.Context(), request); err != nil || response.GetAllowed() != want {
			t.Errorf("%v: %v, %v, want %t", request.GetTupleKey(), response, err, want)
		}
		response, err := s.client.BatchCheck(t.Context(), batchOf(s, request, requestOf(s, "user:bob", project, "can")))
		if err != nil || response.GetResult()["n0"].GetAllowed() != want || !response.GetResult()["n1"].GetAllowed() {
			t.Errorf("%v in a batch: %v, %v, want %t", request.GetTupleKey(), response, err, want)
		}
	}
	want := store.Question{
		Key: store.Key{Object: flow, Relation: "can", User: "user:bob"}, Parent: project, Permission: "App:View",
		Attributes: map[string]any{"size": 3.0, "bad": strings.Repeat(" ", 257), "list": nil},
	}
	if !slices.ContainsFunc(*questions, func(q store.Question) bool { return reflect.DeepEqual(q, want) }) {
		t.Errorf("memory was asked %+v, and never %+v", *questions, want)
	}
	if code, answer := s.post(t, "/check", strings.ReplaceAll(checkBody, "alice", "bob")); code != http.StatusOK || answer["allowed"] != true {
		t.Errorf("over HTTP: %d, %v", code, answer)
	}
}

// The store holds what alice may do, and memory says that she may do nothing.
func TestTheStoreAnswersWhatMemoryDoesNot(t *testing.T) {
	s, _ := remembering(t)
	write(t, s.store, granted)
	const flow = "resource:acme/flow/42"
	traced := requestOf(s, "user:alice", "organization:acme", "can")
	traced.Trace = true
	for name, request := range map[string]*openfgav1.CheckRequest{
		"another relation":            requestOf(s, "user:alice", "organization:acme", "grant_a"),
		"where another object lies":   requestOf(s, "user:alice", "organization:acme", "can", said(flow, "organization:acme")),
		"where several objects lie":   requestOf(s, "user:alice", flow, "can", said(flow, "organization:acme"), said("resource:acme/flow/43", "organization:acme")),
		"how the answer is found":     traced,
		"what memory does not answer": requestOf(s, "user:carol", "organization:acme", "can"),
	} {
		want := request.GetTupleKey().GetUser() == "user:alice"
		if response, err := s.client.Check(t.Context(), request); err != nil || response.GetAllowed() != want {
			t.Errorf("%s: %v, %v, want %t", name, response, err, want)
		}
		if request == traced {
			continue // batches have none
		}
		// One that is for the store takes the others along.
		response, err := s.client.BatchCheck(t.Context(), batchOf(s, requestOf(s, "user:alice", "organization:acme", "can"), request))
		if err != nil || !response.GetResult()["n0"].GetAllowed() || response.GetResult()["n1"].GetAllowed() != want {
			t.Errorf("%s in a batch: %v, %v, want %t", name, response, err, want)
		}
	}
}

func TestWhatIsMalformedIsRefusedAsTheStoreRefusesIt(t *testing.T) {
	s, questions := remembering(t)
	alone := serve(t)
	withoutIDs := func(of *served, err error) string {
		return strings.NewReplacer(of.store.StoreID(), "STORE", of.store.ModelID(), "MODEL").Replace(fmt.Sprint(err))
	}
	expectSame := func(name string, err, want error) {
		t.Helper()
		if want == nil || withoutIDs(s, err) != withoutIDs(alone, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	const another = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for name, change := range map[string]func(*openfgav1.CheckRequest){
		"no question":               func(r *openfgav1.CheckRequest) { r.TupleKey = nil },
		"no user":                   func(r *openfgav1.CheckRequest) { r.TupleKey.User = "" },
		"a user of no type":         func(r *openfgav1.CheckRequest) { r.TupleKey.User = "bob" },
		"a user of another type":    func(r *openfgav1.CheckRequest) { r.TupleKey.User = "robot:bob" },
		"an object of no type":      func(r *openfgav1.CheckRequest) { r.TupleKey.Object = "acme" },
		"an object of another type": func(r *openfgav1.CheckRequest) { r.TupleKey.Object = "planet:acme" },
		"a relation that is none":   func(r *openfgav1.CheckRequest) { r.TupleKey.Relation = "may" },
		"another store":             func(r *openfgav1.CheckRequest) { r.StoreId = another },
		"a store that is none":      func(r *openfgav1.CheckRequest) { r.StoreId = "mine" },
		"an unknown consistency":    func(r *openfgav1.CheckRequest) { r.Consistency = 17 },
	} {
		asked := requestOf(s, "user:bob", "organization:acme", "can")
		change(asked)
		beside := proto.CloneOf(asked)
		if beside.GetStoreId() == s.store.StoreID() {
			beside.StoreId = alone.store.StoreID()
		}
		_, err := s.client.Check(t.Context(), asked)
		_, want := alone.client.Check(t.Context(), beside)
		expectSame(name, err, want)
	}
	several := make([]*openfgav1.CheckRequest, 51)
	for n := range several {
		several[n] = requestOf(s, "user:bob", "organization:acme", "can")
	}
	for name, change := range map[string]func(*openfgav1.BatchCheckRequest){
		"no checks":    func(r *openfgav1.BatchCheckRequest) { r.Checks = nil },
		"more than 50": func(*openfgav1.BatchCheckRequest) {},
		"one id twice": func(r *openfgav1.BatchCheckRequest) {
			r.Checks = r.GetChecks()[:2]
			r.GetChecks()[1].CorrelationId = "n0"
		},
		"an id that is none": func(r *openfgav1.BatchCheckRequest) {
			r.Checks = r.GetChecks()[:1]
			r.GetChecks()[0].CorrelationId = "?"
		},
		"another store": func(r *openfgav1.BatchCheckRequest) { r.Checks = r.GetChecks()[:1]; r.StoreId = another },
	} {
		asked := batchOf(s, several...)
		change(asked)
		beside := proto.CloneOf(asked)
		if beside.GetStoreId() == s.store.StoreID() {
			beside.StoreId = alone.store.StoreID()
		}
		_, err := s.client.BatchCheck(t.Context(), asked)
		_, want := alone.client.BatchCheck(t.Context(), beside)
		expectSame(name+" in a batch", err, want)
	}
	if len(*questions) == 0 {
		t.Error("memory was asked nothing: nothing was tested")
	}
}
