package statuscheck

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var (
	granted   = v1alpha1.PermissionOutcome{Permission: "edit", Granted: true, Reason: "Granted"}
	unknown   = v1alpha1.PermissionOutcome{Permission: "edit", Reason: "PermissionNotFound", Message: "what to do"}
	expensive = v1alpha1.PermissionOutcome{Permission: "edit", Reason: "ConditionTooExpensive", Message: "what to do"}
)

// grantOf has an entry for each outcome.
func grantOf(inForce bool, outcomes []v1alpha1.PermissionOutcome, conditions ...metav1.Condition) *v1alpha1.PermissionGrant {
	b := build.PermissionGrant("acme", "g").ToUser("alice")
	for range max(len(outcomes), 1) {
		b.Grants("edit")
	}
	object := b.Obj()
	object.Generation = 3
	object.Status = v1alpha1.PermissionGrantStatus{
		CommonStatus: v1alpha1.CommonStatus{ObservedGeneration: 3, Conditions: conditions},
		InForce:      inForce,
		Permissions:  outcomes,
	}
	return object
}

// temporary is a grant of an hour in a phase of its life.
func temporary(phase v1alpha1.GrantPhase, inForce bool, outcomes []v1alpha1.PermissionOutcome, conditions ...metav1.Condition) *v1alpha1.TemporaryPermissionGrant {
	object := build.TemporaryPermissionGrant("acme", "g").ToUser("alice").Grants("edit").For("PT1H").Obj()
	object.Generation = 3
	object.Status = v1alpha1.TemporaryPermissionGrantStatus{
		CommonStatus: v1alpha1.CommonStatus{ObservedGeneration: 3, Conditions: conditions},
		Phase:        phase,
		StartsAt:     &metav1.Time{Time: time.Unix(0, 0)},
		ExpiresAt:    &metav1.Time{Time: time.Unix(3600, 0)},
		InForce:      inForce,
		Permissions:  outcomes,
	}
	return object
}

// lasting is an assignment with a start and a deadline.
func lasting(phase v1alpha1.GrantPhase, inForce bool, conditions ...metav1.Condition) *v1alpha1.RoleAssignment {
	object := build.RoleAssignment("acme", "a").Gives("editor").ToUser("alice").From(time.Unix(0, 0)).Until(time.Unix(3600, 0)).Obj()
	object.Generation = 3
	object.Status = v1alpha1.RoleAssignmentStatus{
		CommonStatus: v1alpha1.CommonStatus{ObservedGeneration: 3, Conditions: conditions},
		WindowStatus: v1alpha1.WindowStatus{Phase: phase, ExpiresAt: &metav1.Time{Time: time.Unix(3600, 0)}},
		InForce:      inForce,
	}
	return object
}

func changed(object *v1alpha1.RoleAssignment, change func(*v1alpha1.RoleAssignment)) *v1alpha1.RoleAssignment {
	change(object)
	return object
}

func without(object *v1alpha1.TemporaryPermissionGrant, remove func(*v1alpha1.TemporaryPermissionGrantStatus)) *v1alpha1.TemporaryPermissionGrant {
	remove(&object.Status)
	return object
}

func each(outcomes ...v1alpha1.PermissionOutcome) []v1alpha1.PermissionOutcome { return outcomes }

