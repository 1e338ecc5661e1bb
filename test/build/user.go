package build

import "github.com/bailiwick-dev/bailiwick/api/v1alpha1"

// UserBuilder builds a User.
type UserBuilder struct{ object v1alpha1.User }

// User is a human whom applications know as name@example.com.
func User(namespace, name string) *UserBuilder {
	b := &UserBuilder{}
	b.object.Namespace, b.object.Name = namespace, name
	b.object.Spec.Subject = name + "@example.com"
	b.object.Spec.Type = v1alpha1.UserHuman
	return b
}

// KnownAs sets the subject, by which applications know the user.
func (b *UserBuilder) KnownAs(subject string) *UserBuilder {
	b.object.Spec.Subject = subject
	return b
}

// Titled sets the display name.
func (b *UserBuilder) Titled(displayName string) *UserBuilder {
	b.object.Spec.DisplayName = displayName
	return b
}

// ReachedAt sets the email address.
func (b *UserBuilder) ReachedAt(email string) *UserBuilder {
	b.object.Spec.Email = email
	return b
}

// OfType sets the type.
func (b *UserBuilder) OfType(userType v1alpha1.UserType) *UserBuilder {
	b.object.Spec.Type = userType
	return b
}

// Suspended takes the user's access away.
func (b *UserBuilder) Suspended() *UserBuilder {
	b.object.Spec.Suspended = true
	return b
}

// Obj is the User.
func (b *UserBuilder) Obj() *v1alpha1.User { return b.object.DeepCopy() }
