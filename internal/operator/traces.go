package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/tracing"
)

// traceTimeout is how long what is left of traces may take to be sent at the end.
const traceTimeout = 2 * time.Second

// addTraces has spans sent to a collector.
func (o *Operator) addTraces(ctx context.Context, options Options) error {
	if options.TraceEndpoint == "" {
		return nil
	}
	provider, err := tracing.Connect(ctx, options.TraceEndpoint)
	if err != nil {
		return err
	}
	o.tracer = provider.Tracer("github.com/bailiwick-dev/bailiwick")
	err = o.manager.Add(everyReplica(func(ctx context.Context) error {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			options.Log.Info("the last spans were not sent", "reason", err.Error())
		}
		return nil
	}))
	if err != nil {
		return fmt.Errorf("adding traces: %w", err)
	}
	return nil
}
