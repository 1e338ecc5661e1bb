package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Window is from when until when an object gives what it gives.
type Window struct {
	// startsAt is when it begins, in the past or the future, as in 2030-01-31T08:00:00Z. Left out: it begins when it
	// is created. Null is refused. It can't be set, changed or removed later.
	// +optional
	// +nullable
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('2000-01-01T00:00:00Z') && self < timestamp('3000-01-01T00:00:00Z')",message="must be in the years 2000 to 2999"
	StartsAt *metav1.Time `json:"startsAt,omitempty"`

	// expiresAt is when it ends by itself, as in 2030-01-31T17:00:00Z: from this instant on, nothing is given. It must
	// be after startsAt. One in the past is accepted, and the object is expired. Left out: it holds until it is
	// deleted. Null is refused.
	// +optional
	// +nullable
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('2000-01-01T00:00:00Z') && self < timestamp('3000-01-01T00:00:00Z')",message="must be in the years 2000 to 2999"
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// WindowStatus is where in its window an object is.
type WindowStatus struct {
	// phase is Pending before startsAt, Active from then on, and Expired from expiresAt on. Empty where the spec has
	// neither. Whether anything is given while it is Active is said by inForce.
	// +optional
	Phase GrantPhase `json:"phase,omitempty"`

	// expiresAt is the deadline (UTC). Empty where there is none.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// WindowOf is the window of an object, and what its status says about it; nil for kinds whose objects have none.
func WindowOf(object Object) (*Window, *WindowStatus) {
	switch o := object.(type) {
	case *RoleAssignment:
		return &o.Spec.Window, &o.Status.WindowStatus
	case *PermissionGrant:
		return &o.Spec.Window, &o.Status.WindowStatus
	case *GroupMembership:
		return &o.Spec.Window, &o.Status.WindowStatus
	}
	return nil, nil
}
