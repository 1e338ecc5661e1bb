package v1alpha1

// PermissionEntry gives a permission, under conditions.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field in dyn(self))",message="conditions can't be null: name at least one, or leave the field out to give the permission without conditions",fieldPath=".conditions"
type PermissionEntry struct {
	// permission is the name of a permission that a ResourceType declares, as in Role:CreateRole: up
	// to 256 characters, compared exactly. There is no wildcard.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="must not be blank: write the name of a permission that a ResourceType declares"
	Permission string `json:"permission"`

	// conditions test attributes of the request, by attribute name: 1 to 20, and all must be met. Left
	// out: the permission holds whatever the attributes are, so an empty map and null are refused. A
	// request that lacks an attribute, or has it with null or another type than the ResourceType
	// declares, does not meet its condition. Beware of an attribute with nothing after its colon: the
	// API server drops it before anyone sees it, and the other conditions stand alone.
	// +optional
	// +nullable
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=20
	// +kubebuilder:validation:XValidation:rule="self.all(attribute, attribute.size() > 0 && attribute.size() <= 128)",message="an attribute's name has 1 to 128 characters: write one that the permission's ResourceType declares"
	Conditions map[string]AttributeCondition `json:"conditions,omitempty"`
}

// ConditionType is how an attribute is compared.
// +kubebuilder:validation:Enum=Equals;NotEquals;In;LessThan;LessThanOrEqual;GreaterThan;GreaterThanOrEqual
type ConditionType string

// The ways to compare an attribute.
const (
	ConditionEquals             ConditionType = "Equals"
	ConditionNotEquals          ConditionType = "NotEquals"
	ConditionIn                 ConditionType = "In"
	ConditionLessThan           ConditionType = "LessThan"
	ConditionLessThanOrEqual    ConditionType = "LessThanOrEqual"
	ConditionGreaterThan        ConditionType = "GreaterThan"
	ConditionGreaterThanOrEqual ConditionType = "GreaterThanOrEqual"
)

// AttributeCondition compares an attribute of the request. Values are written as strings ("3",
// "true") and read as the type that the ResourceType declares for the attribute. One that can't be
// read so is a fault: the entry grants nothing.
// +kubebuilder:validation:XValidation:rule="self.type == 'In' ? !has(self.value) : has(self.value)",message="set value for Equals and NotEquals, LessThan and the like; leave it out for In, which takes values",fieldPath=".value"
// +kubebuilder:validation:XValidation:rule="self.type == 'In' ? has(self.values) : !has(self.values)",message="set values, with at least one, for In; leave it out for every other type, which takes value",fieldPath=".values"
// +kubebuilder:validation:XValidation:rule="self.type in ['Equals', 'NotEquals', 'In'] || !has(self.value) || self.value.matches('^[-+.0-9eE]+$')",message="must be a number for LessThan, LessThanOrEqual, GreaterThan and GreaterThanOrEqual, as in \"1000\"",fieldPath=".value"
type AttributeCondition struct {
	// type is Equals or NotEquals, with value, or In, with values. LessThan, LessThanOrEqual, GreaterThan and
	// GreaterThanOrEqual take value and are for a Number. NotEquals needs the attribute to be there, with the
	// declared type, as all others do.
	// +required
	Type ConditionType `json:"type"`

	// value is what the attribute is compared with by every type but In: up to 256 characters, and
	// quoted also for a Number or Boolean, as in "3" and "true". The empty string is a value, of a String.
	// Left out with In.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Value *string `json:"value,omitempty"`

	// values are what the attribute may be with In: 1 to 200 different ones, each written as value is.
	// Left out with every other type.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MaxLength=256
	Values []string `json:"values,omitempty"`
}
