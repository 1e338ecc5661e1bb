package build

import "github.com/bailiwick-dev/bailiwick/api/v1alpha1"

// RoleBuilder builds a Role.
type RoleBuilder struct{ object v1alpha1.Role }

// Role is a Standard role for clients that gives nothing yet.
func Role(namespace, name string) *RoleBuilder {
	b := &RoleBuilder{}
	b.object.Namespace, b.object.Name = namespace, name
	b.object.Spec.Description = "a role of a test"
	b.object.Spec.FrontendView = v1alpha1.ViewClient
	b.object.Spec.Type = v1alpha1.RoleStandard
	return b
}

// Titled sets the display name.
func (b *RoleBuilder) Titled(displayName string) *RoleBuilder {
	b.object.Spec.DisplayName = displayName
	return b
}

// Describes sets the description.
func (b *RoleBuilder) Describes(description string) *RoleBuilder {
	b.object.Spec.Description = description
	return b
}

// ViewedBy sets the frontend view.
func (b *RoleBuilder) ViewedBy(view v1alpha1.FrontendView) *RoleBuilder {
	b.object.Spec.FrontendView = view
	return b
}

// OfType sets the type.
func (b *RoleBuilder) OfType(roleType v1alpha1.RoleType) *RoleBuilder {
	b.object.Spec.Type = roleType
	return b
}

// AssignableAt sets the levels at which the role may be assigned.
func (b *RoleBuilder) AssignableAt(levels ...v1alpha1.ScopeLevel) *RoleBuilder {
	b.object.Spec.AssignableAt = levels
	return b
}

// Inherits adds roles whose permissions this one gives too.
func (b *RoleBuilder) Inherits(roles ...string) *RoleBuilder {
	b.object.Spec.Inherits = append(b.object.Spec.Inherits, roles...)
	return b
}

// Grants adds permissions without conditions.
func (b *RoleBuilder) Grants(permissions ...string) *RoleBuilder {
	for _, permission := range permissions {
		b.GrantsIf(permission)
	}
	return b
}

// GrantsIf adds a permission under conditions, all of which must be met.
func (b *RoleBuilder) GrantsIf(permission string, conditions ...Condition) *RoleBuilder {
	b.object.Spec.PermissionGrants = append(b.object.Spec.PermissionGrants, entry(permission, conditions))
	return b
}

// Obj is the Role.
func (b *RoleBuilder) Obj() *v1alpha1.Role { return b.object.DeepCopy() }
