package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AttributeType is the type of an attribute's value.
// +kubebuilder:validation:Enum=String;Number;Boolean
type AttributeType string

// The types of attributes.
const (
	AttributeString  AttributeType = "String"
	AttributeNumber  AttributeType = "Number"
	AttributeBoolean AttributeType = "Boolean"
)

// ResourceTypeSpec declares a model of an application and what may be done with it.
type ResourceTypeSpec struct {
	// type is the name that scopes and applications use, as in authentik_flows.flow or Role: up to 128
	// characters, compared exactly. It is unique in the cluster, the older ResourceType holds, and it
	// can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the model's name"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another ResourceType instead"
	Type string `json:"type"`

	// permissions are what may be done with objects of this type: 1 to 256. Taking one away ends it
	// in every role that gives it; putting it back restores it.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Permissions []Permission `json:"permissions"`
}

// Permission is something that may be done.
type Permission struct {
	// name is what roles, grants and applications use, as in authentik_flows.view_flow: up to 256
	// characters, compared exactly. It is unique in the cluster, and the older ResourceType holds it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the permission's name"
	Name string `json:"name"`

	// description says for people what the permission allows. Left out: nothing is said.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// attributes are what conditions on this permission may test, up to 32. Left out: none, and every
	// condition on it is a fault. Taking one away, or changing its type, ends the entries that test it.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Attributes []Attribute `json:"attributes,omitempty"`
}

// Attribute is a property of a request that conditions may test.
type Attribute struct {
	// name is what conditions and applications use: up to 128 characters, compared exactly.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the attribute's name"
	Name string `json:"name"`

	// type is what the application sends: String, Number or Boolean. A value of another type meets no
	// condition, as "3" is not the Number 3.
	// +required
	Type AttributeType `json:"type"`
}

// ResourceTypeStatus is what the operator has found.
type ResourceTypeStatus struct {
	CommonStatus `json:",inline"`
}

// ResourceType is the catalogue entry of a model: its permissions, and the attributes that conditions
// on them may test. Where two claim one type or one permission, the older holds.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=rt,categories=authz-all
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.type`
type ResourceType struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ResourceTypeSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status ResourceTypeStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *ResourceType) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *ResourceType) Declared() any { return &o.Spec }

// ResourceTypeList is a list of ResourceTypes.
// +kubebuilder:object:root=true
type ResourceTypeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResourceType `json:"items"`
}

func init() { register(&ResourceType{}, &ResourceTypeList{}) }
