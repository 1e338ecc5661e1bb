package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FrontendView is the surface of the application that a role is made for.
// +kubebuilder:validation:Enum=Client;Admin
type FrontendView string

// The frontend views.
const (
	ViewClient FrontendView = "Client"
	ViewAdmin  FrontendView = "Admin"
)

// RoleType says what a role is for.
// +kubebuilder:validation:Enum=Standard;Base;Share
type RoleType string

// The types of roles.
const (
	// RoleStandard is assigned to people and groups at an organization, workspace or project.
	RoleStandard RoleType = "Standard"
	// RoleBase is a building block for other roles.
	RoleBase RoleType = "Base"
	// RoleShare shares one object: it is assigned at a resource, and nowhere else.
	RoleShare RoleType = "Share"
)

// RoleSpec declares a named set of permissions.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field in dyn(self))",message="assignableAt can't be null: name the levels, or leave the field out to allow all that the type allows",fieldPath=".assignableAt"
// +kubebuilder:validation:XValidation:rule="!has(self.assignableAt) || (self.type == 'Share' ? self.assignableAt.all(l, l == 'Resource') : self.assignableAt.all(l, l != 'Resource'))",message="a Share role is assignable at Resource only, every other role at Organization, Workspace and Project: change the levels, or leave the field out",fieldPath=".assignableAt"
type RoleSpec struct {
	// displayName is the name for people. Left out: the object's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write a name, or leave the field out"
	DisplayName string `json:"displayName,omitempty"`

	// description says for people what the role is for: 1 to 4096 characters, not blank.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: say what the role is for"
	Description string `json:"description"`

	// frontendView is the surface of the application that the role is made for: Client or Admin. It is
	// for applications to read, and changes nothing in what the role permits. Left out: none in particular.
	// +optional
	FrontendView FrontendView `json:"frontendView,omitempty"`

	// type is Standard, Base or Share, and can't be changed. Left out: Standard. A Share role is
	// assigned at a resource, every other at an organization, workspace or project. A Base role is a
	// building block for other roles.
	// +optional
	// +kubebuilder:default=Standard
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another Role, and move the assignments to it"
	Type RoleType `json:"type,omitempty"`

	// assignableAt are the levels at which the role may be assigned. Left out: all that the type
	// allows. Null is refused. Taking a level away ends the assignments that are there.
	// +optional
	// +nullable
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	AssignableAt []ScopeLevel `json:"assignableAt,omitempty"`

	// inherits are the names of up to 32 Roles of this organization whose permissions this one gives too,
	// with all that they inherit themselves. Left out: none. A Base role inherits nothing. While one of
	// them is missing, grants nothing, or inherits from this one, nothing is inherited from it, and all else
	// holds.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Role: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Inherits []string `json:"inherits,omitempty"`

	// permissionGrants are the permissions that the role gives, up to 1000. Left out: none. Listing a
	// permission twice gives it where either entry's conditions are met, so one entry without
	// conditions makes the other's idle. An entry that is wrong gives nothing and is named in
	// status.permissions; the others hold.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	PermissionGrants PermissionEntries `json:"permissionGrants,omitempty"`
}

// RoleStatus is what the operator has found.
type RoleStatus struct {
	CommonStatus `json:",inline"`

	// permissions are the entries of spec.permissionGrants that grant nothing, and why, and inherited
	// ones that would make a decision too expensive. Entries that are not listed hold. The first 1000.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Permissions []PermissionFault `json:"permissions,omitempty"`

	// ownPermissions is how many permissions the role gives by its own entries.
	// +optional
	OwnPermissions int64 `json:"ownPermissions"`

	// inheritedPermissions is how many more it gives by inheritance.
	// +optional
	InheritedPermissions int64 `json:"inheritedPermissions"`

	// assignments is how many RoleAssignments name the role. It follows within about a second.
	// +optional
	Assignments int64 `json:"assignments"`

	// children is how many Roles inherit from the role directly. It follows within about a second.
	// +optional
	Children int64 `json:"children"`

	// revision is the name of the ControllerRevision that holds what is in force: permissionGrants,
	// inherits and frontendView.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Revision string `json:"revision,omitempty"`

	// previousRevision is the revision before that, until it is removed.
	// +optional
	PreviousRevision *PreviousRevision `json:"previousRevision,omitempty"`
}

// PreviousRevision is a revision whose place another has taken.
type PreviousRevision struct {
	// name is the name of the ControllerRevision.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// expiresAt is when it is removed, one day after it was replaced.
	// +required
	ExpiresAt metav1.Time `json:"expiresAt"`
}

// Role is a named set of permissions, given to people and groups by RoleAssignments. Its name has at
// most 63 characters and is unique in the organization.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=arole,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`,priority=1
// +kubebuilder:printcolumn:name="View",type=string,JSONPath=`.spec.frontendView`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Own",type=integer,JSONPath=`.status.ownPermissions`
// +kubebuilder:printcolumn:name="Inherited",type=integer,JSONPath=`.status.inheritedPermissions`
// +kubebuilder:printcolumn:name="Assignments",type=integer,JSONPath=`.status.assignments`
// +kubebuilder:printcolumn:name="Children",type=integer,JSONPath=`.status.children`,priority=1
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.frontendView`
// +kubebuilder:selectablefield:JSONPath=`.spec.type`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters: choose a shorter name",fieldPath=".metadata"
type Role struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec RoleSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RoleStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *Role) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *Role) Declared() any { return &o.Spec }

// RoleList is a list of Roles.
// +kubebuilder:object:root=true
type RoleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Role `json:"items"`
}

func init() { register(&Role{}, &RoleList{}) }
