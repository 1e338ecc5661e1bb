package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// evaluate asks AuthZEN what may asks OpenFGA.
func (b *bench) evaluate(ctx context.Context, q question) (bool, error) {
	return b.evaluateAt(ctx, b.Decisions, q)
}

func (b *bench) evaluateAt(ctx context.Context, url string, q question) (bool, error) {
	kind, path, _ := strings.Cut(q.object, ":")
	var answer struct{ Decision bool }
	err := stage.Call(ctx, b.store.http, http.MethodPost, url+"/access/v1/evaluation", b.DecisionKey, map[string]any{
		"subject":  map[string]string{"type": "user", "id": q.subject},
		"action":   map[string]string{"name": q.permission},
		"resource": map[string]string{"type": kind, "id": path},
	}, &answer)
	return answer.Decision, err
}

// measureDecisions asks OpenFGA's API and AuthZEN the same questions: one after the other, in turn, and then several at a time.
// OpenFGA's API is asked as applications ask it, and so that the store answers.
func (b *bench) measureDecisions(ctx context.Context) error {
	ways := []struct {
		name string
		may  func(context.Context, question) (bool, error)
	}{{"OpenFGA", b.store.remembered}, {"AuthZEN", b.evaluate}, {"OpenFGA from the store", b.store.may}}
	took, seconds := make([][]time.Duration, len(ways)), make([]float64, len(ways))
	ask := func(ctx context.Context, way, n int) error {
		q := b.questionOf(n%b.assigned, view)
		allowed, err := ways[way].may(ctx, q)
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
	p50 := func(way int) float64 { return milliseconds(percentile(took[way], 0.5)) }
	for way := range ways {
		b.report.told("decision p50, "+ways[way].name, p50(way), "ms")
	}
	b.report.atMost("the second over the first", p50(1)/p50(0), "", 1.2)
	b.report.atMost("the first over the third", p50(0)/p50(2), "", 0.5)
	for way := range ways {
		b.report.told("decision p99, "+ways[way].name, milliseconds(percentile(took[way], 0.99)), "ms")
		b.report.told("decisions per second, 4 at a time, "+ways[way].name, rounds*checks/seconds[way], "")
	}
	return nil
}
