package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OrganizationSpec declares an organization and its scope tree.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field in dyn(self))",message="temporaryGrants can't be null: write the rules, or leave the field out for none",fieldPath=".temporaryGrants"
type OrganizationSpec struct {
	// displayName is the name for people. Left out: the object's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write a name, or leave the field out"
	DisplayName string `json:"displayName,omitempty"`

	// owners are the names of the Users of the organization's namespace who own it: 1 to 100. Owning
	// gives no permission by itself: assign roles to owners as to anyone. A User that is not there yet
	// may be named.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a User: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Owners []string `json:"owners"`

	// adminRole is the name of the Role whose holders at the organization administer it. Left out:
	// admin. The Role has to be declared like any other; naming it here gives it no permission.
	// +optional
	// +kubebuilder:default=admin
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Role: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	AdminRole string `json:"adminRole,omitempty"`

	// workspaces are the first level below the organization, up to 200. Left out: there is none, and
	// scopes are the organization or resources directly in it. A workspace or project that is not
	// declared here does not exist, and nothing holds there. Taking one away ends all access that was
	// given at it and below; putting it back restores what is still declared.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=200
	Workspaces []Workspace `json:"workspaces,omitempty"`

	// lastRolePolicy says what becomes of a deletion or an edit of a RoleAssignment that takes the last
	// role from a User. Protect refuses it, and keeps the RoleAssignment in force where it is deleted all
	// the same; Warn only warns. Left out: Protect. What is deleted already goes as soon as this says
	// Warn. Changing this needs the verb escalate on organizations.
	// +optional
	// +kubebuilder:default=Protect
	LastRolePolicy LastRolePolicy `json:"lastRolePolicy,omitempty"`

	// temporaryGrants are the rules for the organization's TemporaryPermissionGrants. Left out: there
	// are none beyond each grant's own deadline. Null is refused, since it would lift the limit without
	// saying so.
	// +optional
	// +nullable
	TemporaryGrants TemporaryGrants `json:"temporaryGrants,omitzero"`

	// usernames say for which subjects names of the API server stand, up to 200, each name once. Left
	// out: a name stands for the subject that it is without the prefix that the operator is told of.
	// Whoever has a mapped name counts as that subject when they write access, so changing this needs
	// the verb escalate on organizations.
	// +optional
	// +listType=map
	// +listMapKey=username
	// +kubebuilder:validation:MaxItems=200
	Usernames []UsernameMapping `json:"usernames,omitempty"`
}

// LastRolePolicy says what becomes of a write that takes the last role from a User.
// +kubebuilder:validation:Enum=Protect;Warn
type LastRolePolicy string

// What becomes of a write that takes the last role from a User.
const (
	// LastRoleProtect refuses it.
	LastRoleProtect LastRolePolicy = "Protect"
	// LastRoleWarn warns of it.
	LastRoleWarn LastRolePolicy = "Warn"
)

// UsernameMapping says whom a name of the API server stands for.
type UsernameMapping struct {
	// username is the name that the API server gives to who makes a request, its prefix included, up to
	// 512 characters, compared exactly.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Username string `json:"username"`

	// subject is the spec.subject of a User of the organization, up to 512 characters, compared exactly.
	// A User that is not there yet may be named; until it is, the name stands for nobody.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Subject string `json:"subject"`
}

// TemporaryGrants are the rules for temporary grants of an organization.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field in dyn(self))",message="maxDuration can't be null: set a duration, or leave the field out for no limit",fieldPath=".maxDuration"
type TemporaryGrants struct {
	// maxDuration is the longest that a temporary grant may last, as in PT8H, P30D or 8h. One that says
	// more ends at its start plus this, also if it was made before; making this longer again gives back
	// what it took, up to each grant's own deadline. Left out: there is no such limit. Null is refused.
	// +optional
	// +nullable
	MaxDuration *Duration `json:"maxDuration,omitempty"`
}

// Workspace is a part of an organization.
type Workspace struct {
	// name is unique in the organization: a DNS label or subdomain of at most 63 characters. Another
	// name makes another workspace: what was given at the old one does not follow.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be a workspace name: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Name string `json:"name"`

	// displayName is the name for people. Left out: the name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write a name, or leave the field out"
	DisplayName string `json:"displayName,omitempty"`

	// projects are the level below the workspace, up to 400. Left out: there is none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=400
	Projects []Project `json:"projects,omitempty"`
}

// Project is a part of a workspace.
type Project struct {
	// A pattern, where workspaces have a rule with a better message: there may be so many projects that
	// the API server's budget for CEL does not allow the rule.

	// name is unique in the workspace: a DNS label or subdomain of at most 63 characters. Another name
	// makes another project: what was given at the old one does not follow.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`

	// displayName is the name for people. Left out: the name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write a name, or leave the field out"
	DisplayName string `json:"displayName,omitempty"`
}

// OrganizationStatus is what the operator has found.
type OrganizationStatus struct {
	CommonStatus `json:",inline"`

	// usernamePrefix is what the operator takes off the API server's usernames to find a User's
	// subject. Left out: nothing.
	// +optional
	UsernamePrefix string `json:"usernamePrefix,omitempty"`
}

// Organization governs the namespace of the same name: it declares the workspaces and projects in
// which roles and grants of that namespace hold. Without its Organization, nothing in a namespace
// grants anything.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=org,categories=authz-all
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",message="metadata.name must be the name of the namespace that the organization governs: at most 63 characters, and no '.'",fieldPath=".metadata"
type Organization struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec OrganizationSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status OrganizationStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *Organization) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *Organization) Declared() any { return &o.Spec }

// OrganizationList is a list of Organizations.
// +kubebuilder:object:root=true
type OrganizationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Organization `json:"items"`
}

func init() { register(&Organization{}, &OrganizationList{}) }
