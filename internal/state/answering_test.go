package state_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// inCluster is an object as the API server may give it: stamped, with a status, and with what nobody here reads.
func (m maker) inCluster(object client.Object, version int) client.Object {
	o, ok := object.(v1alpha1.Object)
	if !ok {
		return object
	}
	o.SetUID(types.UID(fmt.Sprint("uid-of-", o.GetName(), m.IntN(2))))
	o.SetResourceVersion(fmt.Sprint(version))
	o.SetGeneration(int64(1 + m.IntN(2)))
	o.SetFinalizers([]string{v1alpha1.Finalizer})
	o.SetLabels(map[string]string{"team": "a"})
	o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
	annotations := map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"}
	if _, all := o.(*v1alpha1.Organization); m.oneIn(12) && (!all || m.oneIn(3)) {
		annotations[v1alpha1.AnnotationPaused] = "true"
	}
	if m.oneIn(4) {
		annotations[v1alpha1.AnnotationConfirmed] = "true"
	}
	if !m.oneIn(4) {
		author := policy.Author{Username: pick(m, "s0", "s1", "admin"), Subject: pick(m, "s0", "s1"), Verb: pick(m, "", "bind", "bind"), Generation: int64(1 + m.IntN(2))}
		if m.oneIn(3) {
			author.User = &policy.MeantUser{UID: "uid-of-u10", Subject: pick(m, "s0", "s1")}
		}
		stamp, err := author.Stamp()
		if err != nil {
			panic(err)
		}
		annotations[v1alpha1.AnnotationAuthor] = stamp
	}
	o.SetAnnotations(annotations)
	status := o.CommonStatus()
	status.ObservedGeneration = int64(m.IntN(3))
	for _, is := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionPaused, v1alpha1.ConditionReconciling} {
		if m.oneIn(2) {
			status.Conditions = append(status.Conditions, metav1.Condition{
				Type: is, Status: pick(m, metav1.ConditionTrue, metav1.ConditionFalse), Message: "something", ObservedGeneration: 1,
				Reason: pick(m, v1alpha1.ReasonInForce, v1alpha1.ReasonNotHeld, v1alpha1.ReasonNameNotConfirmed, v1alpha1.ReasonPending),
			})
		}
	}
	if m.oneIn(3) {
		status.Judged = &v1alpha1.Judged{Generation: int64(1 + m.IntN(2)), UIDs: []types.UID{types.UID(fmt.Sprint("uid-of-u0", m.IntN(2)))}}
	}
	if m.oneIn(12) {
		status.Held = &v1alpha1.Held{}
	}
	if a, ok := o.(*v1alpha1.RoleAssignment); ok {
		a.Status.InForce = m.oneIn(2)
	}
	return object
}

// said is an outcome, with no more of an object that stands than what counts of it.
func said(o state.Outcome) []any {
	var stands any
	if o.Paused != nil {
		paused := *o.Paused
		if paused.Effective != nil {
			paused.Effective, stands = nil, paused.Effective.Declared()
		}
		o.Paused = &paused
	}
	return []any{o, stands}
}

