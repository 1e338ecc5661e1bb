package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GroupSpec declares a team.
type GroupSpec struct {
	// displayName is the name for people. Left out: the object's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write a name, or leave the field out"
	DisplayName string `json:"displayName,omitempty"`

	// description says for people what the group is for. Left out: nothing is said.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Description string `json:"description,omitempty"`

	// configurablePermissions are what an admin of the group may be given or refused by its
	// GroupMembership: up to 100 names of your own, as in can_run_reports. Left out, or empty: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:XValidation:rule="self.trim().size() > 0",message="must not be blank: write a permission's name"
	ConfigurablePermissions []string `json:"configurablePermissions,omitempty"`
}

// GroupStatus is what the operator has found.
type GroupStatus struct {
	CommonStatus `json:",inline"`
}

// Group is a team of the organization: what is assigned to it, its members have. Its name has at most
// 63 characters. Deleting it ends what it was given, for all its members.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=grp,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters: choose a shorter name",fieldPath=".metadata"
type Group struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +kubebuilder:default={}
	Spec GroupSpec `json:"spec,omitzero"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status GroupStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *Group) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *Group) Declared() any { return &o.Spec }

// GroupList is a list of Groups.
// +kubebuilder:object:root=true
type GroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Group `json:"items"`
}

func init() { register(&Group{}, &GroupList{}) }
