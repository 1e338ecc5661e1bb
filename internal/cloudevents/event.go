package cloudevents

import (
	"fmt"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// typePrefix is what the types of all events begin with.
const typePrefix = "dev.bailiwick.authz."

// Event is an event before it is written as CloudEvents have it. The same event has the same source and ID, however often
// it is sent.
type Event struct {
	ID   string
	Type string
	At   time.Time
	// About is the object that it is about.
	About kinds.Ref
	// Sequence is its place among the events of the object, from 1. 0: it has none.
	Sequence int64
	Data     any
}

func (e Event) written() (cloudevents.Event, error) {
	event := cloudevents.NewEvent()
	event.SetID(e.ID)
	event.SetType(typePrefix + e.Type)
	event.SetTime(e.At.UTC())
	event.SetSource(source(e.About))
	event.SetSubject(e.About.Name)
	if e.Sequence > 0 {
		// As texts are compared, one comes before the next.
		event.SetExtension("sequence", fmt.Sprintf("%010d", e.Sequence))
		event.SetExtension("partitionkey", e.About.Namespace+"/"+e.About.Name)
	}
	if err := event.SetData(cloudevents.ApplicationJSON, e.Data); err != nil {
		return event, fmt.Errorf("writing an event of the type %s: %w", e.Type, err)
	}
	return event, nil
}

// source is where the API server has the object.
func source(ref kinds.Ref) string {
	resource, _ := meta.UnsafeGuessKindToResource(v1alpha1.GroupVersion.WithKind(ref.Kind))
	return fmt.Sprintf("/apis/%s/namespaces/%s/%s/%s", v1alpha1.GroupVersion, ref.Namespace, resource.Resource, ref.Name)
}
