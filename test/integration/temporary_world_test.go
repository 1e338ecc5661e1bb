package integration

import (
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// inAnHour is a full second that is far enough for a spec to get everything ready before it.
func inAnHour() time.Time { return time.Now().Truncate(time.Second).Add(time.Hour) }

// expectFrom stops the clock just before an instant, where the decisions are still the other ones, and at
// the instant, from which on they are these. It leaves the clock a millisecond later, which is how late
// the operator may be where it has looked just before the instant.
func expectFrom(instant time.Time, want bool, asked ...func() (bool, error)) {
	GinkgoHelper()
	worlds.ExpectFrom(op.clock.StopAt, instant, want, asked...)
}

// lives is what the status of a temporary grant says of its life, in short.
func lives(g *v1alpha1.TemporaryPermissionGrant) func() string {
	return func() string { return worlds.Lives(observed(g).Status) }
}

// life is how lives puts it.
var life = worlds.Life

// history follows an object and returns how to read its phases up to now, one for each time that it was
// written.
func history(g *v1alpha1.TemporaryPermissionGrant) func() []v1alpha1.GrantPhase {
	GinkgoHelper()
	watcher, err := client.NewWithWatch(plane.Config(), client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	watching, err := watcher.Watch(ctx, &v1alpha1.TemporaryPermissionGrantList{}, client.InNamespace(g.Namespace),
		client.MatchingFields{"metadata.name": g.Name})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(watching.Stop)
	var mu sync.Mutex
	var phases []v1alpha1.GrantPhase
	var versions []string
	go func() {
		for event := range watching.ResultChan() {
			if seen, ok := event.Object.(*v1alpha1.TemporaryPermissionGrant); ok && event.Type != watch.Deleted {
				mu.Lock()
				phases, versions = append(phases, seen.Status.Phase), append(versions, seen.ResourceVersion)
				mu.Unlock()
			}
		}
	}()
	return func() (sofar []v1alpha1.GrantPhase) {
		GinkgoHelper()
		now := g.DeepCopy()
		err := k8sClient.Get(ctx, client.ObjectKeyFromObject(g), now)
		Expect(client.IgnoreNotFound(err)).To(Succeed())
		Eventually(func() bool { // what is read comes by the watch too, but later
			mu.Lock()
			defer mu.Unlock()
			sofar = slices.Clone(phases)
			return err != nil || slices.Contains(versions, now.ResourceVersion)
		}).Should(BeTrue(), "the watch of %s has not come so far", g.Name)
		return sofar
	}
}
