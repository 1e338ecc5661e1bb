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
	kind, path, _ := strings.Cut(q.object, ":")
	var answer struct{ Decision bool }
	err := stage.Call(ctx, b.store.http, http.MethodPost, b.Decisions+"/access/v1/evaluation", b.DecisionKey, map[string]any{
		"subject":  map[string]string{"type": "user", "id": q.subject},
		"action":   map[string]string{"name": q.permission},
		"resource": map[string]string{"type": kind, "id": path},
	}, &answer)
	return answer.Decision, err
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
