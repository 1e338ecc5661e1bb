package statuscheck

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func condition(conditionType string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: "what to do",
		ObservedGeneration: 3, LastTransitionTime: metav1.NewTime(time.Unix(1, 0)),
	}
}

func assignment(inForce bool, conditions ...metav1.Condition) *v1alpha1.RoleAssignment {
	object := build.RoleAssignment("acme", "alice").Gives("editor").ToUser("alice").Obj()
	object.Generation = 3
	object.Status.ObservedGeneration = 3
	object.Status.InForce = inForce
	object.Status.Conditions = conditions
	return object
}

func ready(reason string) metav1.Condition { return condition("Ready", metav1.ConditionTrue, reason) }

func notReady(reason string) metav1.Condition {
	return condition("Ready", metav1.ConditionFalse, reason)
}

func abnormal(conditionType, reason string) metav1.Condition {
	return condition(conditionType, metav1.ConditionTrue, reason)
}

func with(object *v1alpha1.RoleAssignment, change func(*v1alpha1.RoleAssignmentStatus)) *v1alpha1.RoleAssignment {
	change(&object.Status)
	return object
}

func TestAcceptsWhatTheContractAllows(t *testing.T) {
	group := build.Group("acme", "crew").Obj()
	group.Generation = 3
	group.Status.ObservedGeneration = 3
	group.Status.Conditions = []metav1.Condition{ready("Valid")}

	admin := build.GroupMembership("acme", "alice-crew", "alice", "crew").As(v1alpha1.GroupAdmin).Obj()
	admin.Generation = 3
	admin.Status.ObservedGeneration = 3
	admin.Status.InForce = true
	admin.Status.Conditions = []metav1.Condition{notReady("PermissionsInvalid"), abnormal("Reconciling", "PermissionsInvalid")}

	for name, object := range map[string]v1alpha1.Object{
		"an admin with overrides that are none":    admin,
		"in force":                                 assignment(true, ready("InForce")),
		"ready without effect":                     assignment(false, ready("UserSuspended")),
		"waiting":                                  assignment(false, notReady("RoleNotFound"), abnormal("Reconciling", "RoleNotFound")),
		"wrong":                                    assignment(false, notReady("ScopeLevelNotAllowed"), abnormal("Stalled", "ScopeLevelNotAllowed")),
		"in force with bad entries":                assignment(true, notReady("PermissionsInvalid"), abnormal("Stalled", "PermissionsInvalid")),
		"in force until the store is back":         assignment(true, notReady("StoreUnavailable"), abnormal("Reconciling", "StoreUnavailable")),
		"in force while revocation is protected":   assignment(true, notReady("RevocationProtected"), abnormal("Stalled", "RevocationProtected")),
		"ready, with something else abnormal":      assignment(true, ready("InForce"), abnormal("StoreUnavailable", "StoreUnavailable")),
		"a kind that does not say what is inForce": group,
	} {
		t.Run(name, func(t *testing.T) {
			if err := Check(object); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusesWhatBreaksTheContract(t *testing.T) {
	good := func() *v1alpha1.RoleAssignment { return assignment(true, ready("InForce")) }

	for name, test := range map[string]struct {
		object *v1alpha1.RoleAssignment
		says   string
	}{
		"a status that the operator has not written": {
			build.RoleAssignment("acme", "alice").Obj(), "conditions Ready are []"},
		"an old generation at the top": {
			with(good(), func(s *v1alpha1.RoleAssignmentStatus) { s.ObservedGeneration = 2 }),
			"observedGeneration is 2, the object's generation is 3"},
		"an old generation on Ready": {
			with(good(), func(s *v1alpha1.RoleAssignmentStatus) { s.Conditions[0].ObservedGeneration = 2 }),
			"Ready: observedGeneration is 2"},
		"an old generation on another condition": {
			with(assignment(false, notReady("RoleNotFound"), abnormal("Reconciling", "RoleNotFound")),
				func(s *v1alpha1.RoleAssignmentStatus) { s.Conditions[1].ObservedGeneration = 0 }),
			"Reconciling: observedGeneration is 0"},
		"no Ready": {
			assignment(false, abnormal("Stalled", "RoleInvalid")), "conditions Ready are []"},
		"two Ready": {
			assignment(true, ready("InForce"), ready("InForce")), `conditions Ready are ["True" "True"]`},
		"an unknown Ready": {
			assignment(false, condition("Ready", metav1.ConditionUnknown, "RoleNotFound"), abnormal("Reconciling", "RoleNotFound")),
			`conditions Ready are ["Unknown"]`},
		"ready and reconciling": {
			assignment(true, ready("InForce"), abnormal("Reconciling", "RoleNotFound")), "neither Reconciling nor Stalled"},
		"ready and stalled": {
			assignment(true, ready("InForce"), abnormal("Stalled", "RoleNotFound")), "neither Reconciling nor Stalled"},
		"not ready without saying what comes next": {
			assignment(false, notReady("RoleNotFound")), "either Reconciling or Stalled"},
		"not ready, reconciling and stalled": {
			assignment(false, notReady("RoleNotFound"), abnormal("Reconciling", "RoleNotFound"), abnormal("Stalled", "RoleNotFound")),
			"either Reconciling or Stalled"},
		"a Stalled that is kept around": {
			assignment(true, ready("InForce"), condition("Stalled", metav1.ConditionFalse, "InForce")), "Stalled is False"},
		"a Reconciling that is unknown": {
			assignment(false, notReady("RoleNotFound"), condition("Reconciling", metav1.ConditionUnknown, "RoleNotFound")),
			"Reconciling is Unknown"},
		"an abnormal condition of another type that is kept around": {
			assignment(true, ready("InForce"), condition("StoreUnavailable", metav1.ConditionFalse, "StoreUnavailable")),
			"StoreUnavailable is False"},
		"an unknown reason": {
			assignment(true, ready("AllGood")), `Ready: "AllGood" is not a reason of the API`},
		"an unknown reason of another condition": {
			assignment(false, notReady("RoleNotFound"), abnormal("Reconciling", "Progressing")),
			`Reconciling: "Progressing" is not a reason of the API`},
		"no message": {
			with(good(), func(s *v1alpha1.RoleAssignmentStatus) { s.Conditions[0].Message = "" }), "Ready: there is no message"},
		"no transition time": {
			with(good(), func(s *v1alpha1.RoleAssignmentStatus) { s.Conditions[0].LastTransitionTime = metav1.Time{} }),
			"Ready: there is no lastTransitionTime"},
		"in force without its role": {
			assignment(true, notReady("RoleNotFound"), abnormal("Reconciling", "RoleNotFound")),
			"inForce is true, and Ready is False with reason RoleNotFound"},
		"in force and suspended": {
			assignment(true, ready("UserSuspended")), "inForce is true, and Ready is True with reason UserSuspended"},
		"the reason InForce and not in force": {
			assignment(false, ready("InForce")), "inForce is false"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(test.object)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v\ndoes not say %q", err, test.says)
			}
			if !strings.Contains(err.Error(), "RoleAssignment acme/alice") {
				t.Errorf("%v\ndoes not name the object", err)
			}
		})
	}
}
