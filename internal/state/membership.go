package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

type membership struct {
	object  *v1alpha1.GroupMembershipSpec
	age     metav1.Time
	uid     types.UID
	outcome Outcome
	claims  claims
}

// rivals are the memberships of one user in one group: which of them holds may change.
func (p *pass) rivals(of pair) { all(p.memberships, p.state.named.sameMembership, of) }

func (p *pass) evaluateMembership(key types.NamespacedName) {
	s := p.state
	node := s.memberships[key]
	now, wants := Outcome{}, claims{}
	if node.object == nil {
		delete(s.memberships, key)
	} else {
		now, wants = s.judgeMembership(key, node.object)
	}
	ref := kinds.Named(kinds.GroupMembership, key)
	p.judge(ref, &node.outcome, now)
	p.claim(ref, &node.claims, wants)
}

func (s *tenant) judgeMembership(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec) (Outcome, claims) {
	if _, ungoverned := s.governed(key.Namespace); ungoverned != nil {
		return *ungoverned, claims{}
	}
	holder := oldest(s.named.sameMembership[pair{key.Namespace, spec.User, spec.Group}], func(a, b types.NamespacedName) int {
		if byTime := s.memberships[a].age.Time.Compare(s.memberships[b].age.Time); byTime != 0 {
			return byTime
		}
		return strings.Compare(a.Name, b.Name)
	})
	if holder != key {
		return Outcome{Reason: v1alpha1.ReasonDuplicate, Stalled: true, Message: fmt.Sprintf(
			"the older GroupMembership %s is of the same user and group, and holds: delete one of the two", holder.Name)}, claims{}
	}
	if _, without := s.judgeSubjectGroup("spec.group", sibling(key, spec.Group)); without != nil {
		return *without, claims{}
	}
	subject, without := s.judgeSubjectUser("spec.user", sibling(key, spec.User))
	if without != nil {
		return *without, claims{}
	}
	return s.judgeMember(key, spec, subject)
}

// judgeMember says what a membership that holds gives.
func (s *tenant) judgeMember(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec, subject string) (Outcome, claims) {
	group := objectid.Group(key.Namespace, spec.Group)
	outcome := Outcome{Reason: v1alpha1.ReasonInForce, Ready: true, InForce: true, Message: "a member of the group"}
	wants := claims{facts: entitlement.Facts{Membership: &entitlement.Membership{User: spec.User, Group: spec.Group}}}
	wants.tuples = append(wants.tuples, tuples.Member(group, subject))
	if spec.Role != v1alpha1.GroupAdmin {
		return outcome, wants
	}
	outcome.Message = "an admin of the group"
	wants.tuples = append(wants.tuples, tuples.Admin(group, subject))
	configurable := s.groups[sibling(key, spec.Group)].object.Spec.ConfigurablePermissions
	outcome.Permissions = configured(configurable, spec.ConfigurablePermissions)
	var grants []policy.Grant
	unknown := 0
	for _, permission := range outcome.Permissions {
		switch {
		case permission.Granted:
			grants = append(grants, policy.Grant{Permission: permission.Permission})
		case permission.Reason == v1alpha1.ReasonPermissionNotFound:
			unknown++
		}
	}
	if unknown > 0 {
		outcome.Ready, outcome.Reason = false, v1alpha1.ReasonPermissionsInvalid
		outcome.Message = fmt.Sprintf("spec.configurablePermissions.overrides: the Group %s does not have %d of the %d, which status.permissions names: correct the names, or add them to its configurablePermissions; all else holds",
			spec.Group, unknown, len(spec.ConfigurablePermissions.Overrides))
	}
	contexts, err := tuples.Contexts(grants, 1)
	if err != nil {
		configurableTooLarge(&outcome, spec.Group)
	}
	if len(contexts) > 0 {
		cell := tuples.GrantCell(group, subject)
		wants.cell, wants.contexts = &cell, contexts
		for _, grant := range grants {
			wants.facts.Membership.Permissions = append(wants.facts.Membership.Permissions, grant.Permission)
		}
	}
	return outcome, wants
}

// configurableTooLarge says that an admin has none of a group's configurable permissions.
func configurableTooLarge(outcome *Outcome, group string) {
	outcome.Ready, outcome.Stalled, outcome.Reason = false, true, v1alpha1.ReasonPermissionsInvalid
	outcome.Message = fmt.Sprintf("the configurablePermissions of the Group %s do not fit into the store, so its admins have none of them: shorten the names, or take some out; all else holds", group)
	for n := range outcome.Permissions {
		if outcome.Permissions[n].Granted {
			outcome.Permissions[n].Granted, outcome.Permissions[n].Reason = false, v1alpha1.ReasonContextTooLarge
			outcome.Permissions[n].Message = "with the others, it does not fit into the store"
		}
	}
}

// configured says of each configurable permission of a group whether an admin has it, and names the
// overrides that are none.
func configured(configurable []string, chosen *v1alpha1.ConfigurablePermissions) []v1alpha1.PermissionOutcome {
	if chosen == nil {
		chosen = &v1alpha1.ConfigurablePermissions{Mode: v1alpha1.ConfigurableAll}
	}
	outcomes := make([]v1alpha1.PermissionOutcome, 0, len(configurable))
	for _, permission := range slices.Sorted(slices.Values(configurable)) {
		enabled := chosen.Mode != v1alpha1.ConfigurableNone
		if override, given := chosen.Overrides[permission]; given && chosen.Mode == v1alpha1.ConfigurableCustom {
			enabled = override
		}
		outcome := v1alpha1.PermissionOutcome{Permission: permission, Granted: enabled, Reason: v1alpha1.ReasonGranted}
		if !enabled {
			outcome.Reason = v1alpha1.ReasonDisabled
		}
		outcomes = append(outcomes, outcome)
	}
	for _, name := range slices.Sorted(maps.Keys(chosen.Overrides)) {
		if !slices.Contains(configurable, name) {
			outcomes = append(outcomes, v1alpha1.PermissionOutcome{
				Permission: name, Reason: v1alpha1.ReasonPermissionNotFound, Message: "the group has no such configurable permission",
			})
		}
	}
	return outcomes
}
