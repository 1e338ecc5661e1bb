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

// A template that lacks a value often renders a null. The API server drops nulls of fields that are
// not nullable, so a scope whose workspace is null would silently be the whole organization. Fields
// whose absence gives more than their presence are therefore nullable, here and in other kinds, and a
// rule refuses the null: to CEL a null is among the fields of an object, but not in it. That reaches
// whatever arrives; what client-side kubectl apply leaves out by itself, the webhook finds in its annotation.

// Scope says where something holds: there and everywhere below. Empty means the whole organization.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field in dyn(self))",message="workspace, project and resource can't be null: set a value, or leave out what the scope does not have"
// +kubebuilder:validation:XValidation:rule="!has(self.project) || has(self.workspace)",message="a project needs its workspace: set it to the workspace that the project is in",fieldPath=".workspace",reason=FieldValueRequired
type Scope struct {
	// workspace is the name of a workspace that the Organization declares. Left out: the scope is the
	// organization, or a resource directly in it. Null and "" are refused.
	// +optional
	// +nullable
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a workspace that the Organization declares: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Workspace string `json:"workspace,omitempty"`

	// project is the name of a project that the Organization declares in the workspace, which must be
	// set too. Left out: the scope is the workspace, or a resource directly in it. Null and "" are
	// refused.
	// +optional
	// +nullable
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a project that the Organization declares: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Project string `json:"project,omitempty"`

	// resource is an object, or a model, of an application. It lives where workspace and project say:
	// the same type and id in another project is another object. Left out: the scope is the place that
	// workspace and project name. Null is refused.
	// +optional
	// +nullable
	Resource *ResourceReference `json:"resource,omitempty"`
}

// ResourceReference names an object of an application, or all objects of a type.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field in dyn(self))",message="id can't be null: write the object's identifier, or leave the field out",fieldPath=".id"
type ResourceReference struct {
	// type is the spec.type of a ResourceType, as in authentik_flows.flow: up to 128 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the type of a ResourceType"
	Type string `json:"type"`

	// id is the application's own identifier of the object: any text of up to 253 characters, compared
	// exactly. Left out: every object of the type, where the kind allows that; a RoleAssignment needs
	// an id. Null and "" are refused.
	// +optional
	// +nullable
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the object's identifier in its application"
	ID string `json:"id,omitempty"`
}
