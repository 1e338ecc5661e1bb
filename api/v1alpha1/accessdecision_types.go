package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccessVerdict is what somebody decides.
// +kubebuilder:validation:Enum=Approve;Deny
type AccessVerdict string

// The verdicts.
const (
	VerdictApprove AccessVerdict = "Approve"
	VerdictDeny    AccessVerdict = "Deny"
)

// AccessDecisionSpec decides about a request. It can't be changed.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: delete this AccessDecision, and decide again"
type AccessDecisionSpec struct {
	// requestRef is what is decided about.
	// +required
	RequestRef AccessRequestReference `json:"requestRef"`

	// verdict is Approve or Deny.
	// +required
	Verdict AccessVerdict `json:"verdict"`

	// comment is for people: up to 1024 characters. Left out: nothing is said.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Comment string `json:"comment,omitempty"`

	// decider is who decides, as the API server knows them: up to 512 characters. The webhook fills it in where it is
	// left out, and nobody can decide in another's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Decider string `json:"decider"`
}

// AccessDecisionStatus is what the operator has found.
type AccessDecisionStatus struct {
	CommonStatus `json:",inline"`
}

// AccessDecision approves or denies an AccessRequest.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=accessdecisions,shortName=adec,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Request",type=string,JSONPath=`.spec.requestRef.name`
// +kubebuilder:printcolumn:name="Decider",type=string,JSONPath=`.spec.decider`
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=`.spec.verdict`
// +kubebuilder:printcolumn:name="Comment",type=string,JSONPath=`.spec.comment`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.requestRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.decider`
// +kubebuilder:selectablefield:JSONPath=`.spec.verdict`
type AccessDecision struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec AccessDecisionSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccessDecisionStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *AccessDecision) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *AccessDecision) Declared() any { return &o.Spec }

// AccessDecisionList is a list of AccessDecisions.
// +kubebuilder:object:root=true
type AccessDecisionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessDecision `json:"items"`
}

func init() { register(&AccessDecision{}, &AccessDecisionList{}) }
