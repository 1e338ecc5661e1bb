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
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field in dyn(self))",message="suspended can't be null: set true or false, or leave the field out",fieldPath=".suspended"
type UserSpec struct {
	// subject is the identity that applications and the API server know, as in alice@example.com: up
	// to 512 characters, compared exactly, upper and lower case and spaces included. It is unique in
	// the organization, the older User holds, and it can't be changed, so that nothing that was given
	// to one identity becomes another's.
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

	// email is where the user can be reached. Left out: not known. Applications know the
	// user by subject, not by this.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=320
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^@\\\\s]+@[^@\\\\s]+$')",message="must be one address without spaces, as in alice@example.com"
	Email string `json:"email,omitempty"`

	// type is Human or Service. Left out: Human. It is for people to read and select by; it changes
	// nothing in what the user may do.
	// +optional
	// +kubebuilder:default=Human
	Type UserType `json:"type,omitempty"`

	// suspended takes all access away while it is true; what the user had comes back unchanged when it
	// is false. Left out: false. Null is refused, since it would end a suspension without saying so.
	// +optional
	// +nullable
	Suspended bool `json:"suspended,omitempty"`
}

// UserStatus is what the operator has found.
type UserStatus struct {
	CommonStatus `json:",inline"`
}

// User is a member of the organization: a person or a service that applications know by its subject.
// Its name has at most 63 characters. Deleting it ends everything that it was given.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=usr,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.spec.subject`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspended`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject`
// +kubebuilder:selectablefield:JSONPath=`.spec.email`
// +kubebuilder:selectablefield:JSONPath=`.spec.type`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters: choose a shorter name",fieldPath=".metadata"
type User struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec UserSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status UserStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *User) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *User) Declared() any { return &o.Spec }

// UserList is a list of Users.
// +kubebuilder:object:root=true
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []User `json:"items"`
}

func init() { register(&User{}, &UserList{}) }
