package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("A temporary grant with ttlAfterExpired", func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
	})
	gone := func(g *v1alpha1.TemporaryPermissionGrant) func() bool {
		return func() bool {
			return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(g), g.DeepCopy()))
		}
	}

	It("[G7] is deleted that long after its deadline, and not before", func() {
		goes := w.temporary("goes").ToUser("alice").Grants(w.View).Until(noon).DeletedAfter("PT30M").Obj()
		stays := w.temporary("stays").ToUser("alice").Grants(w.Edit).Until(noon).Obj()
		create(goes, stays)
		expectReason(goes, v1alpha1.ReasonInForce)
		expectReason(stays, v1alpha1.ReasonInForce)
		expectFrom(noon, false, w.may("alice", w.View, w.at()), w.may("alice", w.Edit, w.at()))
		expectReason(goes, v1alpha1.ReasonExpired)
		expectReason(stays, v1alpha1.ReasonExpired)

		op.clock.StopAt(noon.Add(30*time.Minute - time.Nanosecond))
		waitUntilQuiet()
		Expect(gone(goes)()).To(BeFalse())
		op.clock.StopAt(noon.Add(30*time.Minute + time.Millisecond))
		Eventually(gone(goes)).Should(BeTrue())
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		op.clock.StopAt(noon.AddDate(0, 0, 30))
		waitUntilQuiet()
		expectReason(stays, v1alpha1.ReasonExpired)
	})
})
