package openfga_test

import (
	"net/http"
	"testing"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

func TestApplicationsCannotFoolTheStore(t *testing.T) {
	s := serve(t)
	until := asked.Time.Add(time.Hour)
	write(t, s.store, store.Tuple{Key: granted.Key, Context: conditions(nil, map[string]any{"App:View": []any{map[string]any{
		"from": "2000-01-01T00:00:00Z", "until": until.Format(time.RFC3339), "values": map[string]any{}, "tests": []any{},
	}}})})
	s.now.Store(&until)
	for name, context := range map[string]map[string]any{
		"an earlier time":      {"permission": "App:View", "current_time": "2010-01-01T00:00:00Z"},
		"permissions":          {"permission": "App:View", "permissions": map[string]any{"App:View": true}},
		"a time that is none":  {"permission": "App:View", "current_time": []any{}},
		"keys that nobody has": {"permission": "App:View", "root": true},
	} {
		if s.check(t, context) {
			t.Errorf("%s in the request's context gave what has ended", name)
		}
	}
	s.now.Store(&asked.Time)
	if !s.check(t, map[string]any{"permission": "App:View", "current_time": "2099-01-01T00:00:00Z"}) {
		t.Error("a later time in the request's context took away what lasts")
	}
	// Another model would be another answer.
	request := s.checkRequest(map[string]any{"permission": "App:View"})
	request.AuthorizationModelId = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	if response, err := s.client.Check(t.Context(), request); err != nil || !response.GetAllowed() {
		t.Errorf("asked by an older model: %v, %v", response, err)
	}
}

func TestApplicationsHaveToSayWhatTheyAskFor(t *testing.T) {
	s := serve(t)
	id := s.store.StoreID()
	for name, context := range map[string]*structpb.Struct{
		"nothing":          nil,
		"no permission":    object(map[string]any{"attributes": map[string]any{}}),
		"empty permission": object(map[string]any{"permission": ""}),
		"no text":          object(map[string]any{"permission": 3}),
	} {
		t.Run(name, func(t *testing.T) {
			check := s.checkRequest(nil)
			check.Context = context
			_, checkErr := s.client.Check(t.Context(), check)
			_, batchErr := s.client.BatchCheck(t.Context(), &openfgav1.BatchCheckRequest{StoreId: id, Checks: []*openfgav1.BatchCheckItem{
				{TupleKey: check.GetTupleKey(), CorrelationId: "one", Context: object(map[string]any{"permission": "App:View"})},
				{TupleKey: check.GetTupleKey(), CorrelationId: "two", Context: context},
			}})
			_, objectsErr := s.client.ListObjects(t.Context(), &openfgav1.ListObjectsRequest{
				StoreId: id, Type: "organization", Relation: "can", User: "user:alice", Context: context,
			})
			_, usersErr := s.client.ListUsers(t.Context(), &openfgav1.ListUsersRequest{
				StoreId: id, Object: &openfgav1.Object{Type: "organization", Id: "acme"}, Relation: "can",
				UserFilters: []*openfgav1.UserTypeFilter{{Type: "user"}}, Context: context,
			})
			stream, streamErr := s.client.StreamedListObjects(t.Context(), &openfgav1.StreamedListObjectsRequest{
				StoreId: id, Type: "organization", Relation: "can", User: "user:alice", Context: context,
			})
			if streamErr == nil {
				_, streamErr = stream.Recv()
			}
			for _, err := range []error{checkErr, batchErr, objectsErr, usersErr, streamErr} {
				expectCode(t, err, codes.InvalidArgument, `no "permission": pass the name`)
			}
			expectCode(t, batchErr, codes.InvalidArgument, "check two")
		})
	}
	_, err := s.client.Check(t.Context(), s.checkRequest(map[string]any{"permission": "App:View", "attributes": "red"}))
	expectCode(t, err, codes.InvalidArgument, `"attributes" in the request's context is no object`)
	code, answer := s.post(t, "/check", `{"tuple_key": {"user": "user:alice", "relation": "can", "object": "organization:acme"}}`)
	if code != http.StatusBadRequest || answer["code"] != "validation_error" {
		t.Errorf("over HTTP: %d, %v", code, answer)
	}
}

func TestApplicationsMaySayWhereAnObjectLives(t *testing.T) {
	s := serve(t)
	write(t, s.store, granted)
	ask := func(object string, tuples ...*openfgav1.TupleKey) (bool, error) {
		request := s.checkRequest(map[string]any{"permission": "App:View"})
		request.TupleKey.Object = object
		request.ContextualTuples = &openfgav1.ContextualTupleKeys{TupleKeys: tuples}
		response, err := s.client.Check(t.Context(), request)
		return response.GetAllowed(), err
	}
	parent := func(object, user string) *openfgav1.TupleKey {
		return &openfgav1.TupleKey{Object: object, Relation: "parent", User: user}
	}
	const flow, deep = "resource:acme/flow/42", "resource:acme/prod/vision/flow/42"
	if allowed, err := ask(flow); allowed || err != nil {
		t.Errorf("without its parent: %t, %v", allowed, err)
	}
	if allowed, err := ask(flow, parent(flow, "organization:acme")); !allowed || err != nil {
		t.Errorf("with its parent: %t, %v", allowed, err)
	}
	if allowed, err := ask(deep, parent(deep, "project:acme/prod/vision")); allowed || err != nil {
		t.Errorf("with its parent, in a project that the Organization does not declare: %t, %v", allowed, err)
	}
	write(t, s.store, store.Tuple{Key: store.Key{Object: "project:acme/prod/vision", Relation: "parent", User: "workspace:acme/prod"}},
		store.Tuple{Key: store.Key{Object: "workspace:acme/prod", Relation: "parent", User: "organization:acme"}})
	if allowed, err := ask(deep, parent(deep, "project:acme/prod/vision")); !allowed || err != nil {
		t.Errorf("with its parent, in a project that it declares: %t, %v", allowed, err)
	}
	conditional := parent(flow, "organization:acme")
	conditional.Condition = &openfgav1.RelationshipCondition{Name: "grants"}
	for name, tuple := range map[string]*openfgav1.TupleKey{
		"a workspace":        parent("workspace:acme/other", "organization:acme"),
		"a project":          parent("project:acme/prod/other", "workspace:acme/prod"),
		"another's parent":   parent("resource:evil/flow/42", "organization:acme"),
		"not the next above": parent(deep, "organization:acme"),
		"a grant":            {Object: flow, Relation: "grant_a", User: "user:alice"},
		"a membership":       {Object: "group:acme/admins", Relation: "member", User: "user:alice"},
		"a condition":        conditional,
		"an id that was cut": parent("resource:acme/flow/4~2", "organization:acme"),
	} {
		_, err := ask(flow, tuple)
		expectCode(t, err, codes.InvalidArgument, "only that a resource's parent is the one its own id names")
		_, err = s.client.Expand(t.Context(), &openfgav1.ExpandRequest{
			StoreId: s.store.StoreID(), TupleKey: &openfgav1.ExpandRequestTupleKey{Object: flow, Relation: "can"},
			ContextualTuples: &openfgav1.ContextualTupleKeys{TupleKeys: []*openfgav1.TupleKey{tuple}},
		})
		if err == nil {
			t.Errorf("%s was accepted by Expand", name)
		}
	}
}
