package build

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// GroupMembershipBuilder makes a GroupMembership.
type GroupMembershipBuilder struct{ object v1alpha1.GroupMembership }

// GroupMembership begins a membership of a user in a group, with nothing said about role or permissions.
func GroupMembership(namespace, name, user, group string) *GroupMembershipBuilder {
	return &GroupMembershipBuilder{v1alpha1.GroupMembership{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.GroupMembershipSpec{User: user, Group: group},
	}}
}

// As sets the role.
func (b *GroupMembershipBuilder) As(role v1alpha1.GroupRole) *GroupMembershipBuilder {
	b.object.Spec.Role = role
	return b
}

// Configured sets which configurable permissions an admin has.
func (b *GroupMembershipBuilder) Configured(mode v1alpha1.ConfigurableMode, overrides map[string]bool) *GroupMembershipBuilder {
	b.object.Spec.ConfigurablePermissions = &v1alpha1.ConfigurablePermissions{Mode: mode, Overrides: overrides}
	return b
}

// From sets when it begins.
func (b *GroupMembershipBuilder) From(instant time.Time) *GroupMembershipBuilder {
	b.object.Spec.StartsAt = &metav1.Time{Time: instant}
	return b
}

// Until sets when it ends by itself.
func (b *GroupMembershipBuilder) Until(instant time.Time) *GroupMembershipBuilder {
	b.object.Spec.ExpiresAt = &metav1.Time{Time: instant}
	return b
}

// Obj is the object.
func (b *GroupMembershipBuilder) Obj() *v1alpha1.GroupMembership { return b.object.DeepCopy() }

// InvitationBuilder makes an Invitation.
type InvitationBuilder struct{ object v1alpha1.Invitation }

// Invitation begins an invitation that can be accepted for as long as is usual.
func Invitation(namespace, name string) *InvitationBuilder {
	return &InvitationBuilder{v1alpha1.Invitation{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.InvitationSpec{Email: name + "@example.com"},
	}}
}

// ValidFor sets how long it can be accepted.
func (b *InvitationBuilder) ValidFor(duration v1alpha1.Duration) *InvitationBuilder {
	b.object.Spec.ValidFor = &duration
	return b
}

// AcceptedBy sets the user who has accepted.
func (b *InvitationBuilder) AcceptedBy(user string) *InvitationBuilder {
	b.object.Spec.AcceptedBy = user
	return b
}

// Obj is the object.
func (b *InvitationBuilder) Obj() *v1alpha1.Invitation { return b.object.DeepCopy() }
