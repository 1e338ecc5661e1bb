package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// asker asks OpenFGA over HTTP, as applications do.
type asker struct {
	url, id string
	http    *http.Client
}

// findStore returns once the operator answers, which is when the store holds what the cluster says.
func findStore(ctx context.Context, url string) (*asker, error) {
	s := &asker{url: url, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	var found struct{ Stores []struct{ ID string } }
	err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, 10*stage.Patience, true, func(ctx context.Context) (bool, error) {
		err := s.call(ctx, http.MethodGet, "/stores", nil, &found)
		return err == nil && len(found.Stores) == 1, nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for the store to answer: %w", err)
	}
	s.id = found.Stores[0].ID
	return s, nil
}

// question is about a permission of a user at a place.
type question struct{ subject, permission, object string }

// may is the store's answer: what comes with a contextual tuple is not answered from memory.
func (s *asker) may(ctx context.Context, q question) (bool, error) {
	request := q.request()
	request["contextual_tuples"] = map[string]any{"tuple_keys": []any{
		map[string]string{"user": "organization:nowhere", "relation": "parent", "object": "resource:nowhere/nothing/none"},
	}}
	return s.check(ctx, request)
}

// remembered is the answer of OpenFGA's API as applications ask it, which the operator gives from memory.
func (s *asker) remembered(ctx context.Context, q question) (bool, error) {
	return s.check(ctx, q.request())
}

func (s *asker) check(ctx context.Context, request map[string]any) (bool, error) {
	var answer struct{ Allowed bool }
	err := s.call(ctx, http.MethodPost, "/stores/"+s.id+"/check", request, &answer)
	return answer.Allowed, err
}

func (q question) request() map[string]any {
	return map[string]any{
		"tuple_key": map[string]string{"user": "user:" + q.subject, "relation": "can", "object": q.object},
		"context":   map[string]any{"permission": q.permission, "attributes": map[string]any{}, "current_time": time.Now().UTC().Format(time.RFC3339Nano)},
	}
}

// tuples counts what the store holds.
func (s *asker) tuples(ctx context.Context) (int, error) {
	all, err := stage.Tuples(ctx, s.url)
	return len(all), err
}

func (s *asker) call(ctx context.Context, method, path string, body, into any) error {
	return stage.Call(ctx, s.http, method, s.url+path, "", body, into)
}

// asked is what came of many questions.
type asked struct {
	count, allowed int
	// lastAllowed is when the last question that was answered with yes was asked.
	lastAllowed time.Time
}

// ask asks questions without pause, several at a time, until stop is called, which returns what came of it.
func (s *asker) ask(ctx context.Context, questions func(n int) question) (stop func() (asked, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var all asked
	var failed error
	var wait sync.WaitGroup
	const askers = 4
	for begin := range askers {
		wait.Go(func() {
			for n := begin; ctx.Err() == nil; n += askers {
				began := time.Now()
				allowed, err := s.may(ctx, questions(n))
				mu.Lock()
				switch {
				case ctx.Err() != nil:
				case err != nil:
					failed = err
				default:
					all.count++
					if allowed {
						all.allowed++
						all.lastAllowed = latest(all.lastAllowed, began)
					}
				}
				mu.Unlock()
			}
		})
	}
	return func() (asked, error) {
		cancel()
		wait.Wait()
		return all, failed
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// median asks one question after the other, all of which must be allowed, and is the time that half of
// the answers took at most.
func (s *asker) median(ctx context.Context, count int, questions func(n int) question) (time.Duration, error) {
	took := make([]time.Duration, 0, count)
	for n := range count {
		began := time.Now()
		allowed, err := s.may(ctx, questions(n))
		if err != nil {
			return 0, err
		}
		if !allowed {
			return 0, fmt.Errorf("%+v was denied", questions(n))
		}
		took = append(took, time.Since(began))
	}
	return percentile(took, 0.5), nil
}

func percentile(took []time.Duration, part float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(float64(len(took))*part))]
}
