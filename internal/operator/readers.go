package operator

import (
	"context"
	"fmt"
	"os"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/readlease"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// answersOnEveryReplica says whether replicas that do not lead answer decisions. Where there is one replica, or no decisions,
// nobody is waited for.
func answersOnEveryReplica(options Options) bool {
	return options.LeaderElect && servesDecisions(options)
}

func servesDecisions(options Options) bool {
	return options.Asking.DecisionKeysFile != "" || options.Asking.DecisionServiceAccounts
}

// rules are those by which this replica evaluates objects and answers: they depend on these options, too.
func rules(options Options) string {
	return fmt.Sprintf("%d, conditions up to %d, username prefix %q, leases of %s",
		state.Rules, limits(options).ConditionCost, options.UsernamePrefix, readLeaseDuration(options))
}

// leasesQPS is the rate of requests for read leases: they must not wait for what else the operator writes.
const leasesQPS = 100

// readLeaseDuration is how long a replica answers after it has heard from the leader: through a change of leaders. At least
// two thirds of it are left when the leader dies. They must be more than the leader's lease; twice the longest time between two
// looks at that, since it is counted from the look that showed it renewed, and taken at the first look after its end; and the
// time that the new leader needs to see all that there is. Leader election looks up to 2.2 retry periods after it has looked
// before, so the retry period is to be a sixth of the leader's lease at most: see CheckReadLease.
func readLeaseDuration(options Options) time.Duration {
	return 2*options.Lease.Duration + 4*options.Lease.RetryPeriod
}

// retriesInALease is how many retry periods the leader's lease has at least where replicas answer under read leases.
const retriesInALease = 6

// CheckReadLease refuses a retry period with which read leases would end before another replica leads.
func CheckReadLease(options Options) error {
	lease := options.Lease
	answers := answersOnEveryReplica(options) || options.DecisionsOnly
	if longest := lease.Duration / retriesInALease; answers && lease.RetryPeriod > longest {
		return fmt.Errorf("--leader-elect-retry-period=%s: with --leader-elect-lease-duration=%s it must be at most %s, else replicas stop answering decisions before another one leads: "+
			"shorten it, or make --leader-elect-lease-duration at least %s, on every replica alike", lease.RetryPeriod, lease.Duration, longest, retriesInALease*lease.RetryPeriod)
	}
	return nil
}

// addReadLeases has replicas that do not lead answer decisions.
func (o *Operator) addReadLeases(leads func() bool, options Options) (*readlease.Leases, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("finding a name for this replica: %w", err)
	}
	limited := rest.CopyConfig(o.manager.GetConfig())
	limited.QPS, limited.Burst = leasesQPS, leasesQPS
	live, err := client.New(limited, client.Options{
		HTTPClient: o.manager.GetHTTPClient(), Scheme: o.manager.GetScheme(), Mapper: o.manager.GetRESTMapper(),
	})
	if err != nil {
		return nil, fmt.Errorf("setting up the client for read leases: %w", err)
	}
	leases := readlease.New(readlease.Options{
		Name:      readlease.NewName(host),
		Client:    live,
		Rules:     rules(options),
		Namespace: options.Namespace,
		Duration:  readLeaseDuration(options),
		Leads:     leads,
		Clock:     readlease.Clock{Wall: options.Clock.Now, Boot: readlease.SinceBoot},
		Log:       options.Log.WithName("readers"),
	})
	watch := everyReplica(func(ctx context.Context) error {
		informer, err := o.manager.GetCache().GetInformer(ctx, &coordinationv1.Lease{}, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watching read leases: %w", err)
		}
		if _, err := informer.AddEventHandler(leasesHandler(leases)); err != nil {
			return fmt.Errorf("watching read leases: %w", err)
		}
		return leases.Start(ctx)
	})
	if err := o.manager.Add(watch); err != nil {
		return nil, fmt.Errorf("adding read leases: %w", err)
	}
	return leases, nil
}

// followedBy makes informers whose watches an engine follows, which is there when the first is made.
func followedBy(e **engine.Engine) func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer {
	return func(from toolscache.ListerWatcher, of runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		return (*e).NewInformer(from, of, resync, indexers)
	}
}

func leasesHandler(leases *readlease.Leases) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(item any) { leases.Seen(item.(*coordinationv1.Lease)) },
		UpdateFunc: func(_, item any) { leases.Seen(item.(*coordinationv1.Lease)) },
		DeleteFunc: func(item any) {
			if unseen, ok := item.(toolscache.DeletedFinalStateUnknown); ok {
				item = unseen.Obj
			}
			leases.Gone(item.(*coordinationv1.Lease))
		},
	}
}
