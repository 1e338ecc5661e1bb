package operator

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/bailiwick-dev/bailiwick/internal/cloudevents"
)

// addEvents has the sink told of what becomes of access, if there is one. Only the replica that leads tells.
func (o *Operator) addEvents(options Options) error {
	if options.Events.URL == "" {
		return nil
	}
	log := options.Log.WithName("events")
	sink, err := cloudevents.NewSink(options.Events, log)
	if err != nil {
		return fmt.Errorf("the events sink: %w", err)
	}
	queue := cloudevents.NewQueue(sink, log)
	for _, part := range []manager.Runnable{
		queue,
		cloudevents.NewWatcher(o.manager.GetCache(), queue, options.Clock),
		cloudevents.NewOutbox(o.manager.GetCache(), o.manager.GetClient(), sink, queue, log),
	} {
		if err := o.manager.Add(part); err != nil {
			return fmt.Errorf("adding events: %w", err)
		}
	}
	return nil
}
