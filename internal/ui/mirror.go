package ui

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
)

const (
	// pageSize is how many objects are read from the API server at once.
	pageSize = 500
	// pollInterval is how often a kind is read that may be read and not watched.
	pollInterval = 10 * time.Second
	// firstRetry and lastRetry are the bounds of how long the API server is left alone after it did not answer.
	firstRetry, lastRetry = 250 * time.Millisecond, 4 * time.Second
)

// mirror is an organization as far as its reader may read it, kept up to date by watches.
type mirror struct {
	client       client.WithWatch
	organization string
	clock        clock.PassiveClock

	mu    sync.Mutex
	kinds []*kindMirror
	// pending is what has changed since world was brought up to date; nil is an object that is gone.
	pending map[kinds.Ref]v1alpha1.Object
	world   *query.World
	// changed is closed, and replaced, when there is something new to see.
	changed chan struct{}
}

// kindMirror is what is known of one kind.
type kindMirror struct {
	kind    kinds.Kind
	mirror  *mirror
	objects map[kinds.Ref]string // with their resource versions
	// read means that the kind has been read, and may be read still.
	read bool
	// refused is why it may not be read, nil if it may.
	refused error
	// failed is why the API server did not answer last time, since when; nil if it did.
	failed error
	since  time.Time
}

func newMirror(client client.WithWatch, organization string, clock clock.PassiveClock) *mirror {
	m := &mirror{
		client: client, organization: organization, clock: clock, pending: map[kinds.Ref]v1alpha1.Object{},
		changed: make(chan struct{}), world: query.New(query.Objects{Organization: organization}, clock),
	}
	for _, kind := range kinds.All {
		m.kinds = append(m.kinds, &kindMirror{kind: kind, mirror: m, objects: map[kinds.Ref]string{}})
	}
	return m
}

// run follows all kinds until ctx ends.
func (m *mirror) run(ctx context.Context) {
	ctx = klog.NewContext(ctx, logr.Discard()) // the page says what goes wrong
	var following sync.WaitGroup
	for _, k := range m.kinds {
		reflector := cache.NewReflectorWithOptions(k, k.kind.New(), k, cache.ReflectorOptions{
			Backoff: &wait.Backoff{Duration: firstRetry, Factor: 1.5, Jitter: 0.1, Steps: 10, Cap: lastRetry},
		})
		reflector.WatchListPageSize = pageSize
		following.Go(func() { reflector.RunWithContext(ctx) })
	}
	following.Wait()
}

// view shows the organization as it is now. The world may be used until look returns.
func (m *mirror) view(look func(*query.World, reading)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes := query.Changes{}
	now := reading{Unread: map[string]string{}}
	for _, k := range m.kinds {
		switch {
		case k.refused != nil:
			now.Unread[k.kind.Name] = k.refused.Error()
		case !k.read:
			now.Reading = true
			now.Unread[k.kind.Name] = "it has not been read yet"
		}
		if k.failed != nil && (now.Away == nil || k.since.Before(now.Since)) {
			now.Away, now.Since = k.failed, k.since
		}
		if (k.refused != nil || !k.read) && query.Matters(k.kind.Name) {
			changes.Unread = append(changes.Unread, k.kind.Name)
		}
	}
	slices.Sort(changes.Unread)
	for ref, object := range m.pending {
		if object == nil {
			changes.Gone = append(changes.Gone, ref)
		} else {
			changes.Put = append(changes.Put, object)
		}
	}
	clear(m.pending)
	m.world.Update(changes)
	look(m.world, now)
}

// reading is how much of the organization is known.
type reading struct {
	// Unread are the kinds that are not known, and why.
	Unread map[string]string
	// Reading means that some have not been read yet.
	Reading bool
	// Away is why the API server does not answer, since when; nil if it does.
	Away  error
	Since time.Time
}

// next is closed when there is something new to see.
func (m *mirror) next() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// announce tells whoever waits for something new. The lock is held.
func (m *mirror) announce() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// ListWithContext reads the kind. The Organization is read by its name, which is all that many may.
func (k *kindMirror) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list := k.kind.NewList()
	var err error
	if k.kind.Name == kinds.Organization {
		err = k.getOrganization(ctx, list.(*v1alpha1.OrganizationList))
	} else {
		err = k.mirror.client.List(ctx, list, client.InNamespace(k.namespace()), &client.ListOptions{Raw: &options, Limit: options.Limit, Continue: options.Continue})
	}
	k.answered(ctx, err)
	return list, err
}

