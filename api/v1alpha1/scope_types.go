package v1alpha1

// ScopeLevel is a level of the scope tree.
// +kubebuilder:validation:Enum=Organization;Workspace;Project;Resource
type ScopeLevel string

// The levels, from the widest to the narrowest.
const (
	LevelOrganization ScopeLevel = "Organization"
	LevelWorkspace    ScopeLevel = "Workspace"
	LevelProject      ScopeLevel = "Project"
	LevelResource     ScopeLevel = "Resource"
)

// Scope says where something holds: there and everywhere below. Empty means the whole organization.
// +kubebuilder:validation:XValidation:rule="!has(self.project) || has(self.workspace)",message="a project needs its workspace: set workspace to the workspace that the project is in",fieldPath=".workspace",reason=FieldValueRequired
type Scope struct {
	// workspace is the name of a workspace that the Organization declares. Left out: the scope is the
	// organization, or a resource directly in it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Workspace string `json:"workspace,omitempty"`

	// project is the name of a project that the Organization declares in the workspace. It needs
	// workspace.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Project string `json:"project,omitempty"`

	// resource is an object, or a model, of an application. It lives where workspace and project say:
	// the same type and id in another project is another object.
	// +optional
	Resource *ResourceReference `json:"resource,omitempty"`
}

// ResourceReference names an object of an application.
type ResourceReference struct {
	// type is the type of a ResourceType, as in authentik_flows.flow.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the type of a ResourceType"
	Type string `json:"type"`

	// id is the application's own identifier of the object: any text.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the object's identifier in its application"
	ID string `json:"id,omitempty"`
}
