package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// InvitationPhase says where an invitation is in its life.
// +kubebuilder:validation:Enum=Pending;Accepted;Expired
type InvitationPhase string

// The phases.
const (
	InvitationPending  InvitationPhase = "Pending"
	InvitationAccepted InvitationPhase = "Accepted"
	InvitationExpired  InvitationPhase = "Expired"
)

// InvitationSpec invites someone into the organization.
// +kubebuilder:validation:XValidation:rule="!(has(self.expiresAt) && has(self.validFor))",message="set at most one of expiresAt and validFor"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.acceptedBy) || (has(self.acceptedBy) && self.acceptedBy == oldSelf.acceptedBy)",message="can't be changed or removed once it is set: make another Invitation",fieldPath=".acceptedBy"
// +kubebuilder:validation:XValidation:rule="!has(self.acceptedBy) || (has(self.expiresAt) == has(oldSelf.expiresAt) && (!has(self.expiresAt) || self.expiresAt == oldSelf.expiresAt) && has(self.validFor) == has(oldSelf.validFor) && (!has(self.validFor) || self.validFor == oldSelf.validFor))",message="expiresAt and validFor can't be changed once acceptedBy is set, nor together with it",fieldPath=".acceptedBy"
type InvitationSpec struct {
	// email is where the invitation goes. It can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=320
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^@[:space:]]+@[^@[:space:]]+$')",message="must be an email address, as in carol@example.com"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another Invitation"
	Email string `json:"email"`

	// expiresAt is when the invitation can no longer be accepted. Left out: validFor says it.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// validFor is how long the invitation can be accepted, from its creation. Left out, without
	// expiresAt: 7 days.
	// +optional
	ValidFor *Duration `json:"validFor,omitempty"`

	// acceptedBy is the name of the User who has accepted. It is set once, before the invitation
	// expires; what is assigned to the invitation holds for that user from then on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a User: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	AcceptedBy string `json:"acceptedBy,omitempty"`
}

// InvitationStatus is what the operator has found.
type InvitationStatus struct {
	CommonStatus `json:",inline"`

	// phase is Pending, Accepted or Expired. An accepted invitation does not expire.
	// +optional
	Phase InvitationPhase `json:"phase,omitempty"`

	// expiresAt is when the invitation can no longer be accepted (UTC).
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// acceptedAt is when the operator first saw that it was accepted (UTC).
	// +optional
	AcceptedAt *metav1.Time `json:"acceptedAt,omitempty"`
}

// Invitation invites someone who has no User yet: roles can be assigned to it, and take effect for the
// User who accepts it in time.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=inv,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Email",type=string,JSONPath=`.spec.email`
// +kubebuilder:printcolumn:name="Accepted by",type=string,JSONPath=`.spec.acceptedBy`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.email`
// +kubebuilder:selectablefield:JSONPath=`.spec.acceptedBy`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters: choose a shorter name",fieldPath=".metadata"
type Invitation struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec InvitationSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status InvitationStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *Invitation) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *Invitation) Declared() any { return &o.Spec }

// InvitationList is a list of Invitations.
// +kubebuilder:object:root=true
type InvitationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Invitation `json:"items"`
}

func init() { register(&Invitation{}, &InvitationList{}) }
