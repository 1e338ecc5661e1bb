package build

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// AccessPolicyBuilder makes an AccessPolicy.
type AccessPolicyBuilder struct{ object v1alpha1.AccessPolicy }

// AccessPolicy begins a policy for the whole organization, for at most an hour, that asks nobody.
func AccessPolicy(namespace, name string) *AccessPolicyBuilder {
	return &AccessPolicyBuilder{v1alpha1.AccessPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.AccessPolicySpec{MaxDuration: "PT1H", Scopes: []v1alpha1.Scope{{}}},
	}}
}

// For adds users who may ask.
func (b *AccessPolicyBuilder) For(users ...string) *AccessPolicyBuilder {
	b.object.Spec.Requesters.Users = append(b.object.Spec.Requesters.Users, users...)
	return b
}

// ForGroup adds a group whose members may ask.
func (b *AccessPolicyBuilder) ForGroup(name string) *AccessPolicyBuilder {
	b.object.Spec.Requesters.Groups = append(b.object.Spec.Requesters.Groups, name)
	return b
}

// Offers adds roles.
func (b *AccessPolicyBuilder) Offers(roles ...string) *AccessPolicyBuilder {
	b.object.Spec.Roles = append(b.object.Spec.Roles, roles...)
	return b
}

// Permits adds a permission, under conditions.
func (b *AccessPolicyBuilder) Permits(entry v1alpha1.PermissionEntry) *AccessPolicyBuilder {
	b.object.Spec.Permissions = append(b.object.Spec.Permissions, entry)
	return b
}

// In sets where: in workspaces only.
func (b *AccessPolicyBuilder) In(workspaces ...string) *AccessPolicyBuilder {
	b.object.Spec.Scopes = nil
	for _, name := range workspaces {
		b.object.Spec.Scopes = append(b.object.Spec.Scopes, v1alpha1.Scope{Workspace: name})
	}
	return b
}

// AtMost sets for how long.
func (b *AccessPolicyBuilder) AtMost(duration v1alpha1.Duration) *AccessPolicyBuilder {
	b.object.Spec.MaxDuration = duration
	return b
}

// Wants adds a tag that requests must have.
func (b *AccessPolicyBuilder) Wants(tag string) *AccessPolicyBuilder {
	b.object.Spec.RequiredTags = append(b.object.Spec.RequiredTags, tag)
	return b
}

// DecidedBy sets how many of users have to approve.
func (b *AccessPolicyBuilder) DecidedBy(count int32, users ...string) *AccessPolicyBuilder {
	b.object.Spec.Approvals = &v1alpha1.AccessApprovals{Count: count, From: v1alpha1.AccessSubjects{Users: users}}
	return b
}

// DecidedByGroup sets that one of a group's members has to approve.
func (b *AccessPolicyBuilder) DecidedByGroup(name string) *AccessPolicyBuilder {
	b.object.Spec.Approvals = &v1alpha1.AccessApprovals{Count: 1, From: v1alpha1.AccessSubjects{Groups: []string{name}}}
	return b
}

// OnlyByName sets that requests have to name it.
func (b *AccessPolicyBuilder) OnlyByName() *AccessPolicyBuilder {
	b.object.Spec.OnlyByName = true
	return b
}

// Obj is the object.
func (b *AccessPolicyBuilder) Obj() *v1alpha1.AccessPolicy { return b.object.DeepCopy() }

// AccessRequestBuilder makes an AccessRequest.
type AccessRequestBuilder struct{ object v1alpha1.AccessRequest }

// AccessRequest begins a request of somebody for half an hour, in the whole organization.
func AccessRequest(namespace, name, requester string) *AccessRequestBuilder {
	return &AccessRequestBuilder{v1alpha1.AccessRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.AccessRequestSpec{Requester: requester, Duration: "PT30M", Justification: "Mends what is broken."},
	}}
}

// Role asks for a role.
func (b *AccessRequestBuilder) Role(name string) *AccessRequestBuilder {
	b.object.Spec.RoleRef = &v1alpha1.RoleReference{Name: name}
	return b
}

// Permission asks for a permission.
func (b *AccessRequestBuilder) Permission(entry v1alpha1.PermissionEntry) *AccessRequestBuilder {
	b.object.Spec.PermissionGrant = &entry
	return b
}

// InWorkspace sets where.
func (b *AccessRequestBuilder) InWorkspace(name string) *AccessRequestBuilder {
	b.object.Spec.Scope.Workspace = name
	return b
}

// For sets for how long.
func (b *AccessRequestBuilder) For(duration v1alpha1.Duration) *AccessRequestBuilder {
	b.object.Spec.Duration = duration
	return b
}

// By names the policy.
func (b *AccessRequestBuilder) By(policy string) *AccessRequestBuilder {
	b.object.Spec.Policy = policy
	return b
}

// Tagged adds a tag.
func (b *AccessRequestBuilder) Tagged(key string, value v1alpha1.TagValue) *AccessRequestBuilder {
	b.object.Spec.Tags = map[string]v1alpha1.TagValue{key: value}
	return b
}

// Obj is the object.
func (b *AccessRequestBuilder) Obj() *v1alpha1.AccessRequest { return b.object.DeepCopy() }

// AccessDecision is what somebody decides about a request.
func AccessDecision(about *v1alpha1.AccessRequest, name, decider string, verdict v1alpha1.AccessVerdict) *v1alpha1.AccessDecision {
	return &v1alpha1.AccessDecision{
		ObjectMeta: metav1.ObjectMeta{Namespace: about.Namespace, Name: name},
		Spec: v1alpha1.AccessDecisionSpec{
			RequestRef: v1alpha1.AccessRequestReference{Name: about.Name, UID: about.UID}, Verdict: verdict, Decider: decider,
		},
	}
}
