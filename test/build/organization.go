package build

import "github.com/bailiwick-dev/bailiwick/api/v1alpha1"

// OrganizationBuilder builds an Organization.
type OrganizationBuilder struct{ object v1alpha1.Organization }

// Organization is owned by a User named owner and declares no workspace.
func Organization(name string) *OrganizationBuilder {
	b := &OrganizationBuilder{}
	b.object.Name = name
	b.object.Spec.Owners = []string{"owner"}
	return b
}

// Titled sets the display name.
func (b *OrganizationBuilder) Titled(displayName string) *OrganizationBuilder {
	b.object.Spec.DisplayName = displayName
	return b
}

// OwnedBy sets the owners, by the names of their Users.
func (b *OrganizationBuilder) OwnedBy(users ...string) *OrganizationBuilder {
	b.object.Spec.Owners = users
	return b
}

// AdministeredBy sets the Role whose holders administer the organization.
func (b *OrganizationBuilder) AdministeredBy(role string) *OrganizationBuilder {
	b.object.Spec.AdminRole = role
	return b
}

// WarnsOfLastRoles has the last role of a User taken with a warning.
func (b *OrganizationBuilder) WarnsOfLastRoles() *OrganizationBuilder {
	b.object.Spec.LastRolePolicy = v1alpha1.LastRoleWarn
	return b
}

// Workspace declares a workspace and its projects.
func (b *OrganizationBuilder) Workspace(name string, projects ...string) *OrganizationBuilder {
	workspace := v1alpha1.Workspace{Name: name}
	for _, project := range projects {
		workspace.Projects = append(workspace.Projects, v1alpha1.Project{Name: project})
	}
	b.object.Spec.Workspaces = append(b.object.Spec.Workspaces, workspace)
	return b
}

// Obj is the Organization.
func (b *OrganizationBuilder) Obj() *v1alpha1.Organization { return b.object.DeepCopy() }
