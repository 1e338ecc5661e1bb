package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GroupRole is what someone is in a group.
// +kubebuilder:validation:Enum=Member;Admin
type GroupRole string

// The roles in a group. An admin is a member too.
const (
	GroupMember GroupRole = "Member"
	GroupAdmin  GroupRole = "Admin"
)

// ConfigurableMode says which of a group's configurable permissions an admin has.
// +kubebuilder:validation:Enum=All;None;Custom
type ConfigurableMode string

// The modes.
const (
	ConfigurableAll    ConfigurableMode = "All"
	ConfigurableNone   ConfigurableMode = "None"
	ConfigurableCustom ConfigurableMode = "Custom"
)

// GroupMembershipSpec makes a user a member of a group.
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="must be after startsAt: choose a later deadline, or make another GroupMembership with an earlier start",fieldPath=".expiresAt"
// +kubebuilder:validation:XValidation:rule="has(self.startsAt) == has(oldSelf.startsAt) && (!has(self.startsAt) || self.startsAt == oldSelf.startsAt)",message="can't be set, changed or removed later: make another GroupMembership, and delete this one",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'startsAt' || field in dyn(self))",message="startsAt can't be null: write when it begins, or leave the field out to begin at once",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'expiresAt' || field in dyn(self))",message="expiresAt can't be null: write when it ends, or leave the field out to have no end",fieldPath=".expiresAt"
type GroupMembershipSpec struct {
	// user is the name of the User. It can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a User: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another GroupMembership, and delete this one"
	User string `json:"user"`

	// group is the name of the Group. It can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Group: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another GroupMembership, and delete this one"
	Group string `json:"group"`

	// role is Member or Admin. Left out: Member. An admin is a member too.
	// +optional
	// +kubebuilder:default=Member
	Role GroupRole `json:"role,omitempty"`

	// configurablePermissions say which of the group's configurable permissions an Admin has. They have
	// no effect on a Member. Left out: all.
	// +optional
	ConfigurablePermissions *ConfigurablePermissions `json:"configurablePermissions,omitempty"`

	Window `json:",inline"`
}

// ConfigurablePermissions choose among the configurable permissions of a group.
// +kubebuilder:validation:XValidation:rule="!has(self.overrides) || self.mode == 'Custom'",message="needs mode Custom: set it, or leave overrides out",fieldPath=".overrides"
type ConfigurablePermissions struct {
	// mode is All, None, or Custom: those in overrides as they say, and the others enabled.
	// +required
	Mode ConfigurableMode `json:"mode"`

	// overrides enable (true) and disable (false) permissions by name, with mode Custom. What is left
	// out is enabled. One that the group does not have is named in status.permissions. Names have at most
	// 256 characters.
	// +optional
	// +kubebuilder:validation:MaxProperties=100
	// +kubebuilder:validation:XValidation:rule="self.all(name, name.size() <= 256)",message="names have at most 256 characters"
	Overrides map[string]bool `json:"overrides,omitempty"`
}

// GroupMembershipStatus is what the operator has found.
type GroupMembershipStatus struct {
	CommonStatus `json:",inline"`
	WindowStatus `json:",inline"`

	// inForce says whether the user is a member now.
	// +optional
	// +kubebuilder:default=false
	InForce bool `json:"inForce"`

	// permissions are the group's configurable permissions and whether this admin has them, and the
	// overrides that are none of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Permissions []PermissionOutcome `json:"permissions,omitempty"`
}

// GroupMembership makes a User a member, or an admin, of a Group. There is one for a user and group:
// where there are more, the oldest holds.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=gm,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.group`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,priority=1
// +kubebuilder:printcolumn:name="In force",type=boolean,JSONPath=`.status.inForce`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.user`
// +kubebuilder:selectablefield:JSONPath=`.spec.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.role`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
type GroupMembership struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec GroupMembershipSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status GroupMembershipStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *GroupMembership) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *GroupMembership) Declared() any { return &o.Spec }

// GroupMembershipList is a list of GroupMemberships.
// +kubebuilder:object:root=true
type GroupMembershipList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GroupMembership `json:"items"`
}

func init() { register(&GroupMembership{}, &GroupMembershipList{}) }
