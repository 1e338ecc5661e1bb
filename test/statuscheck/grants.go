package statuscheck

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// outcomes: a grant says of each of its entries what became of it, unless a fault of the whole object or
// its end leaves nothing to say, and that agrees with the rest of its status.
func outcomes(object v1alpha1.Object) error {
	var entries []v1alpha1.PermissionEntry
	var results []v1alpha1.PermissionOutcome
	var inForce bool
	switch o := object.(type) {
	case *v1alpha1.PermissionGrant:
		entries, results, inForce = o.Spec.Permissions, o.Status.Permissions, o.Status.InForce
	case *v1alpha1.TemporaryPermissionGrant:
		entries = []v1alpha1.PermissionEntry{o.Spec.PermissionGrant}
		results, inForce = o.Status.Permissions, o.Status.InForce
	default:
		return nil
	}
	reason := readyReason(object)
	switch reason {
	case v1alpha1.ReasonStoreUnavailable, v1alpha1.ReasonPaused, v1alpha1.ReasonOrganizationPaused:
		return nil // they are about the spec as it was before
	}
	var broken []error
	granted := 0
	for i, result := range results {
		if result.Granted {
			granted++
		}
		if result.Granted != (result.Reason == v1alpha1.ReasonGranted) {
			broken = append(broken, fmt.Errorf("permissions[%d]: granted is %t, with reason %s", i, result.Granted, result.Reason))
		}
		if !slices.Contains(entryReasons, result.Reason) {
			broken = append(broken, fmt.Errorf("permissions[%d]: %q is not a reason of an entry", i, result.Reason))
		}
		if !result.Granted && result.Message == "" {
			broken = append(broken, fmt.Errorf("permissions[%d]: there is no message", i))
		}
	}
	if len(results) > 0 && !slices.EqualFunc(entries, results, func(entry v1alpha1.PermissionEntry, result v1alpha1.PermissionOutcome) bool {
		return entry.Permission == result.Permission
	}) {
		broken = append(broken, errors.New("permissions are not those of the spec, in the same order"))
	}
	switch {
	case inForce && granted == 0:
		broken = append(broken, errors.New("inForce is true, and no permission is granted"))
	case slices.Contains(allGranted, reason) && (len(results) == 0 || granted < len(results)):
		broken = append(broken, fmt.Errorf("%d of %d permissions are granted, and Ready has the reason %s", granted, len(results), reason))
	case slices.Contains(notAllGranted, reason) && granted == len(results):
		broken = append(broken, fmt.Errorf("no permission is refused, and Ready has the reason %s", reason))
	}
	return errors.Join(broken...)
}

var (
	// entryReasons are what can become of an entry.
	entryReasons = []string{
		v1alpha1.ReasonGranted,
		v1alpha1.ReasonPermissionNotFound,
		v1alpha1.ReasonAttributeNotFound,
		v1alpha1.ReasonValueInvalid,
		v1alpha1.ReasonPermissionOfOtherType,
		v1alpha1.ReasonConditionTooExpensive,
		v1alpha1.ReasonContextTooLarge,
	}
	// allGranted are the reasons of a grant whose every entry is right.
	allGranted = []string{v1alpha1.ReasonInForce, v1alpha1.ReasonPending}
	// notAllGranted are the reasons of a grant with an entry that is wrong.
	notAllGranted = []string{v1alpha1.ReasonPermissionsInvalid, v1alpha1.ReasonConditionTooExpensive, v1alpha1.ReasonContextTooLarge}
)

// lifetime: a temporary grant that has been observed says when it begins and ends and where in its life
// it is, and that agrees with the rest of its status.
func lifetime(object v1alpha1.Object) error {
	grant, ok := object.(*v1alpha1.TemporaryPermissionGrant)
	if !ok {
		return nil
	}
	status, reason := grant.Status, readyReason(object)
	var broken []error
	if status.InForce && status.Phase != v1alpha1.PhaseActive {
		broken = append(broken, fmt.Errorf("inForce is true in phase %q", status.Phase))
	}
	if reason == v1alpha1.ReasonDurationInvalid || slices.Contains(aboutEarlierSpec, reason) {
		return errors.Join(broken...)
	}
	if status.StartsAt == nil || status.ExpiresAt == nil || status.Phase == "" {
		return errors.Join(append(broken, errors.New("startsAt, expiresAt and phase are not all there"))...)
	}
	broken = append(broken, phaseAgrees(status.Phase, reason))
	// One that was made after its deadline has expired before it began.
	if status.Phase != v1alpha1.PhaseExpired && status.ExpiresAt.Before(status.StartsAt) {
		broken = append(broken, fmt.Errorf("it expires at %s and starts at %s", status.ExpiresAt, status.StartsAt))
	}
	return errors.Join(broken...)
}

// aboutEarlierSpec are the reasons with which a status may be about the spec as it was before; empty is none.
var aboutEarlierSpec = []string{
	"", v1alpha1.ReasonStoreUnavailable, v1alpha1.ReasonPaused, v1alpha1.ReasonOrganizationPaused, v1alpha1.ReasonBeingDeleted,
}

// window: an object that begins or ends by itself says where in its window it is, which agrees with its spec and with
// the rest of its status. One that holds for good says nothing of it.
func window(object v1alpha1.Object) error {
	written, status := v1alpha1.WindowOf(object)
	if written == nil {
		return nil
	}
	inForce, _, err := inForce(object)
	broken := []error{err}
	if inForce && status.Phase != "" && status.Phase != v1alpha1.PhaseActive {
		broken = append(broken, fmt.Errorf("inForce is true in phase %q", status.Phase))
	}
	reason := readyReason(object)
	if slices.Contains(aboutEarlierSpec, reason) {
		return errors.Join(broken...)
	}
	if forGood := *written == (v1alpha1.Window{}); forGood != (status.Phase == "") {
		broken = append(broken, fmt.Errorf("the phase is %q, and the spec has startsAt %v and expiresAt %v", status.Phase, written.StartsAt, written.ExpiresAt))
	}
	if want, got := written.ExpiresAt, status.ExpiresAt; (want == nil) != (got == nil) || want != nil && !got.Time.Equal(want.Time.Truncate(time.Second)) {
		broken = append(broken, fmt.Errorf("expiresAt is %v, and the spec says %v", got, want))
	}
	return errors.Join(append(broken, phaseAgrees(status.Phase, reason))...)
}

// phaseAgrees: a phase and the reason of Ready say the same. That something has ended is all there is to say of it.
func phaseAgrees(phase v1alpha1.GrantPhase, reason string) error {
	var broken []error
	for _, both := range []struct {
		phase  v1alpha1.GrantPhase
		reason string
	}{
		{v1alpha1.PhaseActive, v1alpha1.ReasonInForce},
		{v1alpha1.PhasePending, v1alpha1.ReasonPending},
		{v1alpha1.PhaseExpired, v1alpha1.ReasonExpired},
	} {
		forGood := both.phase == v1alpha1.PhaseActive && phase == ""
		if reason == both.reason && phase != both.phase && !forGood {
			broken = append(broken, fmt.Errorf("the phase is %s, and Ready has the reason %s", phase, reason))
		}
	}
	if phase == v1alpha1.PhaseExpired && reason != v1alpha1.ReasonExpired {
		broken = append(broken, fmt.Errorf("the phase is %s, and Ready has the reason %s", phase, reason))
	}
	return errors.Join(broken...)
}

// readyReason is empty where there is no condition Ready; oneReady says so.
func readyReason(object v1alpha1.Object) string {
	if ready := meta.FindStatusCondition(object.CommonStatus().Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ""
}
