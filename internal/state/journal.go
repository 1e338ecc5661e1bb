package state

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// journal is the undo journal of an evaluation that is undone. Nobody else sees what it changes, since the lock is held until then;
// neither the index nor the store is told of it.
type journal struct {
	// before are the roles as they were, nil where there was none; nodes are where they were.
	before, nodes map[types.NamespacedName]*role
	// observe is told of roles that have been evaluated, in the order of their dependencies. False ends the evaluation.
	observe func(before map[types.NamespacedName]*role, evaluated set[types.NamespacedName]) bool
}

// keep notes a role before it is changed for the first time.
func (j *journal) keep(key types.NamespacedName, node *role) {
	if j == nil {
		return
	}
	if _, kept := j.before[key]; kept {
		return
	}
	j.nodes[key], j.before[key] = node, nil
	if node != nil {
		was := *node
		j.before[key] = &was
	}
}

// tryRole evaluates the organization's roles with one as it is here, or without it where it is nil: that one, and then its
// children as long as observe says so. The caller has the lock, and undoes it.
func (t *tenant) tryRole(key types.NamespacedName, object *v1alpha1.Role, observe func(map[types.NamespacedName]*role, set[types.NamespacedName]) bool) (undo func()) {
	j := &journal{before: map[types.NamespacedName]*role{}, nodes: map[types.NamespacedName]*role{}, observe: observe}
	j.keep(key, t.roles[key])
	old := j.before[key]
	if old != nil {
		t.named.indexRole(&old.object.Spec, key, false)
	}
	ensure(t.roles, key).object = object
	if object != nil {
		t.named.indexRole(&object.Spec, key, true)
	}
	e := emptyEvaluation(t)
	e.journal = j
	e.mark(kinds.Named(kinds.Role, key))
	e.evaluateRoles()
	return func() {
		if object != nil {
			t.named.indexRole(&object.Spec, key, false)
		}
		for kept, was := range j.before {
			if was == nil {
				delete(t.roles, kept)
				continue
			}
			*j.nodes[kept] = *was
			t.roles[kept] = j.nodes[kept]
		}
		if old != nil {
			t.named.indexRole(&old.object.Spec, key, true)
		}
	}
}
