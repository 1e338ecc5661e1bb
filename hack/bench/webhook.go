package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// measureWebhook creates assignments in turn as someone about whom no webhook is asked, as someone who holds
// what they give, and as someone who does not and has the verb bind. All three may do everything by
// Kubernetes' own rules.
func (b *bench) measureWebhook(ctx context.Context) error {
	requesters := []struct {
		name, user string
		took       []time.Duration
	}{
		{name: "without the webhooks", user: "system:serviceaccount:kube-system:namespace-controller"},
		{name: "by who holds what is given", user: subjectOf(0)},
		{name: "by who has the verb bind", user: "gitops"},
	}
	clients := make([]client.Client, len(requesters))
	for n, requester := range requesters {
		config, err := b.Plane.UserConfig(requester.user, "system:masters")
		if err != nil {
			return fmt.Errorf("making a user: %w", err)
		}
		if clients[n], err = client.New(config, client.Options{Scheme: operator.Scheme()}); err != nil {
			return fmt.Errorf("making a client: %w", err)
		}
	}
	workspace, project := projectOf(0)
	const warm = 20
	for round := range warm + b.scaled(500) {
		for n := range requesters {
			// Another one begins each time, so that none is always the first after something.
			n = (n + round) % len(requesters)
			object := build.RoleAssignment(organization, fmt.Sprintf("webhook-%d-%d", n, round)).Gives(role).ToUser(userOf(1)).InProject(workspace, project).Obj()
			began := time.Now()
			if err := clients[n].Create(ctx, object); err != nil {
				return fmt.Errorf("creating an assignment %s: %w", requesters[n].name, err)
			}
			if round >= warm {
				requesters[n].took = append(requesters[n].took, time.Since(began))
			}
			if err := b.client.Delete(ctx, object); err != nil {
				return fmt.Errorf("deleting it: %w", err)
			}
		}
	}
	alone := percentile(requesters[0].took, 0.5)
	b.report.told("a create without the webhooks, p50", milliseconds(alone), "ms")
	for _, requester := range requesters[1:] {
		b.report.told("a create "+requester.name+", as a multiple of that", percentile(requester.took, 0.5).Seconds()/alone.Seconds(), "")
	}
	return nil
}