func (k *kindMirror) getOrganization(ctx context.Context, list *v1alpha1.OrganizationList) error {
	organization := v1alpha1.Organization{}
	err := k.mirror.client.Get(ctx, client.ObjectKey{Name: k.mirror.organization}, &organization)
	if apierrors.IsNotFound(err) {
		return nil
	}
	list.Items = append(list.Items, organization)
	return err
}

// WatchWithContext watches the kind. What may not be watched is read again after a while.
func (k *kindMirror) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if k.kind.Name == kinds.Organization {
		options.FieldSelector = "metadata.name=" + k.mirror.organization
		options.ResourceVersion = "" // that of the object may be too old; what is there comes again
	}
	watching, err := k.mirror.client.Watch(ctx, k.kind.NewList(), client.InNamespace(k.namespace()), &client.ListOptions{Raw: &options})
	if apierrors.IsForbidden(err) {
		idle := watch.NewFake()
		time.AfterFunc(pollInterval, idle.Stop)
		return idle, nil
	}
	k.answered(ctx, err)
	return watching, err
}

// List and Watch are for users of an older interface, of which there are none.
func (k *kindMirror) List(options metav1.ListOptions) (runtime.Object, error) {
	return k.ListWithContext(context.Background(), options)
}

// Watch is List's companion.
func (k *kindMirror) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return k.WatchWithContext(context.Background(), options)
}

// IsWatchListSemanticsUnSupported has lists be lists, whose errors say that a kind may not be read.
func (k *kindMirror) IsWatchListSemanticsUnSupported() bool { return true }

func (k *kindMirror) namespace() string {
	if k.kind.ClusterScoped {
		return ""
	}
	return k.mirror.organization
}

// answered notes what the API server has answered. What may no longer be read is forgotten.
func (k *kindMirror) answered(ctx context.Context, err error) {
	k.mirror.mu.Lock()
	defer k.mirror.mu.Unlock()
	switch refused := refusal(err); {
	case ctx.Err() != nil, apierrors.IsResourceExpired(err), apierrors.IsGone(err): // it is read anew
	case refused != nil:
		for ref := range k.objects {
			k.remove(ref)
		}
		if k.read || k.failed != nil || k.refused == nil {
			defer k.mirror.announce()
		}
		k.read, k.refused, k.failed = false, refused, nil
	case err != nil:
		if k.failed == nil {
			k.since = k.mirror.clock.Now()
			defer k.mirror.announce()
		}
		k.failed = err
	default:
		if k.failed != nil {
			defer k.mirror.announce()
		}
		k.failed = nil
	}
}

// refusal is why a kind can't be read by this reader, nil if it can.
func refusal(err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return errors.New("you may not read it")
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
		return errors.New("the cluster does not have this kind: it has no Bailiwick, or an older one")
	}
	return nil
}

// Replace takes over all that has been read.
func (k *kindMirror) Replace(items []any, _ string) error {
	k.mirror.mu.Lock()
	defer k.mirror.mu.Unlock()
	k.read, k.refused = true, nil
	gone := k.objects
	k.objects = make(map[kinds.Ref]string, len(items))
	for _, item := range items {
		object := item.(v1alpha1.Object)
		ref := kinds.RefOf(object)
		k.objects[ref] = gone[ref]
		k.put(ref, object)
		delete(gone, ref)
	}
	for ref := range gone {
		k.mirror.pending[ref] = nil
	}
	k.mirror.announce()
	return nil
}

// Add takes over a new object.
func (k *kindMirror) Add(item any) error { return k.Update(item) }

// Update takes over a changed object.
func (k *kindMirror) Update(item any) error {
	k.mirror.mu.Lock()
	defer k.mirror.mu.Unlock()
	object := item.(v1alpha1.Object)
	k.put(kinds.RefOf(object), object)
	k.mirror.announce()
	return nil
}

// Delete takes over that an object is gone.
func (k *kindMirror) Delete(item any) error {
	k.mirror.mu.Lock()
	defer k.mirror.mu.Unlock()
	k.remove(kinds.RefOf(item.(v1alpha1.Object)))
	k.mirror.announce()
	return nil
}

// Resync has nothing to do: every change is taken over when it comes.
func (k *kindMirror) Resync() error { return nil }

func (k *kindMirror) put(ref kinds.Ref, object v1alpha1.Object) {
	if k.objects[ref] == object.GetResourceVersion() {
		return
	}
	k.objects[ref] = object.GetResourceVersion()
	object.SetManagedFields(nil)
	k.mirror.pending[ref] = object
}

func (k *kindMirror) remove(ref kinds.Ref) {
	delete(k.objects, ref)
	k.mirror.pending[ref] = nil
}
