package build

import "github.com/bailiwick-dev/bailiwick/api/v1alpha1"

// ResourceTypeBuilder builds a ResourceType.
type ResourceTypeBuilder struct{ object v1alpha1.ResourceType }

// ResourceType declares the type of its own name. It needs a permission: see Permits.
func ResourceType(name string) *ResourceTypeBuilder {
	b := &ResourceTypeBuilder{}
	b.object.Name = name
	b.object.Spec.Type = name
	return b
}

// OfType sets the type, as in authentik_flows.flow.
func (b *ResourceTypeBuilder) OfType(resourceType string) *ResourceTypeBuilder {
	b.object.Spec.Type = resourceType
	return b
}

// Permits declares a permission, and the attributes that conditions on it may test.
func (b *ResourceTypeBuilder) Permits(permission string, attributes ...v1alpha1.Attribute) *ResourceTypeBuilder {
	b.object.Spec.Permissions = append(b.object.Spec.Permissions, v1alpha1.Permission{Name: permission, Attributes: attributes})
	return b
}

// Obj is the ResourceType.
func (b *ResourceTypeBuilder) Obj() *v1alpha1.ResourceType { return b.object.DeepCopy() }

// String is an attribute of this type.
func String(name string) v1alpha1.Attribute {
	return v1alpha1.Attribute{Name: name, Type: v1alpha1.AttributeString}
}

// Number is an attribute of this type.
func Number(name string) v1alpha1.Attribute {
	return v1alpha1.Attribute{Name: name, Type: v1alpha1.AttributeNumber}
}

// Boolean is an attribute of this type.
func Boolean(name string) v1alpha1.Attribute {
	return v1alpha1.Attribute{Name: name, Type: v1alpha1.AttributeBoolean}
}
