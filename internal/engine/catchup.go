package engine

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
)

// Versions are which objects there were when they were listed.
type Versions struct {
	// Of are the resource versions of all objects.
	Of map[kinds.Ref]string
	// Listed is the resource version at which a kind was listed, by kind.
	Listed map[string]string
}

const (
	// versionsPage is how many objects one request lists, and versionsTimeout how long that may take.
	versionsPage    = 1000
	versionsTimeout = 10 * time.Second
)

// VersionsFrom lists the objects of all kinds, metadata only, as they are now: from must ask the API server.
func VersionsFrom(from client.Reader) func(context.Context) (Versions, error) {
	return func(ctx context.Context) (Versions, error) {
		found := Versions{Of: map[kinds.Ref]string{}, Listed: map[string]string{}}
		for kind := range lists() {
			of := v1alpha1.GroupVersion.WithKind(kind)
			if kind == kinds.Namespace {
				of = NamespaceKind
			}
			list := &metav1.PartialObjectMetadataList{}
			for {
				next := list.Continue
				list = &metav1.PartialObjectMetadataList{}
				list.SetGroupVersionKind(of.GroupVersion().WithKind(of.Kind + "List"))
				if err := listPage(ctx, from, list, next); err != nil {
					return Versions{}, fmt.Errorf("listing every %s: %w", kind, err)
				}
				for n := range list.Items {
					o := &list.Items[n]
					found.Of[kinds.Ref{Kind: kind, Namespace: o.Namespace, Name: o.Name}] = o.ResourceVersion
				}
				found.Listed[kind] = list.ResourceVersion
				if list.Continue == "" {
					break
				}
			}
		}
		return found, nil
	}
}

func listPage(ctx context.Context, from client.Reader, list *metav1.PartialObjectMetadataList, next string) error {
	defer liveness.Outside(ctx)()
	ctx, cancel := context.WithTimeout(ctx, versionsTimeout)
	defer cancel()
	return from.List(ctx, list, client.Limit(versionsPage), client.Continue(next))
}

const (
	// catchUpFor is how long the watches have to show what was listed, before it is listed again: what went while they were
	// cut off would be waited for forever.
	catchUpFor = 5 * time.Second
	// catchUpEvery is how often that is looked at.
	catchUpEvery = 10 * time.Millisecond
)

// catchUp returns when the state includes all that the API server had when this replica began to lead. A watch can't say
// that: one that is cut off, or was begun from an old list, looks like one where nothing happens, and what another replica
// has let go meanwhile would come back.
func (e *Engine) catchUp(ctx context.Context) {
	for !e.includesAll(ctx) {
		if !wait(ctx, time.Second) {
			return
		}
	}
}

// includesAll lists what there is, and says whether the state includes it soon.
func (e *Engine) includesAll(ctx context.Context) bool {
	e.noteGone(1)
	defer e.noteGone(-1)
	before := e.progress.watched()
	now, err := e.options.Versions(ctx)
	if err != nil {
		e.options.Log.Error(err, "nothing is written before it is known what there is; trying again")
		return false
	}
	return e.includesSoon(ctx, now, before)
}

// noteGone has one more, or one less, find out what there is: from the first to the last of them it is noted what goes.
func (e *Engine) noteGone(more int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.catchingUp += more; e.catchingUp == 0 {
		clear(e.gone)
	}
}

func (e *Engine) includesSoon(ctx context.Context, versions Versions, before map[string]watchedKind) bool {
	var missing *kinds.Ref
	for range catchUpFor / catchUpEvery {
		if missing = e.prove(versions, before); missing == nil {
			return true
		}
		if !wait(ctx, catchUpEvery) {
			return false
		}
	}
	e.options.Log.Info("the watches do not show what there is; nothing is written before they do", "object", *missing)
	return false
}

// prove notes that the state includes what was listed, or returns an object that it lacks.
func (e *Engine) prove(versions Versions, before map[string]watchedKind) *kinds.Ref {
	e.mu.Lock()
	defer e.mu.Unlock()
	missing := e.missing(versions)
	for kind, version := range versions.Listed {
		if missing == nil && !reaches(version, before[kind].seen) {
			// Versions went back, as after etcd was restored, and the watch does not show that yet.
			missing = &kinds.Ref{Kind: kind}
		}
	}
	if missing == nil {
		e.progress.prove(versions.Listed, before)
	}
	return missing
}

// missing is an object that has not been evaluated yet as it was when it was listed, or that was gone by then; nil if there
// is none. It needs the lock.
func (e *Engine) missing(versions Versions) *kinds.Ref {
	for ref, listed := range versions.Of {
		known := e.records.of(ref).object
		if known == nil && reaches(e.gone[ref], listed) {
			continue // it went after it was listed
		}
		if known == nil {
			return &ref
		}
		if order, err := resourceversion.CompareResourceVersion(known.GetResourceVersion(), listed); err != nil || order < 0 {
			return &ref
		}
	}
	for ref, known := range e.records.all() {
		if _, listed := versions.Of[ref]; listed {
			continue
		}
		// One that was made after the list is newer than it.
		order, err := resourceversion.CompareResourceVersion(known.object.GetResourceVersion(), versions.Listed[ref.Kind])
		if err != nil || order <= 0 {
			return &ref
		}
	}
	for ref, version := range e.adding {
		if _, listed := versions.Of[ref]; !listed && reaches(versions.Listed[ref.Kind], version) {
			return &ref // it was gone by then, and is being evaluated as if it were new
		}
	}
	return nil
}

// wait returns false when ctx ends first.
func wait(ctx context.Context, while time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(while):
		return true
	}
}
