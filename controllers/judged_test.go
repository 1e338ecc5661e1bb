package controllers

import (
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// Replicas that do not lead go by the record. Whoever sees Ready may ask any of them, so all have to know the record first.
func TestWhoWasJudgedIsRecordedBeforeAnythingIsSaid(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	granted := build.PermissionGrant("acme", "g").ToUser("bob").Grants("App:View").Obj()
	granted.Generation = 1
	r := &reconciler{
		kind:     kinds.PermissionGrant,
		client:   fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(granted).WithObjects(granted).Build(),
		engine:   engine.New(engine.Options{Clock: clock.RealClock{}, Log: logr.Discard()}),
		recorder: events.NewFakeRecorder(10), clock: clock.RealClock{},
	}
	outcome := state.Outcome{
		Reason: v1alpha1.ReasonInForce, Ready: true, InForce: true, Judged: &v1alpha1.Judged{Generation: 1},
	}
	for look, ready := range []bool{false, true, true} {
		now := &v1alpha1.PermissionGrant{}
		if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(granted), now); err != nil {
			t.Fatal(err)
		}
		if _, err := r.report(t.Context(), now, outcome, nil); err != nil {
			t.Fatal(err)
		}
		if now.Status.Judged == nil || meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady) != ready {
			t.Errorf("[F9] look %d: the status says %+v", look, now.Status)
		}
	}
}
