package state

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

type role struct {
	object  *v1alpha1.Role
	outcome Outcome
	// own are the grants of the role's own entries, and faults those entries that grant nothing.
	own    []ownGrant
	faults []v1alpha1.PermissionFault
	// follows are the roles that it inherits from directly, and skipped the entries of inherits that give nothing.
	follows []types.NamespacedName
	skipped []skippedParent
	// inherited are the grants of its ancestors, of which there are so many, the nearest first. A child of this role alone has the
	// same, and those of this role before them.
	inherited []inheritedGrant
	ancestors int
	// given is what the role gives, with what it inherits, as the index has it; contexts are the same, as the store holds it.
	given    []entitlement.RoleGrant
	contexts []*structpb.Struct
	visible  visibleRole
}

func (r *role) effective() v1alpha1.Object { return orNil(r.object) }

func (r *role) lastOutcome() Outcome { return r.outcome }

// roleKeeper keeps Roles.
type roleKeeper struct{ plain }

func (roleKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.roles, ref.Key()) }

func (roleKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] { return eachIn(kinds.Role, t.roles) }

func (roleKeeper) evaluate(e *evaluation) { e.evaluateRoles() }

func (roleKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o, key := object.(*v1alpha1.Role), ref.Key()
	ensure(e.tenant.roles, key).object = &v1alpha1.Role{ObjectMeta: nameAndAge(o), Spec: o.Spec}
	e.tenant.named.indexRole(&o.Spec, key, true)
	e.use(ref, true, o.Spec.Inherits...)
}

func (roleKeeper) delete(e *evaluation, ref kinds.Ref) {
	key := ref.Key()
	node := e.tenant.roles[key]
	e.tenant.named.indexRole(&node.object.Spec, key, false)
	e.use(ref, false, node.object.Spec.Inherits...)
	node.object = nil
}

// visibleRole is what assignments see of a role. What it gives is not part of that: an edit there
// costs a write per scope, and nothing per assignment.
type visibleRole struct {
	there, broken, empty bool
	kind                 v1alpha1.RoleType
	levels               string
}

// evaluateRoles evaluates the roles that a change has touched and all their descendants, each after the roles
// that it inherits from. Of a cycle that a change has opened or closed, all roles are descendants of what has changed.
func (e *evaluation) evaluateRoles() {
	for key := range e.marked[kinds.Role] {
		if node := e.tenant.roles[key]; node.object != nil {
			e.tenant.parseEntries(node)
		}
	}
	for _, component := range e.tenant.components(e.tenant.withDescendants(e.marked[kinds.Role])) {
		for key := range component {
			e.evaluateRole(key, component)
		}
		if e.journal != nil && e.journal.observe != nil && !e.journal.observe(e.journal.before, component) {
			return
		}
	}
}

// ownGrant is a grant of a role's own entries, and what the store is told of it: made once, however many roles inherit it.
type ownGrant struct {
	policy.Grant
	// key tells it apart, where it has conditions.
	key   string
	entry *tuples.Entry
}

// parseEntries reads a role's own entries. What was encoded before is kept, so that an edit takes as long as what is new in it.
func (t *tenant) parseEntries(node *role) {
	grants, faults := policy.ParseEntries(node.object.Spec.PermissionGrants, t.catalogue)
	encoded := map[string]*tuples.Entry{}
	for _, before := range node.own {
		if before.key != "" {
			encoded[before.key] = before.entry
		}
	}
	node.own, node.faults = make([]ownGrant, 0, len(grants)), faults
	for _, grant := range grants {
		key := ""
		if !grant.Always() {
			key = grant.Permission + "\n" + grant.TestsKey()
		}
		entry := encoded[key]
		if entry == nil {
			entry = tuples.EntryOf(grant)
			t.encoded.Add(1)
		}
		node.own = append(node.own, ownGrant{grant, key, entry})
	}
}

// evaluateRole evaluates a role that is in a cycle with the others of its component, if there are any.
func (e *evaluation) evaluateRole(key types.NamespacedName, component set[types.NamespacedName]) {
	t := e.tenant
	node := t.roles[key]
	e.journal.keep(key, node)
	old := *node
	now := Outcome{}
	*node = role{object: old.object, outcome: old.outcome, own: old.own, faults: old.faults}
	if node.object == nil {
		delete(t.roles, key)
	} else {
		now = e.evaluateRoleSpec(key, node, component)
	}
	e.touched.add(dependency{role: key.Name})
	ref := kinds.Named(kinds.Role, key)
	if e.setOutcome(ref, &node.outcome, now); e.journal != nil {
		return // nobody is told
	}
	same := tuples.SameContexts(old.contexts, node.contexts)
	if !same || !slices.EqualFunc(old.given, node.given, sameRoleGrant) {
		e.entitlements = append(e.entitlements, entitlement.Update{Role: &entitlement.RoleUpdate{Name: key.Name, Grants: node.given}})
	}
	if same {
		node.contexts = old.contexts // the same in content, and the same in memory for whoever compares
	} else {
		for cell := range t.cellsOf[key] {
			e.change.Cells = append(e.change.Cells, Touched[tuples.Cell]{What: cell, By: ref})
		}
	}
	if old.visible != node.visible {
		e.markAll(kinds.RoleAssignment, t.named.assignedRole[key])
	}
}

// sameRoleGrant says whether two grants are the same, and of the same role. Contexts don't tell: an entry that is given twice, or beside
// one without conditions, leaves no trace there.
func sameRoleGrant(a, b entitlement.RoleGrant) bool {
	return a.From == b.From && (a.Grant == b.Grant || policy.SameConditions(*a.Grant, *b.Grant))
}

