package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("Events", func() {
	// told are the reasons of the events about an object, one for each time that it was told.
	told := func(object client.Object) func() ([]string, error) {
		return func() ([]string, error) {
			var list eventsv1.EventList
			err := k8sClient.List(ctx, &list, client.InNamespace(object.GetNamespace()))
			reasons := []string{}
			for _, event := range list.Items {
				if event.Regarding.UID != object.GetUID() {
					continue
				}
				reasons = append(reasons, event.Reason)
				if event.Series != nil {
					reasons = append(reasons, "again")
				}
			}
			return reasons, err
		}
	}

	It("[K10] say once that someone must edit an object, whatever else happens to it, and nothing of what waits", func() {
		w := newWorld()
		twin := build.User(w.Namespace, "twin").KnownAs(w.subject("alice")).Obj()
		waits := w.assignment("waits", "later").ToUser("bob").Obj()
		create(twin, waits)
		expectReason(twin, v1alpha1.ReasonSubjectTaken)
		expectReason(waits, v1alpha1.ReasonRoleNotFound)
		Eventually(told(twin)).Should(Equal([]string{v1alpha1.ReasonSubjectTaken}))

		waitUntilQuiet()
		expectUnmoved(twin)
		op.Stop()
		op.Start()
		expectReason(twin, v1alpha1.ReasonSubjectTaken)
		waitUntilQuiet()
		Expect(told(twin)()).To(Equal([]string{v1alpha1.ReasonSubjectTaken}))
		Expect(told(waits)()).To(BeEmpty())
	})
})
