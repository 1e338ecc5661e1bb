package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// setUpDecisionsOnly has this process answer decisions under a read lease, and nothing else. It follows the cluster as every
// replica does, without a store, a webhook, controllers or leader election. It is ready while it may answer.
func (o *Operator) setUpDecisionsOnly(ctx context.Context, cluster *rest.Config, options Options) error {
	if !servesDecisions(options) {
		return errors.New("nobody could ask: name a file of keys, or let ServiceAccounts ask")
	}
	options.LeaderElect, options.WebhookPort = false, 0
	settings := managerOptions(options, o.monitor)
	settings.Cache.DefaultTransform = slimmer(&state.Reducer{})
	var e *engine.Engine
	settings.Cache.NewInformer = followedBy(&e)
	mgr, err := ctrl.NewManager(cluster, settings)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	o.manager = mgr
	if err := o.addTraces(ctx, options); err != nil {
		return err
	}
	leases, err := o.addReadLeases(func() bool { return false }, options)
	if err != nil {
		return err
	}
	e = engine.New(engine.Options{
		Versions: engine.VersionsFrom(mgr.GetAPIReader()),
		Limits:   limits(options), UsernamePrefix: options.UsernamePrefix, OnlyAnswers: true, Clock: options.Clock, Log: options.Log.WithName("cluster"),
	})
	leases.Engine = e
	certificate, err := o.certificate(options.Asking.TLSDirectory, installation.PartTLS)
	if err != nil {
		return err
	}
	from := memory{engine: e, mayRead: leases.Enter}
	if err := o.addDecisions(from, options, certificate); err != nil {
		return err
	}
	if err := mgr.Add(e.Feed(mgr.GetCache())); err != nil {
		return fmt.Errorf("adding the engine: %w", err)
	}
	may := func(*http.Request) error { return from.mayAnswer() }
	return errors.Join(o.addProbes(), mgr.AddReadyzCheck("decisions", liveness.Checker(may)))
}
