package build

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// PermissionGrantBuilder makes a PermissionGrant.
type PermissionGrantBuilder struct{ object v1alpha1.PermissionGrant }

// PermissionGrant begins a grant at the whole organization that has neither subject nor permissions.
func PermissionGrant(namespace, name string) *PermissionGrantBuilder {
	return &PermissionGrantBuilder{v1alpha1.PermissionGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}}
}

// ToUser sets the subject.
func (b *PermissionGrantBuilder) ToUser(name string) *PermissionGrantBuilder {
	b.object.Spec.Subject.User = name
	return b
}

// ToGroup sets the subject.
func (b *PermissionGrantBuilder) ToGroup(name string) *PermissionGrantBuilder {
	b.object.Spec.Subject.Group = name
	return b
}

// Grants adds permissions without conditions.
func (b *PermissionGrantBuilder) Grants(permissions ...string) *PermissionGrantBuilder {
	for _, permission := range permissions {
		b.object.Spec.Permissions = append(b.object.Spec.Permissions, entry(permission, nil))
	}
	return b
}

// GrantsIf adds a permission under conditions.
func (b *PermissionGrantBuilder) GrantsIf(permission string, conditions ...Condition) *PermissionGrantBuilder {
	b.object.Spec.Permissions = append(b.object.Spec.Permissions, entry(permission, conditions))
	return b
}

// InWorkspace sets the workspace of the scope.
func (b *PermissionGrantBuilder) InWorkspace(workspace string) *PermissionGrantBuilder {
	b.object.Spec.Scope.Workspace = workspace
	return b
}

// InProject sets the workspace and project of the scope.
func (b *PermissionGrantBuilder) InProject(workspace, project string) *PermissionGrantBuilder {
	b.object.Spec.Scope.Project = project
	return b.InWorkspace(workspace)
}

// OnEvery narrows the scope to all objects of a type there.
func (b *PermissionGrantBuilder) OnEvery(resourceType string) *PermissionGrantBuilder {
	return b.OnResource(resourceType, "")
}

// OnResource narrows the scope to one object there.
func (b *PermissionGrantBuilder) OnResource(resourceType, id string) *PermissionGrantBuilder {
	b.object.Spec.Scope.Resource = &v1alpha1.ResourceReference{Type: resourceType, ID: id}
	return b
}

// At sets the scope.
func (b *PermissionGrantBuilder) At(scope v1alpha1.Scope) *PermissionGrantBuilder {
	b.object.Spec.Scope = scope
	return b
}

// From sets when it begins.
func (b *PermissionGrantBuilder) From(instant time.Time) *PermissionGrantBuilder {
	b.object.Spec.StartsAt = &metav1.Time{Time: instant}
	return b
}

// Until sets when it ends by itself.
func (b *PermissionGrantBuilder) Until(instant time.Time) *PermissionGrantBuilder {
	b.object.Spec.ExpiresAt = &metav1.Time{Time: instant}
	return b
}

// Obj is the object.
func (b *PermissionGrantBuilder) Obj() *v1alpha1.PermissionGrant { return b.object.DeepCopy() }

// TemporaryPermissionGrantBuilder makes a TemporaryPermissionGrant.
type TemporaryPermissionGrantBuilder struct {
	object v1alpha1.TemporaryPermissionGrant
}

// TemporaryPermissionGrant begins a justified grant at the whole organization that has neither user,
// permission nor end.
func TemporaryPermissionGrant(namespace, name string) *TemporaryPermissionGrantBuilder {
	return &TemporaryPermissionGrantBuilder{v1alpha1.TemporaryPermissionGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.TemporaryPermissionGrantSpec{Justification: "needed for the incident"},
	}}
}

// ToUser sets the user.
func (b *TemporaryPermissionGrantBuilder) ToUser(name string) *TemporaryPermissionGrantBuilder {
	b.object.Spec.User = name
	return b
}

// Grants sets the permission, with conditions if there are any.
func (b *TemporaryPermissionGrantBuilder) Grants(permission string, conditions ...Condition) *TemporaryPermissionGrantBuilder {
	b.object.Spec.PermissionGrant = entry(permission, conditions)
	return b
}

// InWorkspace sets the workspace of the scope.
func (b *TemporaryPermissionGrantBuilder) InWorkspace(workspace string) *TemporaryPermissionGrantBuilder {
	b.object.Spec.Scope.Workspace = workspace
	return b
}

// InProject sets the workspace and project of the scope.
func (b *TemporaryPermissionGrantBuilder) InProject(workspace, project string) *TemporaryPermissionGrantBuilder {
	b.object.Spec.Scope.Project = project
	return b.InWorkspace(workspace)
}

// OnEvery narrows the scope to all objects of a type there.
func (b *TemporaryPermissionGrantBuilder) OnEvery(resourceType string) *TemporaryPermissionGrantBuilder {
	return b.OnResource(resourceType, "")
}

// OnResource narrows the scope to one object there.
func (b *TemporaryPermissionGrantBuilder) OnResource(resourceType, id string) *TemporaryPermissionGrantBuilder {
	b.object.Spec.Scope.Resource = &v1alpha1.ResourceReference{Type: resourceType, ID: id}
	return b
}

// At sets the scope.
func (b *TemporaryPermissionGrantBuilder) At(scope v1alpha1.Scope) *TemporaryPermissionGrantBuilder {
	b.object.Spec.Scope = scope
	return b
}

// From sets when it begins.
func (b *TemporaryPermissionGrantBuilder) From(instant time.Time) *TemporaryPermissionGrantBuilder {
	b.object.Spec.StartsAt = &metav1.Time{Time: instant}
	return b
}

// For sets how long it lasts.
func (b *TemporaryPermissionGrantBuilder) For(duration v1alpha1.Duration) *TemporaryPermissionGrantBuilder {
	b.object.Spec.Duration = &duration
	return b
}

// Until sets its deadline.
func (b *TemporaryPermissionGrantBuilder) Until(instant time.Time) *TemporaryPermissionGrantBuilder {
	b.object.Spec.ExpiresAt = &metav1.Time{Time: instant}
	return b
}

// Because sets the justification.
func (b *TemporaryPermissionGrantBuilder) Because(justification string) *TemporaryPermissionGrantBuilder {
	b.object.Spec.Justification = justification
	return b
}

// Tagged adds a tag.
func (b *TemporaryPermissionGrantBuilder) Tagged(key, value string) *TemporaryPermissionGrantBuilder {
	if b.object.Spec.Tags == nil {
		b.object.Spec.Tags = map[string]v1alpha1.TagValue{}
	}
	b.object.Spec.Tags[key] = v1alpha1.TagValue(value)
	return b
}

// Annotated sets an annotation.
func (b *TemporaryPermissionGrantBuilder) Annotated(key, value string) *TemporaryPermissionGrantBuilder {
	metav1.SetMetaDataAnnotation(&b.object.ObjectMeta, key, value)
	return b
}

// DeletedAfter sets how long the object stays after its deadline.
func (b *TemporaryPermissionGrantBuilder) DeletedAfter(duration v1alpha1.Duration) *TemporaryPermissionGrantBuilder {
	b.object.Spec.TTLAfterExpired = &duration
	return b
}

// Obj is the object.
func (b *TemporaryPermissionGrantBuilder) Obj() *v1alpha1.TemporaryPermissionGrant {
	return b.object.DeepCopy()
}
