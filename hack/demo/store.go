package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// storeName is the operator's default.
const storeName = "bailiwick"

// store asks OpenFGA over its own HTTP API. It is written without any library, since that is what an
// application in any language would have to do.
type store struct {
	url string // of the API
	id  string

	took []time.Duration // by each check
}

// findStore finds the store that the operator has made. Until that holds what the resources say, the
// operator answers nothing, so that nobody takes an empty store's word for it.
func findStore(ctx context.Context, url string) (*store, error) {
	var list struct {
		Stores []struct{ ID, Name string }
	}
	s := &store{url: url}
	var failure error
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, stage.Patience, true, func(ctx context.Context) (bool, error) {
		failure = s.call(ctx, http.MethodGet, "/stores", nil, &list)
		return failure == nil, nil
	})
	if err != nil {
		return nil, errors.Join(err, failure)
	}
	for _, found := range list.Stores {
		if found.Name == storeName {
			s.id = found.ID
			return s, nil
		}
	}
	return nil, fmt.Errorf("OpenFGA has no store named %q", storeName)
}

type checkRequest struct {
	TupleKey tupleKey     `json:"tuple_key"`
	Context  checkContext `json:"context"`
}

type tupleKey struct {
	User     string `json:"user"`
	Relation string `json:"relation"`
	Object   string `json:"object"`
}

type checkContext struct {
	Permission  string         `json:"permission"`
	Attributes  map[string]any `json:"attributes"`
	CurrentTime string         `json:"current_time"`
}

// request is what is posted to ask a question about this moment.
func (q question) request() checkRequest {
	attributes := q.attributes
	if attributes == nil {
		attributes = map[string]any{}
	}
	return checkRequest{
		TupleKey: tupleKey{User: "user:" + q.subject, Relation: "can", Object: q.object},
		Context: checkContext{
			Permission:  q.permission,
			Attributes:  attributes,
			CurrentTime: time.Now().UTC().Format(time.RFC3339),
		},
	}
}

func (s *store) check(ctx context.Context, q question) (allowed bool, err error) {
	var response struct{ Allowed bool }
	begin := time.Now()
	err = s.call(ctx, http.MethodPost, "/stores/"+s.id+"/check", q.request(), &response)
	s.took = append(s.took, time.Since(begin))
	return response.Allowed, err
}

// median is how long half of the checks took at most.
func (s *store) median() time.Duration {
	took := slices.Sorted(slices.Values(s.took))
	return took[len(took)/2]
}

func (s *store) call(ctx context.Context, method, path string, body, into any) error {
	return stage.Call(ctx, http.DefaultClient, method, s.url+path, "", body, into)
}
