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
	parents, lost := w.parents(o)
	contexts, reason, err := w.given(o, w.ancestors(parents))
	if errors.Is(err, tuples.ErrTooLarge) && len(parents) > 0 {
		lost = append(lost, v1alpha1.ReasonRoleTooLarge)
		contexts, reason, err = w.given(o, nil)
	}
	if errors.Is(err, tuples.ErrTooLarge) {
		return nil, v1alpha1.ReasonRoleTooLarge
	}
	for _, why := range []string{v1alpha1.ReasonRoleTooLarge, v1alpha1.ReasonBaseRoleInherits, v1alpha1.ReasonInheritanceCycle, v1alpha1.ReasonRoleNotFound, v1alpha1.ReasonRoleInvalid} {
		if slices.Contains(lost, why) {
			return contexts, why
		}
	}
	return contexts, reason
}

// given is what a role gives with what it has from others.
func (w *wanted) given(o *v1alpha1.Role, ancestors []*v1alpha1.Role) ([]*structpb.Struct, string, error) {
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
	return contexts, reason, err
}

// parents are the roles that a role has something from directly, and why it has nothing from the others.
func (w *wanted) parents(o *v1alpha1.Role) (parents []*v1alpha1.Role, lost []string) {
	for _, name := range o.Spec.Inherits {
		parent := find[*v1alpha1.Role](w, o.Namespace, name)
		switch {
		case o.Spec.Type == v1alpha1.RoleBase:
			lost = append(lost, v1alpha1.ReasonBaseRoleInherits)
		case parent == nil:
			lost = append(lost, v1alpha1.ReasonRoleNotFound)
		case w.leadsTo(parent, o, nil):
			lost = append(lost, v1alpha1.ReasonInheritanceCycle)
		case w.isTooLarge(parent):
			lost = append(lost, v1alpha1.ReasonRoleInvalid)
		default:
			parents = append(parents, parent)
		}
	}
	return parents, lost
}

// leadsTo says whether a role is another one, or names one that leads to it.
func (w *wanted) leadsTo(from, to *v1alpha1.Role, seen []*v1alpha1.Role) bool {
	if from == to {
		return true
	}
	if from == nil || slices.Contains(seen, from) || from.Spec.Type == v1alpha1.RoleBase {
		return false
	}
	return slices.ContainsFunc(from.Spec.Inherits, func(name string) bool {
		return w.leadsTo(find[*v1alpha1.Role](w, from.Namespace, name), to, append(seen, from))
	})
}

// isTooLarge says whether a role gives nothing because its entries do not fit into the store, neither alone nor with what
// it inherits, which can make conditions idle.
func (w *wanted) isTooLarge(o *v1alpha1.Role) bool {
	_, _, alone := w.given(o, nil)
	if !errors.Is(alone, tuples.ErrTooLarge) {
		return false
	}
	parents, _ := w.parents(o)
	_, _, together := w.given(o, w.ancestors(parents))
	return errors.Is(together, tuples.ErrTooLarge)
}

// ancestors are roles and all that they have something from, the nearest first.
func (w *wanted) ancestors(parents []*v1alpha1.Role) (ancestors []*v1alpha1.Role) {
	for next := parents; len(next) > 0; next = next[1:] {
		if slices.Contains(ancestors, next[0]) {
			continue
		}
		ancestors = append(ancestors, next[0])
		further, _ := w.parents(next[0])
		if _, _, err := w.given(next[0], w.ancestors(further)); err == nil {
			next = append(next, further...)
		}
	}
	return ancestors
}
