package build

import "github.com/bailiwick-dev/bailiwick/api/v1alpha1"

// GroupBuilder builds a Group.
type GroupBuilder struct{ object v1alpha1.Group }

// Group is a team.
func Group(namespace, name string) *GroupBuilder {
	b := &GroupBuilder{}
	b.object.Namespace, b.object.Name = namespace, name
	return b
}

// Titled sets the display name.
func (b *GroupBuilder) Titled(displayName string) *GroupBuilder {
	b.object.Spec.DisplayName = displayName
	return b
}

// Describes sets the description.
func (b *GroupBuilder) Describes(description string) *GroupBuilder {
	b.object.Spec.Description = description
	return b
}

// Configures sets the permissions that the group's admins may be given or refused.
func (b *GroupBuilder) Configures(permissions ...string) *GroupBuilder {
	b.object.Spec.ConfigurablePermissions = permissions
	return b
}

// Obj is the Group.
func (b *GroupBuilder) Obj() *v1alpha1.Group { return b.object.DeepCopy() }
