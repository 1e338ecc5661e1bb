package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RoleAssignmentSpec gives a role to someone, somewhere.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'scope' || field in dyn(self))",message="scope can't be null: write {} or leave the field out to mean the whole organization",fieldPath=".scope"
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || !has(self.scope.resource) || has(self.scope.resource.id)",message="a role is assigned at one object: set the object's identifier in its application",fieldPath=".scope.resource.id",reason=FieldValueRequired
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="must be after startsAt: choose a later deadline, or make another RoleAssignment with an earlier start",fieldPath=".expiresAt"
// +kubebuilder:validation:XValidation:rule="has(self.startsAt) == has(oldSelf.startsAt) && (!has(self.startsAt) || self.startsAt == oldSelf.startsAt)",message="can't be set, changed or removed later: make another RoleAssignment, and delete this one",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'startsAt' || field in dyn(self))",message="startsAt can't be null: write when it begins, or leave the field out to begin at once",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'expiresAt' || field in dyn(self))",message="expiresAt can't be null: write when it ends, or leave the field out to have no end",fieldPath=".expiresAt"
// +kubebuilder:validation:XValidation:rule="has(self.accessRequest) == has(oldSelf.accessRequest) && (!has(self.accessRequest) || self.accessRequest == oldSelf.accessRequest)",message="can't be set, changed or removed later: only the operator makes what an AccessRequest gives",fieldPath=".accessRequest"
type RoleAssignmentSpec struct {
	// roleRef is the role that is given. It may be declared later, and go and come back.
	// +required
	RoleRef RoleReference `json:"roleRef"`

	// subject is who gets it: exactly one of user, group and invitation, which may be declared later.
	// +required
	Subject AssignmentSubject `json:"subject"`

	// scope is where: there and everywhere below. Left out, or empty: the whole organization. Null is
	// refused. A Share role needs a resource, every other role must have none.
	// +optional
	// +nullable
	Scope Scope `json:"scope,omitzero"`

	Window `json:",inline"`

	// accessRequest is the AccessRequest that this was made for. It then gives nothing but while that request is in
	// force. Only the operator sets it, when it creates the object. Left out: it was made for none.
	// +optional
	AccessRequest *AccessRequestReference `json:"accessRequest,omitempty"`
}

// RoleReference names a Role of the same namespace.
type RoleReference struct {
	// name is the name of the Role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Role: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Name string `json:"name"`
}

// AssignmentSubject is exactly one of a user, a group and an invitation of the same namespace.
// +kubebuilder:validation:XValidation:rule="[has(self.user), has(self.group), has(self.invitation)].filter(x, x).size() == 1",message="set exactly one of user, group and invitation"
type AssignmentSubject struct {
	// user is the name of a User. Left out: the subject is a group or an invitation.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a User: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	User string `json:"user,omitempty"`

	// group is the name of a Group: its members get the role. Left out: the subject is a user or an
	// invitation.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Group: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Group string `json:"group,omitempty"`

	// invitation is the name of an Invitation: whoever accepts it gets the role, not before. Left out:
	// the subject is a user or a group.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of an Invitation: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Invitation string `json:"invitation,omitempty"`
}

// RoleAssignmentStatus is what the operator has found.
type RoleAssignmentStatus struct {
	CommonStatus `json:",inline"`
	WindowStatus `json:",inline"`

	// subject is who gets the role, as in user/alice. Empty until the operator has seen the object.
	// +optional
	Subject string `json:"subject,omitempty"`

	// scope is where, as a path from the organization down, as in acme/prod/vision. Empty until the
	// operator has seen the object.
	// +optional
	Scope string `json:"scope,omitempty"`

	// inForce says whether any of what the assignment gives is in force now.
	// +optional
	// +kubebuilder:default=false
	InForce bool `json:"inForce"`
}

// RoleAssignment gives a Role to a user, a group or an invitation, at a scope and everywhere below.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=ra,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.roleRef.name`
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.status.subject`
// +kubebuilder:printcolumn:name="Scope",type=string,JSONPath=`.status.scope`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,priority=1
// +kubebuilder:printcolumn:name="In force",type=boolean,JSONPath=`.status.inForce`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.roleRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject.user`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject.invitation`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope.workspace`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope.project`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
type RoleAssignment struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec RoleAssignmentSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RoleAssignmentStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *RoleAssignment) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *RoleAssignment) Declared() any { return &o.Spec }

// RoleAssignmentList is a list of RoleAssignments.
// +kubebuilder:object:root=true
type RoleAssignmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RoleAssignment `json:"items"`
}

func init() { register(&RoleAssignment{}, &RoleAssignmentList{}) }
