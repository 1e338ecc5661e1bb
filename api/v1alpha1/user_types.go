package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// UserType says what kind of identity a User is.
// +kubebuilder:validation:Enum=Human;Service
type UserType string

// The types of users.
const (
	UserHuman   UserType = "Human"
	UserService UserType = "Service"
)

// UserSpec declares a member of the organization.
type UserSpec struct {
	// subject is the identity that applications and the API server know, as in alice@example.com. It
	// is unique in the organization and can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the identity that applications know"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another User, and delete this one"
	Subject string `json:"subject"`

	// displayName is the name for people. Left out: the object's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write a name, or leave the field out"
	DisplayName string `json:"displayName,omitempty"`

	// email is where the user can be reached.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=320
	// +kubebuilder:validation:Pattern=`^[^@\s]+@[^@\s]+$`
	Email string `json:"email,omitempty"`

	// type is Human or Service.
	// +optional
	// +kubebuilder:default=Human
	Type UserType `json:"type,omitempty"`

	// suspended takes all access away while it is true; what the user had comes back unchanged when it
	// is false or left out.
	// +optional
	Suspended bool `json:"suspended,omitempty"`
}

// UserStatus is what the operator has found.
type UserStatus struct {
	CommonStatus `json:",inline"`
}

// User is a member of the organization. Deleting it ends everything that it was given.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=usr,categories=authz
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.spec.subject`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspended`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject`
// +kubebuilder:selectablefield:JSONPath=`.spec.email`
// +kubebuilder:selectablefield:JSONPath=`.spec.type`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters",fieldPath=".metadata.name"
type User struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec UserSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status UserStatus `json:"status,omitempty"`
}

// CommonStatus implements Object.
func (o *User) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// UserList is a list of Users.
// +kubebuilder:object:root=true
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []User `json:"items"`
}
