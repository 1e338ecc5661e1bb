package build

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// RoleAssignmentBuilder builds a RoleAssignment.
type RoleAssignmentBuilder struct{ object v1alpha1.RoleAssignment }

// RoleAssignment is at the organization. It needs a role and a subject: see Gives, and ToUser, ToGroup
// and ToInvitation.
func RoleAssignment(namespace, name string) *RoleAssignmentBuilder {
	b := &RoleAssignmentBuilder{}
	b.object.Namespace, b.object.Name = namespace, name
	return b
}

// Gives sets the role.
func (b *RoleAssignmentBuilder) Gives(role string) *RoleAssignmentBuilder {
	b.object.Spec.RoleRef.Name = role
	return b
}

// ToUser sets the subject.
func (b *RoleAssignmentBuilder) ToUser(name string) *RoleAssignmentBuilder {
	b.object.Spec.Subject.User = name
	return b
}

// ToGroup sets the subject.
func (b *RoleAssignmentBuilder) ToGroup(name string) *RoleAssignmentBuilder {
	b.object.Spec.Subject.Group = name
	return b
}

// ToInvitation sets the subject.
func (b *RoleAssignmentBuilder) ToInvitation(name string) *RoleAssignmentBuilder {
	b.object.Spec.Subject.Invitation = name
	return b
}

// InWorkspace sets the workspace of the scope.
func (b *RoleAssignmentBuilder) InWorkspace(workspace string) *RoleAssignmentBuilder {
	b.object.Spec.Scope.Workspace = workspace
	return b
}

// InProject sets the workspace and project of the scope.
func (b *RoleAssignmentBuilder) InProject(workspace, project string) *RoleAssignmentBuilder {
	b.object.Spec.Scope.Project = project
	return b.InWorkspace(workspace)
}

// OnResource sets the object that the scope is, in its workspace and project.
func (b *RoleAssignmentBuilder) OnResource(resourceType, id string) *RoleAssignmentBuilder {
	b.object.Spec.Scope.Resource = &v1alpha1.ResourceReference{Type: resourceType, ID: id}
	return b
}

// From sets when it begins.
func (b *RoleAssignmentBuilder) From(instant time.Time) *RoleAssignmentBuilder {
	b.object.Spec.StartsAt = &metav1.Time{Time: instant}
	return b
}

// Until sets when it ends by itself.
func (b *RoleAssignmentBuilder) Until(instant time.Time) *RoleAssignmentBuilder {
	b.object.Spec.ExpiresAt = &metav1.Time{Time: instant}
	return b
}

// Obj is the RoleAssignment.
func (b *RoleAssignmentBuilder) Obj() *v1alpha1.RoleAssignment { return b.object.DeepCopy() }
