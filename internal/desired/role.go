package desired

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/render"
)

type role struct {
	object  *v1alpha1.Role
	outcome Outcome
	// grants are what the role gives; contexts are the same, as the store holds it.
	grants   []policy.Grant
	contexts []*structpb.Struct
	visible  visibleRole
}

// visibleRole is what assignments see of a role. What it gives is not part of that: an edit there
// costs a write per scope, and nothing per assignment.
type visibleRole struct {
	there, broken, empty bool
	kind                 v1alpha1.RoleType
	levels               string
}

func (p *pass) evaluateRole(key types.NamespacedName) {
	s := p.state
	node := s.roles[key]
	old := *node
	now := Outcome{}
	node.grants, node.contexts, node.visible = nil, nil, visibleRole{}
	if node.object == nil {
		delete(s.roles, key)
	} else {
		now = s.judgeRole(key, node)
	}
	ref := Ref{KindRole, key.Namespace, key.Name}
	p.judge(ref, &node.outcome, now)
	if slices.EqualFunc(old.contexts, node.contexts, func(a, b *structpb.Struct) bool { return proto.Equal(a, b) }) {
		node.contexts = old.contexts // the same in content, and the same in memory for whoever compares
	} else {
		for cell := range s.cellsOf[key] {
			p.change.Cells = append(p.change.Cells, Touched[render.Cell]{What: cell, By: ref})
		}
	}
	if old.visible != node.visible {
		all(p.assignments, s.named.assignedRole, key)
	}
}

// judgeRole says what there is to say of a role, and sets what it gives.
func (s *State) judgeRole(key types.NamespacedName, node *role) Outcome {
	spec := &node.object.Spec
	levels := make([]string, 0, len(spec.AssignableAt))
	for _, level := range spec.AssignableAt {
		levels = append(levels, string(level))
	}
	node.visible = visibleRole{there: true, kind: spec.Type, levels: strings.Join(levels, ",")}
	if _, ungoverned := s.governed(key.Namespace); ungoverned != nil {
		node.visible.broken = true
		return *ungoverned
	}
	grants, faults := policy.ParseEntries(spec.PermissionGrants, s.catalogue)
	grants, expensive := affordable(grants, s.limits.ConditionCost)
	faults = append(faults, expensive...)

	contexts, err := render.Contexts(grants, render.MaxContexts)
	if err != nil {
		node.visible.broken = true
		return Outcome{Reason: v1alpha1.ReasonRoleTooLarge, Stalled: true, Message: fmt.Sprintf(
			"spec.permissionGrants: %v: split the role in two, and assign both", err)}
	}
	node.grants, node.contexts = grants, contexts
	node.visible.empty = len(contexts) == 0
	if len(faults) > 0 {
		return Outcome{
			Reason: v1alpha1.ReasonPermissionsInvalid, Faults: faults, Stalled: !allCanComeByThemselves(faults),
			Message: fmt.Sprintf("%d of %d entries of spec.permissionGrants grant nothing, the others hold: see status.permissions; the first: %s: %s",
				len(faults), len(spec.PermissionGrants), faults[0].Permission, faults[0].Message),
		}
	}
	return Outcome{Reason: v1alpha1.ReasonValid, Ready: true, Message: fmt.Sprintf("gives %d permissions", len(spec.PermissionGrants))}
}

func allCanComeByThemselves(faults []v1alpha1.PermissionFault) bool {
	return !slices.ContainsFunc(faults, func(fault v1alpha1.PermissionFault) bool { return !policy.CanComeByItself(fault.Reason) })
}

// affordable leaves out the grants with which a decision about their permission would cost more than
// the store allows, those that come later first.
func affordable(grants []policy.Grant, limit int) (kept []policy.Grant, faults []v1alpha1.PermissionFault) {
	admitted := map[string][]policy.Grant{}
	for _, grant := range grants {
		with := append(slices.Clip(admitted[grant.Permission]), grant)
		if cost := render.Cost(with); len(grant.Tests) > 0 && cost > limit {
			faults = append(faults, v1alpha1.PermissionFault{
				Permission: grant.Permission, Reason: v1alpha1.ReasonConditionTooExpensive, Message: fmt.Sprintf(
					"with this entry's %d conditions, a decision about the permission would cost %d, and the store allows %d: use fewer conditions, In instead of several entries, or another permission",
					len(grant.Tests), cost, limit),
			})
			continue
		}
		admitted[grant.Permission] = with
		kept = append(kept, grant)
	}
	return kept, faults
}
