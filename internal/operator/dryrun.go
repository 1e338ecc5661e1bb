package operator

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/dryrun"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// DryRun says what an operator with these options would change if it was started. It writes nothing, neither
// to the cluster nor to the store, and may run beside an operator. With both an embedded and a remote store,
// the embedded one is read through the API of the operator that has it.
func DryRun(ctx context.Context, cluster *rest.Config, options Options) (_ *dryrun.Plan, err error) {
	cluster = rest.CopyConfig(cluster)
	cluster.QPS, cluster.Burst = options.QPS, int(options.QPS)
	reader, err := client.New(cluster, client.Options{Scheme: Scheme()})
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	from, err := readOnly(ctx, reader, options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	p, err := dryrun.New(ctx, reader, from, limits(options), options.Clock)
	if err != nil {
		return nil, err
	}
	p.Makes = from.Lacking
	return p, nil
}

func readOnly(ctx context.Context, reader client.Reader, options Options) (_ *openfga.ReadOnly, err error) {
	switch {
	case options.Remote != nil:
		remote := *options.Remote
		if options.Embedded == nil {
			if remote.Owner, err = storeOwner(ctx, reader); err != nil {
				return nil, err
			}
		}
		return openfga.OpenRemoteReadOnly(ctx, remote)
	case options.Embedded.Path == "":
		return nil, errors.New("the embedded store of another process can't be read without --store-path, its file, or --openfga-server, the gRPC address where the operator that has it serves it")
	default:
		return openfga.OpenFileReadOnly(ctx, options.Embedded.EmbeddedOptions)
	}
}
