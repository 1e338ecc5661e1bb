package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// evaluate asks AuthZEN what may asks OpenFGA.
func (b *bench) evaluate(ctx context.Context, q question) (bool, error) {
	kind, path, _ := strings.Cut(q.object, ":")
	encoded, err := json.Marshal(map[string]any{
		"subject":  map[string]string{"type": "user", "id": q.subject},
		"action":   map[string]string{"name": q.permission},
		"resource": map[string]string{"type": kind, "id": path},
	})
	if err != nil {
		return false, fmt.Errorf("encoding a question: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.Decisions+"/access/v1/evaluation", bytes.NewReader(encoded))
	if err != nil {
		return false, fmt.Errorf("asking AuthZEN: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+b.DecisionKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := b.store.http.Do(request)
	if err != nil {
		return false, fmt.Errorf("asking AuthZEN: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return false, fmt.Errorf("reading AuthZEN's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("asking AuthZEN: %s: %s", response.Status, answer)
	}
	return string(answer) == `{"decision":true}`, nil
}

// measureDecisions asks OpenFGA and AuthZEN the same questions: one after the other, in turn, and then
// several at a time.
func (b *bench) measureDecisions(ctx context.Context) error {
	var took [2][]time.Duration
	var seconds [2]float64
	ways := [2]func(context.Context, question) (bool, error){b.store.may, b.evaluate}
	ask := func(ctx context.Context, way, n int) error {
		q := b.questionOf(n%b.assigned, view)
		allowed, err := ways[way](ctx, q)
		if err == nil && !allowed {
			err = fmt.Errorf("%+v was denied", q)
		}
		return err
	}
	for n := range rounds * checks {
		for way := range ways {
			began := time.Now()
			if err := ask(ctx, way, n); err != nil {
				return err
			}
			took[way] = append(took[way], time.Since(began))
		}
	}
	const askers = 4
	for range rounds {
		for way := range ways {
			began := time.Now()
			group, ctx := errgroup.WithContext(ctx)
			group.SetLimit(askers)
			for n := range checks {
				group.Go(func() error { return ask(ctx, way, n) })
			}
			if err := group.Wait(); err != nil {
				return err
			}
			seconds[way] += time.Since(began).Seconds()
		}
	}
	openFGA, authZEN := percentile(took[0], 0.5), percentile(took[1], 0.5)
	b.report.told("decision p50, OpenFGA", milliseconds(openFGA), "ms")
	b.report.told("decision p50, AuthZEN", milliseconds(authZEN), "ms")
	b.report.atMost("the second over the first", float64(authZEN)/float64(openFGA), "", 1.2)
	b.report.told("decision p99, OpenFGA", milliseconds(percentile(took[0], 0.99)), "ms")
	b.report.told("decision p99, AuthZEN", milliseconds(percentile(took[1], 0.99)), "ms")
	b.report.told("decisions per second, 4 at a time, OpenFGA", rounds*checks/seconds[0], "")
	b.report.told("decisions per second, 4 at a time, AuthZEN", rounds*checks/seconds[1], "")
	return nil
}