// A replica that only answers keeps less of objects than one that may lead, and says the same.
func TestWhoeverOnlyAnswersSaysTheSame(t *testing.T) {
	outcomes, held, histories := map[string]int{}, 0, 0
	for seed := range seeds.Of(t, 40) {
		m := maker{rand.New(rand.NewPCG(seed, seed))}
		clock := clocktesting.NewFakePassiveClock(epoch)
		whole, answering := state.New(limits, clock), state.New(limits, clock).OnlyAnswering()
		var reducer state.Reducer
		refs := map[kinds.Ref]bool{}
		version := 0
		put := func(objects ...client.Object) {
			for _, object := range objects {
				version++
				object = m.inCluster(object, version)
				refs[kinds.RefOf(object)] = true
				whole.Follow(nil, copies(object)...)
				if ours, ok := object.(v1alpha1.Object); ok {
					reducer.Reduce(ours)
				}
				answering.Follow(nil, object)
			}
		}
		put(m.beginning()...)
		for step := range 60 {
			switch m.IntN(8) {
			case 0:
				all := slices.SortedFunc(maps.Keys(refs), func(a, b kinds.Ref) int { return a.Compare(b) })
				ref := all[m.IntN(len(all))]
				whole.Remove(ref)
				answering.Remove(ref)
			case 1:
				told := whole.History()
				whole.FollowHistory(told)
				answering.FollowHistory(told)
			default:
				put(m.object())
			}
			for ref := range refs {
				want, known := whole.Outcome(ref)
				got, knows := answering.Outcome(ref)
				if known != knows || !reflect.DeepEqual(said(want), said(got)) {
					t.Fatalf("seed %d, step %d: %v: a replica that only answers says %t %+v (%+v), want %t %+v (%+v)", seed, step, ref, knows, got, got.Paused, known, want, want.Paused)
				}
				outcomes[want.Reason]++
				if ref.Kind != kinds.User {
					continue
				}
				want2, got2 := whole.HeldAnywhere(ref.Key()), answering.HeldAnywhere(ref.Key())
				if held += len(want2); !reflect.DeepEqual(want2, got2) {
					t.Fatalf("seed %d, step %d: %v: a replica that only answers says that they hold %+v, want %+v", seed, step, ref, got2, want2)
				}
			}
			want, got := whole.History(), answering.History()
			if histories += len(want); !want.Equal(got) {
				t.Fatalf("seed %d, step %d: it goes by %v, want %v", seed, step, got, want)
			}
			for _, organization := range []string{"acme", "zoo"} {
				_, same := whole.SameHistory(organization)
				if _, is := answering.SameHistory(organization); is != same {
					t.Fatalf("seed %d, step %d: it answers about %s: %t, want %t", seed, step, organization, is, same)
				}
			}
		}
		if len(answering.DesiredTuples()) != 0 {
			t.Errorf("a replica that only answers keeps tuples")
		}
	}
	for _, reason := range []string{v1alpha1.ReasonInForce, v1alpha1.ReasonNotHeld, v1alpha1.ReasonNameNotConfirmed, v1alpha1.ReasonPaused, v1alpha1.ReasonOrganizationPaused} {
		if outcomes[reason] == 0 {
			t.Errorf("%s never came up, of %v", reason, outcomes)
		}
	}
	if held < 500 || histories < 100 {
		t.Errorf("users held only %d permissions, and it went by history only %d times", held, histories)
	}
}

func TestAReducedObjectHasNoMoreThanWhatIsRead(t *testing.T) {
	var reducer state.Reducer
	made := func(name string) *v1alpha1.RoleAssignment {
		a := build.RoleAssignment("acme", name).Gives("editor").ToUser("alice").InProject("prod", "vision").Obj()
		a.UID, a.ResourceVersion, a.Generation, a.GenerateName = types.UID("uid-of-"+name), "7", 3, "a-"
		a.Finalizers = []string{v1alpha1.Finalizer}
		a.Labels = map[string]string{"team": "a"}
		a.OwnerReferences = []metav1.OwnerReference{{Name: "other"}}
		a.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
		a.Annotations = map[string]string{v1alpha1.AnnotationAuthor: `{"username":"bob"}`, "other": "something"}
		a.Status.InForce, a.Status.ObservedGeneration = true, 3
		a.Status.Held = &v1alpha1.Held{Spec: &runtime.RawExtension{Raw: []byte("{}")}}
		a.Status.Judged = &v1alpha1.Judged{Generation: 3}
		a.Status.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotHeld, Message: "long", ObservedGeneration: 3, LastTransitionTime: metav1.Now()},
			{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue},
		}
		return a
	}
	want := made("one")
	want.Labels, want.OwnerReferences, want.ManagedFields, want.GenerateName = nil, nil, nil, ""
	want.Annotations = map[string]string{v1alpha1.AnnotationAuthor: `{"username":"bob"}`}
	want.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotHeld}}
	one, other := made("one"), made("other")
	reducer.Reduce(one)
	reducer.Reduce(other)
	if !reflect.DeepEqual(one, want) {
		t.Errorf("it has %+v, want %+v", one, want)
	}
	if reflect.ValueOf(one.Annotations).Pointer() != reflect.ValueOf(other.Annotations).Pointer() {
		t.Error("two objects with the same stamp have it twice")
	}
	if unsafe.SliceData(one.Status.Conditions) != unsafe.SliceData(other.Status.Conditions) { //nolint:gosec // nothing is read through it
		t.Error("two objects with the same conditions have them twice")
	}
	different, paused := made("different"), made("paused")
	different.Annotations[v1alpha1.AnnotationAuthor] = `{"username":"carol"}`
	different.Status.Conditions[0].Reason = v1alpha1.ReasonInForce
	paused.Annotations[v1alpha1.AnnotationPaused] = "true"
	reducer.Reduce(different)
	reducer.Reduce(paused)
	if different.Annotations[v1alpha1.AnnotationAuthor] == one.Annotations[v1alpha1.AnnotationAuthor] || different.Status.Conditions[0] == one.Status.Conditions[0] {
		t.Errorf("%+v has the stamp or the conditions of another object", different)
	}
	if len(paused.Annotations) != 2 || len(one.Annotations) != 1 {
		t.Errorf("the annotations of one that is paused are %v, and of one that is not %v", paused.Annotations, one.Annotations)
	}
}
