package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccessSubjects are Users and Groups of the namespace.
// +kubebuilder:validation:XValidation:rule="has(self.users) && self.users.size() > 0 || has(self.groups) && self.groups.size() > 0",message="name at least one User or Group"
type AccessSubjects struct {
	// users are the names of up to 100 Users, who may be declared later. Left out: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a User: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Users []string `json:"users,omitempty"`

	// groups are the names of up to 100 Groups, which may be declared later: their members are meant. Left out: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Group: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Groups []string `json:"groups,omitempty"`
}

// AccessApprovals say who decides about a request, and how many have to approve.
type AccessApprovals struct {
	// count is how many different people have to approve, 1 to 10. Left out: 1. One that denies is enough to deny.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	Count int32 `json:"count,omitempty"`

	// from are the deciders. Whoever is in a group until a deadline only does not decide, and nobody decides about
	// their own request: see docs/access.md.
	// +required
	From AccessSubjects `json:"from"`

	// within is how long a request waits to be decided, from its creation, as in P1D or 8h. Left out: 24 hours.
	// What is not decided by then has expired.
	// +optional
	// +kubebuilder:default=PT24H
	Within Duration `json:"within,omitempty"`
}

// AccessPolicySpec says who may ask for what.
// +kubebuilder:validation:XValidation:rule="has(self.roles) && self.roles.size() > 0 || has(self.permissions) && self.permissions.size() > 0",message="offer something: name at least one entry in roles or permissions"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'approvals' || field in dyn(self))",message="approvals can't be null: say who decides, or leave the field out to have nobody asked",fieldPath=".approvals"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'requiredTags' || field in dyn(self))",message="requiredTags can't be null: name at least one, or leave the field out to require none",fieldPath=".requiredTags"
type AccessPolicySpec struct {
	// description says for people what the policy is for: up to 1024 characters. Left out: nothing is said.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// requesters are who may ask.
	// +required
	Requesters AccessSubjects `json:"requesters"`

	// roles are the names of up to 50 Roles that may be asked for. Left out: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Role: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Roles []string `json:"roles,omitempty"`

	// permissions are up to 50 permissions that may be asked for, under these conditions or narrower ones. Left out:
	// none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Permissions PermissionEntries `json:"permissions,omitempty"`

	// scopes are where: 1 to 50, each with everywhere below it. {} is the whole organization.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	Scopes []Scope `json:"scopes"`

	// maxDuration is for how long at most, as in PT4H.
	// +required
	MaxDuration Duration `json:"maxDuration"`

	// requiredTags are the keys of up to 5 tags that a request must have with a value, as in ticket. Left out: none,
	// so an empty list and null are refused.
	// +optional
	// +nullable
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[A-Za-z0-9_ ]+$')",message="a tag's key has 1 to 63 ASCII letters, digits, underscores and blanks"
	RequiredTags []string `json:"requiredTags,omitempty"`

	// approvals are who decides. Left out: nobody is asked, and a request is in force at once. Null is refused.
	// +optional
	// +nullable
	Approvals *AccessApprovals `json:"approvals,omitempty"`

	// onlyByName means that the policy is used only by requests that name it in spec.policy, as is right for access in
	// an emergency. Left out: it is used by any request that it allows.
	// +optional
	OnlyByName bool `json:"onlyByName,omitempty"`
}

// AccessPolicyStatus is what the operator has found.
type AccessPolicyStatus struct {
	CommonStatus `json:",inline"`
}

// AccessPolicy says who may ask for which roles or permissions, where, for how long, and who decides. It gives
// nothing by itself, and its author must hold for good all that it offers.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=accesspolicies,shortName=apol,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Roles",type=string,JSONPath=`.spec.roles`
// +kubebuilder:printcolumn:name="Permissions",type=string,JSONPath=`.spec.permissions[*].permission`,priority=1
// +kubebuilder:printcolumn:name="For at most",type=string,JSONPath=`.spec.maxDuration`
// +kubebuilder:printcolumn:name="Approvals",type=integer,JSONPath=`.spec.approvals.count`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters: choose a shorter name",fieldPath=".metadata"
type AccessPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec AccessPolicySpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccessPolicyStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *AccessPolicy) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *AccessPolicy) Declared() any { return &o.Spec }

// AccessPolicyList is a list of AccessPolicies.
// +kubebuilder:object:root=true
type AccessPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessPolicy `json:"items"`
}

func init() { register(&AccessPolicy{}, &AccessPolicyList{}) }
