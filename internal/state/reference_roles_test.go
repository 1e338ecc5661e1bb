package state_test

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// role is what a role gives, with what it inherits; and the reason in its status.
func (w *wanted) role(o *v1alpha1.Role) ([]*structpb.Struct, string) {
	if reason := w.ungoverned(o.Namespace); reason != "" {
		return nil, reason
	}
	ancestors := w.ancestors(o)
	switch {
	case len(o.Spec.Inherits) == 0:
	case o.Spec.Type == v1alpha1.RoleBase:
		return nil, v1alpha1.ReasonBaseRoleInherits
	case slices.Contains(ancestors, o):
		return nil, v1alpha1.ReasonInheritanceCycle
	}
	for _, name := range o.Spec.Inherits {
		parent := find[*v1alpha1.Role](w, o.Namespace, name)
		if parent == nil {
			return nil, v1alpha1.ReasonRoleNotFound
		}
		if _, reason := w.role(parent); !slices.Contains(notBroken, reason) {
			return nil, v1alpha1.ReasonRoleInvalid
		}
	}
	var given []policy.Grant
	reason := v1alpha1.ReasonValid
	for _, from := range append([]*v1alpha1.Role{o}, ancestors...) {
		for _, entry := range from.Spec.PermissionGrants {
			granted, fault := policy.ParseEntry(entry, w, "")
			if fault != nil && from != o {
				continue
			}
			if fault != nil || len(granted.Tests) > 0 && condition.Cost(append(of(granted.Permission, given), granted)) > w.limits.ConditionCost {
				reason = v1alpha1.ReasonPermissionsInvalid
				continue
			}
			given = append(given, granted)
		}
	}
	contexts, err := tuples.Contexts(given, tuples.MaxContexts)
	if errors.Is(err, tuples.ErrTooLarge) {
		return nil, v1alpha1.ReasonRoleTooLarge
	}
	return contexts, reason
}

// notBroken are the reasons of roles from which others can inherit.
var notBroken = []string{v1alpha1.ReasonValid, v1alpha1.ReasonPermissionsInvalid}

// ancestors are the roles that a role inherits from and that are there, the nearest first; itself, if it
// is one of them.
func (w *wanted) ancestors(o *v1alpha1.Role) (ancestors []*v1alpha1.Role) {
	for next := []*v1alpha1.Role{o}; len(next) > 0; next = next[1:] {
		for _, name := range next[0].Spec.Inherits {
			parent := find[*v1alpha1.Role](w, o.Namespace, name)
			if parent != nil && !slices.Contains(ancestors, parent) {
				ancestors, next = append(ancestors, parent), append(next, parent)
			}
		}
	}
	return ancestors
}
