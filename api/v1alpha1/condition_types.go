package v1alpha1

// The rules about a PermissionEntry stand at the fields that hold entries, not inside the entry. The API server sets up a
// CEL program for each rule and each value that has it, whenever it validates an object: inside the entries of a long
// list, rules were a fifth of the CPU that an edit cost. has() and each access to a field copy the schema of the object,
// where size() is cheap, and counts a null, which has() does not. So an entry of size 1 has no conditions, and a condition
// of size 2 has one of value and values. What a list says of its entries, a single entry says too: change them together.

// PermissionEntries give permissions.
// +kubebuilder:validation:XValidation:rule=`self.all(e, e.permission.trim() != "" && (dyn(e).size() == 1 || has(e.conditions) && e.conditions.all(a, c, a != "" && a.size() <= 128 && dyn(c).size() == 2 && (has(c.value) ? c.type in ['Equals', 'NotEquals'] || c.type != 'In' && c.value.matches(r'^[-+.\deE]+$') : c.type == 'In'))))`,messageExpression=`self.transformList(i, e, !(e.permission.trim() != "" && (dyn(e).size() == 1 || has(e.conditions) && e.conditions.all(a, c, a != "" && a.size() <= 128 && dyn(c).size() == 2 && (has(c.value) ? c.type in ['Equals', 'NotEquals'] || c.type != 'In' && c.value.matches(r'^[-+.\deE]+$') : c.type == 'In')))), e.permission.trim() == "" ? "[%d].permission must not be blank: write the name of a permission that a ResourceType declares".format([i]) : !has(e.conditions) ? "[%d].conditions can't be null: name at least one, or leave the field out to give the permission without conditions".format([i]) : e.conditions.exists(a, a == "" || a.size() > 128) ? "[%d].conditions: an attribute's name has 1 to 128 characters: write one that the permission's ResourceType declares".format([i]) : e.conditions.exists(a, c, dyn(c).size() != 2 || has(c.value) == (c.type == 'In')) ? "[%d].conditions%s: set values, with at least one, for In, and value for every other type, never both".format([i, e.conditions.transformList(a, c, dyn(c).size() != 2 || has(c.value) == (c.type == 'In'), a)]) : "[%d].conditions%s.value must be a number for LessThan, LessThanOrEqual, GreaterThan and GreaterThanOrEqual, as in '1000'".format([i, e.conditions.transformList(a, c, !(c.type in ['Equals', 'NotEquals', 'In']), a)]))[0]`,message="each entry needs a permission that is not blank; conditions can't be null, an attribute's name has 1 to 128 characters, and a condition has values for In and value for every other type, a number for LessThan and the like"
type PermissionEntries []PermissionEntry

// PermissionEntry gives a permission, under conditions.
type PermissionEntry struct {
	// permission is the name of a permission that a ResourceType declares, as in Role:CreateRole: up
	// to 256 characters, compared exactly. There is no wildcard.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
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