func TestAcceptsWhatTheContractAllowsOfGrants(t *testing.T) {
	waiting := func(reason string) []metav1.Condition {
		return []metav1.Condition{notReady(reason), abnormal("Reconciling", reason)}
	}
	wrong := func(reason string) []metav1.Condition {
		return []metav1.Condition{notReady(reason), abnormal("Stalled", reason)}
	}
	for name, object := range map[string]v1alpha1.Object{
		"all in force":                       grantOf(true, each(granted, granted), ready("InForce")),
		"some in force":                      grantOf(true, each(unknown, granted), waiting("PermissionsInvalid")...),
		"none in force":                      grantOf(false, each(unknown), waiting("PermissionsInvalid")...),
		"some in force, one too expensive":   grantOf(true, each(granted, expensive), wrong("ConditionTooExpensive")...),
		"the user suspended":                 grantOf(false, nil, ready("UserSuspended")),
		"the group missing":                  grantOf(false, nil, waiting("GroupNotFound")...),
		"edited while the store is down":     grantOf(true, each(granted, granted, granted), waiting("StoreUnavailable")...),
		"active":                             temporary("Active", true, each(granted), ready("InForce")),
		"pending":                            temporary("Pending", false, each(granted), ready("Pending")),
		"expired":                            temporary("Expired", false, nil, ready("Expired")),
		"active, and the user suspended":     temporary("Active", false, nil, ready("UserSuspended")),
		"pending, and the user suspended":    temporary("Pending", false, nil, ready("UserSuspended")),
		"active, and the permission unknown": temporary("Active", false, each(unknown), waiting("PermissionsInvalid")...),
		"pending, and the user missing":      temporary("Pending", false, nil, waiting("UserNotFound")...),
		"active while the store is down":     temporary("Active", true, each(granted), waiting("StoreUnavailable")...),
		"an assignment, active":              lasting("Active", true, ready("InForce")),
		"an assignment, pending":             lasting("Pending", false, ready("Pending")),
		"an assignment, expired":             lasting("Expired", false, ready("Expired")),
		"active, and the role missing":       lasting("Active", false, waiting("RoleNotFound")...),
		"pending, and the role missing":      lasting("Pending", false, waiting("RoleNotFound")...),
		"deleted, and held by others": changed(lasting("", false, waiting("BeingDeleted")...), func(a *v1alpha1.RoleAssignment) {
			a.Status.ExpiresAt = nil
		}),
		"begun, and protected": changed(lasting("Active", true, wrong("RevocationProtected")...), func(a *v1alpha1.RoleAssignment) {
			a.Spec.ExpiresAt, a.Status.ExpiresAt = nil, nil
		}),
		"an end that waits for the store": changed(lasting("", true, waiting("StoreUnavailable")...), func(a *v1alpha1.RoleAssignment) {
			a.Status.ExpiresAt = nil
		}),
		"for good": changed(lasting("", true, ready("InForce")), func(a *v1alpha1.RoleAssignment) {
			a.Spec.Window, a.Status.ExpiresAt = v1alpha1.Window{}, nil
		}),
		"of no length": without(temporary("", false, nil, wrong("DurationInvalid")...), func(s *v1alpha1.TemporaryPermissionGrantStatus) {
			s.StartsAt, s.ExpiresAt = nil, nil
		}),
		"made while the store is down": without(temporary("", false, nil, waiting("StoreUnavailable")...), func(s *v1alpha1.TemporaryPermissionGrantStatus) {
			s.StartsAt, s.ExpiresAt = nil, nil
		}),
		"made after its deadline": without(temporary("Expired", false, nil, ready("Expired")), func(s *v1alpha1.TemporaryPermissionGrantStatus) {
			s.StartsAt = &metav1.Time{Time: time.Unix(7200, 0)}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			if err := Check(object); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusesWhatBreaksTheContractOfGrants(t *testing.T) {
	active := func() *v1alpha1.TemporaryPermissionGrant {
		return temporary("Active", true, each(granted), ready("InForce"))
	}
	other := granted
	other.Permission = "view"
	silent := unknown
	silent.Message = ""
	strange := unknown
	strange.Reason = "Refused"

	for name, test := range map[string]struct {
		object v1alpha1.Object
		says   string
	}{
		"in force with nothing granted": {
			grantOf(true, each(unknown), notReady("PermissionsInvalid"), abnormal("Stalled", "PermissionsInvalid")), "no permission is granted"},
		"the reason InForce without outcomes": {
			grantOf(true, nil, ready("InForce")), "no permission is granted"},
		"the reason InForce beside a bad entry": {
			grantOf(true, each(granted, unknown), ready("InForce")), "1 of 2 permissions are granted"},
		"the reason PermissionsInvalid without a bad entry": {
			grantOf(true, each(granted), notReady("PermissionsInvalid"), abnormal("Stalled", "PermissionsInvalid")), "no permission is refused"},
		"outcomes of other permissions": {
			grantOf(true, each(granted, other), ready("InForce")), "permissions are not those of the spec"},
		"granted with the reason of a fault": {
			grantOf(true, each(granted, v1alpha1.PermissionOutcome{Permission: "edit", Granted: true, Reason: "ValueInvalid"}), ready("InForce")),
			"permissions[1]: granted is true, with reason ValueInvalid"},
		"a bad entry without a message": {
			grantOf(false, each(silent), notReady("PermissionsInvalid"), abnormal("Stalled", "PermissionsInvalid")), "permissions[0]: there is no message"},
		"an unknown reason of an entry": {
			grantOf(false, each(strange), notReady("PermissionsInvalid"), abnormal("Stalled", "PermissionsInvalid")),
			`permissions[0]: "Refused" is not a reason of an entry`},
		"in force before it begins": {
			temporary("Pending", true, each(granted), ready("InForce")), `inForce is true in phase "Pending"`},
		"in force after its end": {
			temporary("Expired", true, each(granted), notReady("StoreUnavailable"), abnormal("Reconciling", "StoreUnavailable")),
			`inForce is true in phase "Expired"`},
		"in force and Pending": {
			temporary("Active", true, each(granted), ready("Pending")), "the phase is Active, and Ready has the reason Pending"},
		"Expired before its end": {
			temporary("Active", false, nil, ready("Expired")), "the phase is Active, and Ready has the reason Expired"},
		"something else to say after its end": {
			temporary("Expired", false, nil, notReady("UserNotFound"), abnormal("Reconciling", "UserNotFound")),
			"the phase is Expired, and Ready has the reason UserNotFound"},
		"no phase": {
			without(temporary("Active", false, nil, ready("UserSuspended")), func(s *v1alpha1.TemporaryPermissionGrantStatus) { s.Phase = "" }),
			"startsAt, expiresAt and phase are not all there"},
		"no start": {
			without(active(), func(s *v1alpha1.TemporaryPermissionGrantStatus) { s.StartsAt = nil }), "are not all there"},
		"no deadline": {
			without(active(), func(s *v1alpha1.TemporaryPermissionGrantStatus) { s.ExpiresAt = nil }), "are not all there"},
		"an assignment in force before it begins": {lasting("Pending", true, ready("InForce")), `inForce is true in phase "Pending"`},
		"an assignment in force after its end": {
			lasting("Expired", true, notReady("StoreUnavailable"), abnormal("Reconciling", "StoreUnavailable")), `inForce is true in phase "Expired"`},
		"an assignment that expired before its end": {lasting("Active", false, ready("Expired")), "the phase is Active, and Ready has the reason Expired"},
		"something else to say of an assignment after its end": {
			lasting("Expired", false, notReady("RoleNotFound"), abnormal("Reconciling", "RoleNotFound")), "the phase is Expired, and Ready has the reason RoleNotFound"},
		"an assignment with an end and no phase": {lasting("", true, ready("InForce")), `the phase is ""`},
		"another deadline than is written": {
			changed(lasting("Active", true, ready("InForce")), func(a *v1alpha1.RoleAssignment) { a.Status.ExpiresAt = &metav1.Time{Time: time.Unix(3601, 0)} }), "expiresAt is"},
		"no deadline where one is written": {
			changed(lasting("Active", true, ready("InForce")), func(a *v1alpha1.RoleAssignment) { a.Status.ExpiresAt = nil }), "expiresAt is"},
		"a phase of what holds for good": {
			changed(lasting("Active", true, ready("InForce")), func(a *v1alpha1.RoleAssignment) { a.Spec.Window, a.Status.ExpiresAt = v1alpha1.Window{}, nil }), `the phase is "Active"`},
		"a deadline before the start": {
			without(active(), func(s *v1alpha1.TemporaryPermissionGrantStatus) { s.ExpiresAt = &metav1.Time{Time: time.Unix(-1, 0)} }), "it expires at"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(test.object)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v\ndoes not say %q", err, test.says)
			}
		})
	}
}

func TestKStatusReadsTheConventionsOfGrants(t *testing.T) {
	for name, object := range map[string]v1alpha1.Object{
		"in force":      grantOf(true, each(granted), ready("InForce")),
		"pending":       temporary("Pending", false, each(granted), ready("Pending")),
		"active":        temporary("Active", true, each(granted), ready("InForce")),
		"expired [K15]": temporary("Expired", false, nil, ready("Expired")),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := KStatus(object)
			if err != nil {
				t.Fatal(err)
			}
			if got != Current {
				t.Errorf("got %s, want %s", got, Current)
			}
		})
	}
}