// evaluateRoleSpec says what there is to say of a role, and sets what it gives: what it can.
func (e *evaluation) evaluateRoleSpec(key types.NamespacedName, node *role, component set[types.NamespacedName]) Outcome {
	t, spec := e.tenant, &node.object.Spec
	levels := make([]string, 0, len(spec.AssignableAt))
	for _, level := range spec.AssignableAt {
		levels = append(levels, string(level))
	}
	node.visible = visibleRole{there: true, kind: spec.Type, levels: strings.Join(levels, ",")}
	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		node.visible.broken = true
		return *ungoverned
	}
	node.follows, node.skipped = t.resolveParents(key, node, component)
	if !t.inherit(key, node) {
		node.inheritNothing(fmt.Sprintf("the role inherits from more than %d roles, directly and through others: list permissions here instead, or split the role in two", maxAncestors))
	}
	faults, err := e.fill(node)
	if err != nil && len(node.follows) > 0 {
		node.inheritNothing(fmt.Sprintf("with what is inherited, %v: split the role in two, and assign both", err))
		faults, err = e.fill(node)
	}
	if err != nil {
		node.visible.broken = true
		return Outcome{Reason: v1alpha1.ReasonRoleTooLarge, Stalled: true, Message: fmt.Sprintf(
			"spec.permissionGrants: %v: split the role in two, and assign both", err)}
	}
	node.visible.empty = len(node.contexts) == 0
	outcome := Outcome{Reason: v1alpha1.ReasonValid, Ready: true}
	outcome.Own, outcome.Inherited = node.countPermissions()
	outcome.Message = fmt.Sprintf("gives %d permissions", outcome.Own)
	if len(spec.Inherits) > 0 {
		outcome.Message += fmt.Sprintf(", and %d more that it inherits", outcome.Inherited)
	}
	node.reportSkipped(&outcome)
	if len(faults) > 0 {
		entries := "spec.permissionGrants"
		if len(node.inherited) > 0 {
			entries += " and of what is inherited"
		}
		message := fmt.Sprintf("%d of %d entries of %s grant nothing, the others hold: see status.permissions; the first: %s: %s",
			len(faults), len(spec.PermissionGrants)+len(node.inherited), entries, faults[0].Permission, faults[0].Message)
		if outcome.Ready {
			outcome.Reason, outcome.Message = v1alpha1.ReasonPermissionsInvalid, message
		} else {
			outcome.Message += "; " + message
		}
		outcome.Faults, outcome.Ready, outcome.Stalled = faults, false, outcome.Stalled || !allCanComeByThemselves(faults)
	}
	return outcome
}

// fill sets what a role gives: its own entries first, so that what is inherited never takes them away. It names the
// entries that would make a decision too expensive; an error says that all others do not fit into the store.
func (e *evaluation) fill(node *role) ([]v1alpha1.PermissionFault, error) {
	kept, expensive := affordable(withOwn("", node.own, node.inherited), e.tenant.limits.ConditionCost)
	given, entries := make([]entitlement.RoleGrant, len(kept)), make([]*tuples.Entry, len(kept))
	for n, grant := range kept {
		given[n], entries[n] = entitlement.RoleGrant{Grant: &grant.Grant, From: grant.from}, grant.entry
	}
	before := e.encoder.Merged
	contexts, err := e.encoder.Contexts(entries, tuples.MaxContexts)
	e.tenant.merged.Add(int64(e.encoder.Merged - before))
	if err != nil {
		return nil, err
	}
	node.given, node.contexts = given, contexts
	return slices.Concat(node.faults, expensive), nil
}

// skipReasons are those of entries of inherits that give nothing, the one first that a status has where there are several.
var skipReasons = []string{
	v1alpha1.ReasonRoleTooLarge, v1alpha1.ReasonBaseRoleInherits, v1alpha1.ReasonInheritanceCycle, v1alpha1.ReasonRoleNotFound, v1alpha1.ReasonRoleInvalid,
}

// reportSkipped names the entries of inherits that give nothing.
func (r *role) reportSkipped(outcome *Outcome) {
	if len(r.skipped) == 0 {
		return
	}
	messages := make([]string, 0, len(r.skipped))
	place := len(skipReasons)
	for _, skipped := range r.skipped {
		messages = append(messages, skipped.outcome.Message)
		place = min(place, slices.Index(skipReasons, skipped.outcome.Reason))
		outcome.Stalled = outcome.Stalled || skipped.outcome.Stalled
		outcome.NotInherited = append(outcome.NotInherited, NotInherited{Role: skipped.name, Message: skipped.outcome.Message})
	}
	outcome.Reason, outcome.Ready = skipReasons[place], false
	outcome.Message = fmt.Sprintf("spec.inherits: %d of %d entries give nothing, all else holds: %s",
		len(r.skipped), len(r.object.Spec.Inherits), strings.Join(messages, "; "))
}

// countPermissions counts the permissions of a role that its own entries give, and those that it has only
// by inheritance.
func (r *role) countPermissions() (own, inherited int) {
	ours := set[string]{}
	for n := range r.own {
		ours.add(r.own[n].Permission)
	}
	all := 0
	for _, context := range r.contexts { // each permission is in one of them
		all += condition.Count(context)
		for permission := range ours {
			if condition.Gives(context, permission) {
				own++
			}
		}
	}
	return own, all - own
}

func allCanComeByThemselves(faults []v1alpha1.PermissionFault) bool {
	return !slices.ContainsFunc(faults, func(fault v1alpha1.PermissionFault) bool { return !policy.CanComeByItself(fault.Reason) })
}
