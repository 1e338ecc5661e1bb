package v1alpha1

// PermissionEntry gives a permission, under conditions.
type PermissionEntry struct {
	// permission is the name of a permission that a ResourceType declares, as in Role:CreateRole.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the name of a permission that a ResourceType declares"
	Permission string `json:"permission"`

	// conditions test attributes of the request, by attribute name. All must be met. Left out: the
	// permission holds whatever the attributes are. A request that lacks an attribute, or has it with
	// null or another type than the ResourceType declares, does not meet its condition.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	Conditions map[string]AttributeCondition `json:"conditions,omitempty"`
}

// ConditionType is how an attribute is compared.
// +kubebuilder:validation:Enum=Equals;NotEquals;In
type ConditionType string

// The ways to compare an attribute.
const (
	ConditionEquals    ConditionType = "Equals"
	ConditionNotEquals ConditionType = "NotEquals"
	ConditionIn        ConditionType = "In"
)

// AttributeCondition compares an attribute of the request. Values are written as strings ("3",
// "true") and read as the type that the ResourceType declares for the attribute.
// +kubebuilder:validation:XValidation:rule="self.type == 'In' ? !has(self.value) : has(self.value)",message="Equals and NotEquals take value; In takes values and no value",fieldPath=".value"
// +kubebuilder:validation:XValidation:rule="self.type == 'In' ? has(self.values) : !has(self.values)",message="In takes values, a list of at least one; Equals and NotEquals take value and no values",fieldPath=".values"
type AttributeCondition struct {
	// type is Equals or NotEquals, with value, or In, with values. NotEquals needs the attribute to be
	// there, with the declared type.
	// +required
	Type ConditionType `json:"type"`

	// value is what the attribute is compared with. Numbers and truth values are quoted: "3", "true".
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Value *string `json:"value,omitempty"`

	// values are what the attribute may be.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MaxLength=256
	Values []string `json:"values,omitempty"`
}
