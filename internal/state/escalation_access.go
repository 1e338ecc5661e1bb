package state

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// accessPolicy: a policy counts as giving all that it offers, at every scope, to whoever may ask: by itself where nobody
// decides, else with the help of deciders that its author chooses.
func (g *escalationCheck) accessPolicy(old, object *v1alpha1.AccessPolicy) {
	if object == nil || old != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return
	}
	s, spec := g.state, &object.Spec
	var before *v1alpha1.AccessPolicySpec
	if old != nil {
		before = &old.Spec
	}
	for n := range spec.Scopes {
		if before != nil && slices.ContainsFunc(before.Scopes, func(was v1alpha1.Scope) bool { return equality.Semantic.DeepEqual(was, spec.Scopes[n]) }) {
			continue
		}
		_, without := s.judgeScope(g.key.Namespace, &spec.Scopes[n])
		g.needs(without)
	}
	for _, name := range spec.Roles {
		if before == nil || !slices.Contains(before.Roles, name) || widensPolicy(before, spec) {
			g.needs(s.unresolvedRole("spec.roles", sibling(g.key, name)))
		}
	}
	for n, written := range spec.Permissions {
		unchanged := func(entry v1alpha1.PermissionEntry) bool { return equality.Semantic.DeepEqual(entry, written) }
		if before != nil && slices.ContainsFunc(before.Permissions, unchanged) {
			continue
		}
		if _, fault := policy.ParseEntry(written, s.catalogue, ""); fault != nil {
			g.needs(&Outcome{Message: fmt.Sprintf("spec.permissions[%d]: %s: %s", n, written.Permission, fault.Message)})
		}
	}
	g.needsPeople("spec.requesters", &spec.Requesters)
	if spec.Approvals != nil {
		g.needsPeople("spec.approvals.from", &spec.Approvals.From)
	}
	if before != nil && !widensPolicy(before, spec) {
		g.had = s.offeredBy(g.key, before)
	}
	g.give(s.offeredBy(g.key, spec)...)
}

// needsPeople: whoever comes under a name that is not there yet would be who may ask, or decides.
func (g *escalationCheck) needsPeople(field string, subjects *v1alpha1.AccessSubjects) {
	for _, name := range subjects.Users {
		if _, without := g.state.judgeSubjectUser(field+".users", sibling(g.key, name)); without != nil && isMissing(without.Reason) {
			g.needs(without)
		}
	}
	for _, name := range subjects.Groups {
		_, without := g.state.judgeSubjectGroup(field+".groups", sibling(g.key, name))
		g.needs(without)
	}
}

// widensPolicy says whether what was offered before can be had by more people, for longer, or with less asked: who decides
// counts as that, whoever it was before.
func widensPolicy(before, after *v1alpha1.AccessPolicySpec) bool {
	more := func(was, is []string) bool {
		return slices.ContainsFunc(is, func(name string) bool { return !slices.Contains(was, name) })
	}
	was, err := policy.ParseDuration(before.MaxDuration)
	is, err2 := policy.ParseDuration(after.MaxDuration)
	return more(before.Requesters.Users, after.Requesters.Users) || more(before.Requesters.Groups, after.Requesters.Groups) ||
		err != nil || err2 != nil || is > was || more(after.RequiredTags, before.RequiredTags) || before.OnlyByName && !after.OnlyByName ||
		!equality.Semantic.DeepEqual(before.Approvals, after.Approvals)
}

// offeredBy are the privileges that can be asked for by a policy, as all else is.
func (s *tenant) offeredBy(key types.NamespacedName, spec *v1alpha1.AccessPolicySpec) (privileges []Privilege) {
	for n := range spec.Scopes {
		path, without := s.judgeScope(key.Namespace, &spec.Scopes[n])
		if without != nil {
			continue
		}
		for _, name := range spec.Roles {
			privileges = append(privileges, s.rolePowers(sibling(key, name), path)...)
		}
		ofType := path.ResourceType
		if path.ResourceID == "" {
			path = path.Container()
		}
		for _, written := range spec.Permissions {
			if granted, fault := policy.ParseEntry(written, s.catalogue, ofType); fault == nil {
				privileges = append(privileges, Privilege{Grant: granted, At: path})
			}
		}
	}
	return privileges
}

// offeredTo are the privileges that policies offer to a User or a Group, or let them decide about.
func (s *tenant) offeredTo(kind string, to types.NamespacedName) (privileges []Privilege) {
	for key, node := range s.policies {
		if node.object != nil && namesToGive(node.object, kind, to.Name) {
			privileges = append(privileges, s.offeredBy(key, &node.object.Spec)...)
		}
	}
	return privileges
}
